"""How methods are named and coloured, everywhere in the report alike."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# Okabe and Ito's palette without its yellow, which is too pale for a line on paper. Grey is kept for BT, the
# baseline that all others are held against. The second colour is the one used on a dark page.
PALETTE: Mapping[str, tuple[str, str]] = {
    "vermillion": ("#d55e00", "#ff8a3d"),
    "blue": ("#0072b2", "#5cb3ea"),
    "green": ("#009e73", "#2fc79b"),
    "purple": ("#b8578f", "#e59ac3"),
    "orange": ("#cf8a00", "#f0b43c"),
    "sky": ("#3f9fd1", "#8fd0f5"),
    "grey": ("#636b74", "#aab2bb"),
}
THEME: Mapping[str, tuple[str, str]] = {
    "ink": ("#1c2024", "#e8e6e1"),
    "muted": ("#686f77", "#9aa1a9"),
    "rule": ("#dfe1e4", "#353a40"),
    "paper": ("#fdfdfb", "#16181b"),
}
KNOWN = {
    "vrf": "vermillion",
    "lore": "blue",
    "bt": "grey",
    "pref": "green",
    "pal": "purple",
    "vpl": "orange",
    "ref": "sky",
}
NAMES = {
    "bt": "BT",
    "lore": "LoRe",
    "vrf": "VRF",
    "vpl": "VPL",
    "pal": "PAL",
    "pref": "PReF",
    "ref": "Ref",
    "lr": "LR",
    "bt_lr": "BT+LR",
    "eb": "EB",
    "eb_states": "EB on states",
    "item_mean": "Item mean",
    "longer_text": "Longer text",
    "surface": "Surface",
    "prob": "Prob",
    "det": "Det",
    "prob_global": "Prob, global",
    "det_global": "Det, global",
    "oracle": "Oracle",
    "drift": "Drift",
    "exact": "EXACT",
}
MARKERS = {"vermillion": "o", "blue": "s", "grey": "D", "green": "^", "purple": "v", "orange": "P", "sky": "X"}


@dataclass(frozen=True)
class Style:
    """A method's colour (a name of PALETTE) and, of a variant, whether it is drawn open and dashed."""

    colour: str
    open: bool = False

    @property
    def hex(self) -> str:
        """The colour on paper."""
        return PALETTE[self.colour][0]

    @property
    def marker(self) -> str:
        """The marker's shape: a second cue beside colour."""
        return MARKERS[self.colour]


def method_name(method: str) -> str:
    """The name a reader knows the method by."""
    return NAMES.get(method, method)


def method_colours(methods: Iterable[str]) -> dict[str, str]:
    """Method -> name of its colour. Known methods have theirs; others share the rest in alphabetical order."""
    methods = sorted(set(methods))
    taken = {KNOWN[method] for method in methods if method in KNOWN}
    free = [name for name in PALETTE if name not in taken and name != "grey"] or [*PALETTE]
    others = [method for method in methods if method not in KNOWN]
    return {m: KNOWN[m] for m in methods if m in KNOWN} | {m: free[i % len(free)] for i, m in enumerate(others)}


def css_variables(dark: bool) -> str:
    """The colours as CSS custom properties, for the light or the dark page."""
    return " ".join(f"--{name}: {pair[dark]};" for name, pair in {**THEME, **PALETTE}.items())
