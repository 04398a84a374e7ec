"""What can be swept, how configurations are chosen and when trials are ended: the words of a sweep's form."""

from typing import Literal

How = Literal["grid", "tpe", "random"]
Pruning = Literal["off", "median", "halving"]
Method = Literal[
    "vrf",
    "bt",
    "bt_lr",
    "det",
    "det_global",
    "eb",
    "eb_states",
    "item_mean",
    "lore",
    "lr",
    "pal",
    "pref",
    "prob",
    "prob_global",
    "surface",
    "vpl",
]  # those with a space in params.yaml
