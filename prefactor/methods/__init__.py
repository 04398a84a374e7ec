"""Personal reward models, one file each, all with the contract of ``methods.base``."""

from prefactor.methods.base import RewardModel
from prefactor.methods.bt import BT
from prefactor.methods.lore import LoRe
from prefactor.methods.vrf import VRF

METHODS: dict[str, type[RewardModel]] = {"bt": BT, "lore": LoRe, "vrf": VRF}
