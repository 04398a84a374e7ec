"""Where the gate draws its lines."""

from dataclasses import dataclass


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
    """

    minimum_characters: int = 1
    maximum_characters: int = 100_000
    minimum_pairs_per_user: int = 1
    chosen_longer: tuple[float, float] = (0.1, 0.9)
    chosen_first: tuple[float, float] = (0.2, 0.8)
    failing_rows: int = 1_000

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
