"""Personal reward models, one file each, all with the contract of ``methods.base``."""

from prefactor.methods.base import RewardModel
from prefactor.methods.bt import BT
from prefactor.methods.lore import LoRe
from prefactor.methods.pal import PAL
from prefactor.methods.pref import PReF
from prefactor.methods.vpl import VPL
from prefactor.methods.vrf import VRF

METHODS: dict[str, type[RewardModel]] = {
    "bt": BT,
    "lore": LoRe,
    "pal": PAL,
    "pref": PReF,
    "vpl": VPL,
    "vrf": VRF,
}
