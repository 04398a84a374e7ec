"""Who writes how many candidates for whom: section ``policies`` of a parameters file."""

from dataclasses import dataclass, field
from typing import Final, Literal

from prefactor.backbones.loading import BackboneParameters
from prefactor.decoding.drift import DriftParameters
from prefactor.decoding.exact.parameters import ExactParameters
from prefactor.decoding.parameters import Decoding, Library
from prefactor.decoding.sampling import SamplingParameters

Policy = Literal["base", "retrieved", "exact", "drift"]
BASE: Final = "base"
RETRIEVED: Final = "retrieved"
EXACT: Final = "exact"
DRIFT: Final = "drift"
BY_FEEDBACK = (EXACT, DRIFT)
Worth = Literal["rouge1", "rougeL", "mean"]


@dataclass(frozen=True)
class PolicyParameters:
    """What is written.

    policies         ``base``: the query's prompt alone. ``retrieved``: below the items of the profile that are nearest
                     to it (TTP's policy). ``exact``, ``drift``: by the pairs of best and worst base candidates of
                     other queries
    model            the causal language model that writes
    small            the one that steers in Drift, of the same tokens; None for the writer itself
    embeddings       what prompts are compared by
    split            published split; None for the only one that is there
    people           so many of them, the first by the hash of their ids; None for all
    profile_queries  items of a profile that are asked about, the first by their hash: what a reward model learns from
    samples          texts of a question and policy
    profile_samples  texts of a profile query and policy
    retrieved_items  items that are shown, as many of them as fit
    item_words       words of each part of an item that are shown
    utility          what a text is worth: F1 of ROUGE-1, of ROUGE-L, or their mean
    attributes       the library of EXACT and Drift
    people_at_once   people of a shard: memory, and what a killed run can lose
    seed             of all draws
    """

    model: BackboneParameters
    policies: tuple[Policy, ...] = (BASE, RETRIEVED)
    small: BackboneParameters | None = None
    embeddings: BackboneParameters = field(default_factory=lambda: BackboneParameters(log_probabilities=False))
    split: str | None = None
    people: int | None = None
    profile_queries: int = 8
    samples: int = 32
    profile_samples: int = 8
    retrieved_items: int = 4
    item_words: int = 150
    utility: Worth = "rougeL"
    attributes: Library = field(default_factory=Library)
    sampling: SamplingParameters = field(default_factory=lambda: SamplingParameters(temperature=1.0))
    exact: ExactParameters = field(default_factory=ExactParameters)
    drift: DriftParameters = field(default_factory=DriftParameters)
    decoding: Decoding = field(default_factory=Decoding)
    people_at_once: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.policies:
            raise ValueError("policies must name at least one of base, retrieved, exact and drift")
        if len(set(self.policies)) < len(self.policies):
            raise ValueError(f"policies must name each policy once, got {list(self.policies)}")
        least = {"people": 1, "samples": 2, "profile_samples": 2, "retrieved_items": 1, "item_words": 1}
        for name, smallest in {**least, "people_at_once": 1, "profile_queries": 0}.items():
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise ValueError(f"{name} must be at least {smallest}, got {value}")
        if self.needs_feedback and not self.profile_queries:
            raise ValueError("exact and drift learn from profile queries: set profile_queries to 1 or more")

    @property
    def needs_feedback(self) -> bool:
        """Whether a policy learns from pairs."""
        return any(policy in BY_FEEDBACK for policy in self.policies)
