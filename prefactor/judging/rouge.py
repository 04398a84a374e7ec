"""ROUGE: how many words, and how many in one order, a text shares with what a person wrote (Lin 2004).

By the package that published figures are computed with; English words only, lower case, without stemming, as LaMP
and LongLaMP score.
"""

from collections.abc import Sequence

import numpy as np

ROUGE = ("rouge1", "rougeL")


def rouge(golds: Sequence[str], texts: Sequence[str]) -> np.ndarray:
    """(N, 2) F1 of ROUGE-1 and ROUGE-L of N texts, each against its gold, in [0, 1].

    A text is scored once against a gold, however often it is there. One without a letter of a to z or a digit has 0.
    """
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(ROUGE), use_stemmer=False)
    known: dict[tuple[str, str], tuple[float, ...]] = {}
    for both in zip(golds, texts, strict=True):
        if both not in known:
            found = scorer.score(*both)
            known[both] = tuple(found[name].fmeasure for name in ROUGE)
    rows = [known[both] for both in zip(golds, texts, strict=True)]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(ROUGE))
