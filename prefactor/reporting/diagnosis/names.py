"""How models and laws are called and drawn, the same all over the page."""

from collections.abc import Mapping, Sequence

from prefactor.evaluation.scaling import law
from prefactor.evaluation.scaling.pool import ORACLE, RANDOM
from prefactor.reporting.estimates import MINUS
from prefactor.reporting.figures import Mark
from prefactor.reporting.name import Name
from prefactor.reporting.style import NAMES, Style, method_colours, method_name

PUBLISHED, MEASURED_KAPPA, OWN_KAPPA, OWN_SPREAD = law.LAWS
LAWS: Mapping[str, str] = {
    PUBLISHED: "Published",
    MEASURED_KAPPA: "Measured κ",
    OWN_KAPPA: "Scores' κ",
    OWN_SPREAD: "Scores' κ, sρ",
}
LAW_WORDS: Mapping[str, str] = {
    PUBLISHED: "the published law",
    MEASURED_KAPPA: "the law with the measured κ",
    OWN_KAPPA: "the law with the scores' κ",
    OWN_SPREAD: "the law with the scores' κ and sρ",
}
TRAITS: Mapping[str, str] = {
    "gold_spread": "the spread of their utilities within a query",
    "queries": "the number of their queries",
    "known_pairs": "the number of their known pairs",
}
Styles = Mapping[str, Style]
OWN_NAMES = {ORACLE: "Oracle", RANDOM: "Random"}
VARIANT = "/"  # parts a method from its variant in a model's name


def name_of(model: str) -> str:
    """``vrf`` -> VRF, ``vrf/faithful`` -> VRF (faithful); a name that is nobody's of ours stays as it is."""
    method, _, variant = model.partition(VARIANT)
    if method not in NAMES:
        return OWN_NAMES.get(model, model)
    return Name(method_name(method), variant).words


def rule_name(rule: str) -> str:
    """``mean - c std`` with a minus sign that is one."""
    return rule.replace(" - ", f" {MINUS} ")


def styles_of(models: Sequence[str]) -> dict[str, Style]:
    """A colour for each method; further models of a colour are drawn open."""
    colours = method_colours(model.partition(VARIANT)[0] for model in models)
    found: dict[str, Style] = {}
    for model in sorted(models):
        colour = colours[model.partition(VARIANT)[0]]
        found[model] = Style(colour, open=any(style.colour == colour for style in found.values()))
    return found


def mark_of(model: str, styles: Styles) -> Mark:
    """A model's curve; that of what bounds all models is dashed."""
    return Mark(name_of(model), "", styles.get(model))
