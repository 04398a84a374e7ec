"""What is chosen about personal generation: section ``generation`` of params.yaml."""

from dataclasses import dataclass, field
from pathlib import Path

from prefactor.attributes import AttributeLibrary, read_attributes
from prefactor.decoding.adapters.parameters import AdapterParameters, DpoParameters
from prefactor.decoding.args import ARGSParameters
from prefactor.decoding.drift import DriftParameters
from prefactor.decoding.exact.parameters import ExactParameters
from prefactor.decoding.history import MOST_PAIRS
from prefactor.decoding.sampling import SamplingParameters
from prefactor.errors import InputError
from prefactor.judging.endpoint import JudgeParameters
from prefactor.judging.inquiry import InquiryParameters
from prefactor.judging.question import HistoryParameters
from prefactor.parameters import nearest

BASE, HISTORY, DRIFT, EXACT, EXACT_GLOBAL, DPO = "base", "history", "drift", "exact", "exact_global", "dpo"
BEST_OF_N, ARGS, EXACT_BEST_OF_N = "best_of_n-", "args-", "exact+best_of_n-"  # and the name of a reward model
ALONE = (BASE, HISTORY, DRIFT, EXACT, EXACT_GLOBAL, DPO)
BY_REWARD = (BEST_OF_N, ARGS, EXACT_BEST_OF_N)


@dataclass(frozen=True)
class Decoding:
    """How Drift steers: the ``kept`` largest weights, pushing by 1 / ``strength`` (the paper's b)."""

    kept: int = 7
    strength: float = 0.5

    def __post_init__(self) -> None:
        _check_least(self, 1, "kept")
        if not self.strength > 0:
            raise ValueError(f"strength must be positive, got {self.strength}: the smaller, the stronger the push")


@dataclass(frozen=True)
class Candidates:
    """What Best-of-N chooses from.

    n      texts of a choice
    pool   texts that are written for its curve
    lower  choose by the mean less so many standard deviations of the reward; 0 for the mean
    """

    n: int = 8
    pool: int = 32
    lower: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.n <= self.pool:
            raise ValueError(f"n must be from 1 to pool, got {self.n} and {self.pool}")


@dataclass(frozen=True)
class Library:
    """Which attributes: ``names`` of a ``file``, by default of the one that comes with the project; [] for all."""

    names: tuple[str, ...] = ()
    file: str | None = None

    def read(self) -> AttributeLibrary:
        """The library. Raises InputError for a file that is none and for unknown names."""
        library = read_attributes(None if self.file is None else Path(self.file))
        return library.select(self.names, "generation.attributes.names") if self.names else library


@dataclass(frozen=True)
class Adapters:
    """What is trained for single ``users``, the first ones: a reward model, and a policy by DPO."""

    users: int = 8
    reward: AdapterParameters = field(default_factory=AdapterParameters)
    dpo: DpoParameters = field(default_factory=DpoParameters)

    def __post_init__(self) -> None:
        _check_least(self, 1, "users")


@dataclass(frozen=True)
class JudgeModel:
    """A model behind an endpoint that judges texts, how patiently it is asked, and what it reads of a user."""

    endpoint: JudgeParameters
    inquiry: InquiryParameters = field(default_factory=InquiryParameters)
    history: HistoryParameters = field(default_factory=HistoryParameters)


@dataclass(frozen=True)
class GenerationParameters:
    """Who writes what for whom.

    models         backbones, causal language models that write; none if nothing is generated
    small          the backbone that steers in Drift; it reads the same tokens. None: the writer itself
    embeddings     the backbone that prompts are compared by
    datasets       whose pairs are predicted; texts are written for users of the first
    methods        who writes: base, history, drift, exact, exact_global, dpo, and with a reward model's name
                   best_of_n-, args- and exact+best_of_n-
    attributes     the library
    users          unseen people, the first by the hash of their ids
    pairs          that each is known by
    prompts        of evaluation pairs, the same for all
    shots          sizes |C| of the scorers' few-shot curve
    attributes_kept, subset_sizes   m of Drift and k of EXACT at which pairs are predicted, beside the usual ones
    exhaustive_pairs  pairs on which greedy selection is held against all subsets
    history_pairs  most pairs that are injected
    examples       people whose texts are on the page; 0 for none
    guided_users   people ARGS writes for: it is slow
    adapters       what is trained for single people: minutes
    judge          a model behind an endpoint that judges, beside true tastes where they are known; None for none
    seed           of all draws
    """

    models: tuple[str, ...] = ()
    small: str | None = None
    embeddings: str = "minilm"
    datasets: tuple[str, ...] = ()
    methods: tuple[str, ...] = (BASE,)
    attributes: Library = field(default_factory=Library)
    users: int = 30
    pairs: int = 40
    prompts: int = 10
    shots: tuple[int, ...] = (5, 10, 20, 40)
    sampling: SamplingParameters = field(default_factory=SamplingParameters)
    drift: DriftParameters = field(default_factory=DriftParameters)
    decoding: Decoding = field(default_factory=Decoding)
    exact: ExactParameters = field(default_factory=ExactParameters)
    candidates: Candidates = field(default_factory=Candidates)
    args: ARGSParameters = field(default_factory=ARGSParameters)
    attributes_kept: tuple[int, ...] = (1, 3, 7)
    subset_sizes: tuple[int, ...] = (1, 3, 5)
    exhaustive_pairs: int = 40
    history_pairs: int = MOST_PAIRS
    examples: int = 3
    guided_users: int = 10
    adapters: Adapters = field(default_factory=Adapters)
    judge: JudgeModel | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for method in self.methods:
            reward_of(method)
            if (times := self.methods.count(method)) > 1:
                raise ValueError(f"methods must name each method once, got {method!r} {times} times")
        _check_least(self, 1, "users", "pairs", "prompts", "exhaustive_pairs", "history_pairs", "guided_users")
        _check_least(self, 0, "examples")
        if not self.shots or min(self.shots) < 1:
            raise ValueError(f"shots must be one or more sizes of at least 1, got {list(self.shots)}")
        if self.models and not self.datasets:
            raise ValueError("datasets must name at least one where models write")


def _check_least(parameters: object, least: int, *names: str) -> None:
    """Raise ValueError naming the first of some numbers among ``parameters`` that is below ``least``."""
    for name in names:
        if (value := getattr(parameters, name)) < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


def reward_of(method: str) -> str | None:
    """The reward model in a method's name; None where it needs none. Raises InputError for an unknown method."""
    if method in ALONE:
        return None
    for prefix in BY_REWARD:
        if method.startswith(prefix) and len(method) > len(prefix):
            return method.removeprefix(prefix)
    known = [*ALONE, *(f"{prefix}vrf" for prefix in BY_REWARD)]
    raise InputError(f"unknown method {method!r}{nearest(method, known, 'methods')}")
