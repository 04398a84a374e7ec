"""Personal reward models, one file each, all with the contract of ``methods.base``."""

from prefactor.methods.base import RewardModel
from prefactor.methods.bt import BT
from prefactor.methods.bt_lr import BTLR
from prefactor.methods.eb import EB, EBStates
from prefactor.methods.item_mean import ItemMean
from prefactor.methods.longer_text import LongerText
from prefactor.methods.lore import LoRe
from prefactor.methods.lr import LR
from prefactor.methods.pal import PAL
from prefactor.methods.pref import PReF
from prefactor.methods.prob import Det, Prob
from prefactor.methods.prob_global import DetGlobal, ProbGlobal
from prefactor.methods.ref import Ref
from prefactor.methods.surface import Surface
from prefactor.methods.vpl import VPL
from prefactor.methods.vrf import VRF

METHODS: dict[str, type[RewardModel]] = {
    "bt": BT,
    "bt_lr": BTLR,
    "det": Det,
    "det_global": DetGlobal,
    "eb": EB,
    "eb_states": EBStates,
    "item_mean": ItemMean,
    "longer_text": LongerText,
    "lore": LoRe,
    "lr": LR,
    "pal": PAL,
    "pref": PReF,
    "prob": Prob,
    "prob_global": ProbGlobal,
    "ref": Ref,
    "surface": Surface,
    "vpl": VPL,
    "vrf": VRF,
}
