"""Which parts the pairs of a user fill, by role and leakage rule."""

from collections.abc import Sequence
from dataclasses import dataclass

from prefactor.splitting.parameters import Leakage, SplitParameters
from prefactor.splitting.queues import Slice

ROLES = ("seen", "validation", "unseen")
PARTS = ("train", "validation", "evaluation", "reference")
POOL_OF_PART = {"train": "train", "reference": "train", "validation": "validation", "evaluation": "evaluation"}
EVERYTHING = "all"  # the one pool of the rules that have no pools
ITEM_RULES = ("items-within-user", "items-global")
POOL_RULES = ("global", *ITEM_RULES)
OWN = "own_"  # begins the names of the pools of a user's own draw of items


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
    """All layouts of all roles."""
    return [layout for role in ROLES for layout in _of_role(role, parameters)]


def role_queues(parameters: SplitParameters) -> dict[bool, list[Slice]]:
    """The roles as slices of the queue of users inside (True), and of those outside if ``within`` tells them apart."""
    slices = [Slice(role, getattr(parameters.users, role)) for role in ROLES]
    if parameters.within is None:
        return {True: slices}
    return {True: [item for item in slices if item.name != "validation"], False: [slices[ROLES.index("validation")]]}


def pool_slices(parameters: SplitParameters) -> list[Slice]:
    """The pools as slices of the queue of all units or items.

    Within users one pool trains and validates: only evaluation needs items that are new to the user.
    """
    pools = parameters.pools
    if parameters.leakage == "items-within-user":
        return [Slice("train", pools.train + pools.validation), Slice("evaluation", pools.evaluation)]
    return [Slice("train", pools.train), Slice("validation", pools.validation), Slice("evaluation", pools.evaluation)]


def pool_of(leakage: Leakage, role: str, part: str) -> str:
    """The pool that a part's pairs come from."""
    if leakage not in POOL_RULES:
        return EVERYTHING
    if leakage != "items-within-user":
        return POOL_OF_PART[part]
    if role == "seen":
        return OWN + ("evaluation" if part == "evaluation" else "train")
    return "train" if part == "reference" else "evaluation"


def _of_role(role: str, parameters: SplitParameters) -> list[Layout]:
    """One layout per pool, with the parts that share it."""
    pools: dict[str, list[Slice]] = {}
    for item in _slices(role, parameters):
        pools.setdefault(pool_of(parameters.leakage, role, item.name), []).append(item)
    return [Layout(role, pool, tuple(slices)) for pool, slices in pools.items()]


def _slices(role: str, parameters: SplitParameters) -> Sequence[Slice]:
    pairs = parameters.pairs
    if role == "seen":
        kept_back = [Slice("validation", pairs.validation, needed=False)] if pairs.validation else []
        return [Slice("evaluation", pairs.evaluation), Slice("train", pairs.train), *kept_back]
    if role == "validation":
        return [Slice("validation", pairs.of_unseen, in_full=False), Slice("reference", pairs.reference)]
    return [Slice("evaluation", pairs.of_unseen), Slice("reference", pairs.reference)]
