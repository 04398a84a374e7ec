"""Which parts the pairs of a user fill, by role and leakage rule."""

from collections.abc import Sequence
from dataclasses import dataclass

from prefactor.splitting.parameters import SplitParameters
from prefactor.splitting.queues import Slice

ROLES = ("seen", "validation", "unseen")
PARTS = ("train", "validation", "evaluation", "reference")
POOL_OF_PART = {"train": "train", "reference": "train", "validation": "validation", "evaluation": "evaluation"}
EVERYTHING = "all"  # the one pool of the rules that have no prompt pools


@dataclass(frozen=True)
class Layout:
    """The parts that one queue of units (a user's, in one pool) is cut into when the user has ``role``."""

    role: str
    pool: str
    slices: tuple[Slice, ...]

    @property
    def table(self) -> str:
        """Name of the SQL table that holds this layout's cuts."""
        return f"cut_{self.role}_{self.pool}"


def layouts(parameters: SplitParameters) -> list[Layout]:
    """All layouts of the roles that are asked for."""
    wanted = [role for role in ROLES if getattr(parameters.users, role)]
    return [layout for role in wanted for layout in _of_role(role, parameters)]


def role_slices(parameters: SplitParameters) -> list[Slice]:
    """The roles as slices of the queue of users."""
    shares = {role: getattr(parameters.users, role) for role in ROLES}
    return [Slice(role, share) for role, share in shares.items() if share]


def pool_slices(parameters: SplitParameters) -> list[Slice]:
    """The prompt pools as slices of the queue of all units."""
    pools = parameters.pools
    return [Slice("train", pools.train), Slice("validation", pools.validation), Slice("evaluation", pools.evaluation)]


def _of_role(role: str, parameters: SplitParameters) -> list[Layout]:
    slices = _slices(role, parameters)
    if parameters.leakage != "global":
        return [Layout(role, EVERYTHING, tuple(slices))]
    return [Layout(role, POOL_OF_PART[item.name], (item,)) for item in slices]


def _slices(role: str, parameters: SplitParameters) -> Sequence[Slice]:
    pairs = parameters.pairs
    if role == "seen":
        kept_back = [Slice("validation", pairs.validation, needed=False)] if pairs.validation else []
        return [Slice("evaluation", pairs.evaluation), Slice("train", pairs.train), *kept_back]
    if role == "validation":
        return [Slice("validation", pairs.evaluation, in_full=False), Slice("reference", pairs.reference)]
    return [Slice("evaluation", pairs.evaluation), Slice("reference", pairs.reference)]
