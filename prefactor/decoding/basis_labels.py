"""What the bases of a run's VRF are called, as its portrait found it: styles to write in, and words for a taste."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from prefactor.reading import read_object

SCORER, WORD = "scorer", "word"  # kinds of labels, beside those that a judge model wrote


def most_used_styles(portrait: Path, most: int) -> list[str]:
    """Scores that the bases go with, of the bases that weigh most for seen users first; none without a portrait."""
    labels = _labels(portrait)
    if labels is None:
        return []
    coverage = pd.read_parquet(portrait / "coverage.parquet")
    mine = coverage[(coverage["split"] == "seen") & coverage["shots"].isna()].sort_values("share", ascending=False)
    best = _scores(labels)
    return [best[basis] for basis in mine["basis"] if basis in best][:most]


def basis_names(portrait: Path, seed: str, run: str) -> Mapping[int, str]:
    """What each basis is called, by its number; nothing of one without a label.

    ``seed`` and ``run`` say of which model: there are no names of another one's bases than those that were portrayed.
    """
    labels = _labels(portrait)
    if labels is None:
        return {}
    about = read_object(portrait / "portraits.json")
    if (str(about.get("seed")), about.get("run")) != (seed, run):
        return {}
    written = labels[~labels["kind"].isin([SCORER, WORD])].drop_duplicates("basis")
    words = labels[(labels["kind"] == WORD) & labels["value"].notna()].groupby("basis")["label"].agg(", ".join)
    return {**words.to_dict(), **written.set_index("basis")["label"].to_dict(), **_scores(labels)}


def _labels(portrait: Path) -> pd.DataFrame | None:
    path = portrait / "labels.parquet"
    return pd.read_parquet(path).sort_values("rank", kind="stable") if path.is_file() else None


def _scores(labels: pd.DataFrame) -> dict[int, str]:
    """The score that each basis goes with most, if it goes with any."""
    found = labels[(labels["kind"] == SCORER) & (labels["value"] > 0)].sort_values("value", ascending=False)
    best: dict[int, str] = found.drop_duplicates("basis").set_index("basis")["label"].to_dict()
    return best
