"""How methods of generation are called and drawn, the same all over the page."""

from prefactor.evaluation.generation.settings import parsed_setting
from prefactor.reporting.name import Name
from prefactor.reporting.style import KNOWN, Style, method_name

CHOOSERS = {"best_of_n": "Best-of-N", "args": "ARGS", "exact+best_of_n": "EXACT+Best-of-N"}
OWN_NAMES = {
    "base": ("Base model", ""),
    "history": ("History", "in the prompt"),
    "exact_global": ("EXACT", "one subset"),
    "dpo": ("DPO", "per user"),
    "lora_reward": ("Reward", "LoRA, per user"),
    "random": ("Random", ""),
}
FORMS = ("drift", "exact")  # whose further forms are named after them: drift_logistic

STYLES = {
    "base": Style("grey", open=True),
    "history": Style("orange"),
    "drift": Style("blue"),
    "exact": Style("green"),
    "exact_global": Style("green", open=True),
    "dpo": Style("purple"),
    "lora_reward": Style("purple", open=True),
    "best_of_n-vrf": Style("vermillion"),
    "best_of_n-bt": Style("grey"),
    "args-vrf": Style("vermillion", open=True),
    "exact+best_of_n-vrf": Style("sky"),
}
ORDER = (
    *("base", "history", "drift", "exact", "exact_global", "best_of_n-bt", "best_of_n-vrf", "args-bt", "args-vrf"),
    *("exact+best_of_n-vrf", "lora_reward", "dpo", "vrf", "bt"),
)
SILENT = ("judge", "against", "users")  # settings that a heading names
CEILINGS = ("oracle", "random")


def name_of(method: str, setting: str = "") -> Name:
    """``best_of_n-vrf`` -> Best-of-N, by VRF; what its setting adds follows, but for what SILENT says elsewhere."""
    name, detail = OWN_NAMES.get(method, (method_name(method), ""))
    chooser, _, reward = method.rpartition("-")
    first, _, form = method.partition("_")
    if chooser in CHOOSERS:
        name, detail = CHOOSERS[chooser], f"by {method_name(reward)}"
    elif first in FORMS and form and method not in OWN_NAMES:
        name, detail = method_name(first), form.replace("_", " ")
    further = [f"{key} = {value}" for key, value in parsed_setting(setting).items() if key not in SILENT]
    return Name(name, ", ".join(part for part in (detail, *further) if part))


def style_of(method: str) -> Style | None:
    """Its colour; None for what bounds the others, which is drawn dashed."""
    if method in CEILINGS:
        return None
    reward, first = method.rpartition("-")[2], method.partition("_")[0]
    if method in STYLES or first not in FORMS:
        return STYLES.get(method, Style(KNOWN.get(reward, "sky"), open=method != reward))
    return Style(STYLES[first].colour, open=True)


def place(method: str) -> tuple[float, str]:
    """Sorts methods as the papers list them: simple ones first, reward models and ceilings last."""
    first = method.partition("_")[0]
    if method in ORDER or first in FORMS:
        return (ORDER.index(method) if method in ORDER else ORDER.index(first) + 0.5), method
    return len(ORDER) + (method in CEILINGS), method
