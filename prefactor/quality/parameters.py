"""Where the gate draws its lines."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class DriftParameters:
    """How far a dataset may be from its previous version: the largest ``change`` of each measure, null to only show it.

    prompt_length     population stability index (``quality.drift``) of the characters of prompts. Below 0.1 is called
    response_length   no shift, above 0.25 a large one; chance alone gives about 9 (1/n + 1/m) to n and m texts that
                      have nothing to do with each other, so that of some dozens the bound should be wider
    pairs_per_user    the same of users' numbers of pairs; null, because users who go on judging are no fault
    chosen_longer     change in the share of pairs whose chosen response is the longer one, a tie counting half,
                      averaged per user and then over users
    users_lost        share of the previous users who are not there any more
    users_new         share of the users who were not there; null, because data grows
    labels_turned     share of the judgements of both versions, by user and the two texts, that are now the other way
                      round: a judgement that was made does not change, so more than a few mean a mistake
    """

    prompt_length: float | None = 0.25
    response_length: float | None = 0.25
    pairs_per_user: float | None = None
    chosen_longer: float | None = 0.05
    users_lost: float | None = 0.1
    users_new: float | None = None
    labels_turned: float | None = 0.01

    def __post_init__(self) -> None:
        for name, bound in asdict(self).items():
            if bound is not None and not bound >= 0:
                raise ValueError(f"{name} must be 0 or more, or null to only show it, got {bound}")


@dataclass(frozen=True)
class QualityParameters:
    """Bounds of the gate; all are inclusive. The defaults pass any sound file of a few dozen pairs or more.

    minimum_characters       of a response
    maximum_characters       of a response, and of a prompt
    minimum_pairs_per_user   1 only asks that no user is without pairs: the split decides who has too few
    chosen_longer            bounds for the share of pairs whose chosen response is the longer one (a tie counts
                             half), averaged per user, then over users. People prefer longer responses in about
                             60 % of pairs; nearly all or nearly none means that a column was cut off, or that
                             labels were made from length
    chosen_first             likewise for the share of pairs whose chosen text_id sorts before the rejected one. Ids
                             are hashes, so honest labels give about one half and sorted columns give 0 or 1
    failing_rows             rows written to the file of a failed expectation, at most
    previous                 by dataset, the folder with the prepared tables of its previous version, which it is held
                             against; none of the others are. DVC does not watch that folder, unless it is that of a
                             dataset of the run: after changing what lies in it, run stage validate with ``--force``
    drift                    how far a dataset with a previous version may be from it
    """

    minimum_characters: int = 1
    maximum_characters: int = 100_000
    minimum_pairs_per_user: int = 1
    chosen_longer: tuple[float, float] = (0.1, 0.9)
    chosen_first: tuple[float, float] = (0.2, 0.8)
    failing_rows: int = 1_000
    previous: Mapping[str, str] = field(default_factory=dict)
    drift: DriftParameters = field(default_factory=DriftParameters)

    def __post_init__(self) -> None:
        if not 0 <= self.minimum_characters <= self.maximum_characters:
            raise ValueError(
                f"minimum_characters must lie between 0 and maximum_characters = {self.maximum_characters}"
            )
        for name in ("chosen_longer", "chosen_first"):
            low, high = getattr(self, name)
            if not 0 <= low <= high <= 1:
                raise ValueError(f"{name} must be two shares in rising order, e.g. [0.1, 0.9]")
        if self.minimum_pairs_per_user < 1 or self.failing_rows < 1:
            raise ValueError("minimum_pairs_per_user and failing_rows must be at least 1")
