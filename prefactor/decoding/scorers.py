"""What predicts pairs by a workshop's language model: Drift, EXACT, histories, and what is trained for single users."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from prefactor.decoding.conditions import PLAIN
from prefactor.decoding.history import HistoryScorer
from prefactor.decoding.workshop import Workshop
from prefactor.methods.base import Margin
from prefactor.preferences import PairBatch

Scorer = Callable[[PairBatch, PairBatch], Margin]  # (known of U users, N pairs of the same users) -> margins (N,)


def language_scorers(workshop: Workshop) -> dict[str, Scorer]:
    """Drift, EXACT's main forms and its Base, by name."""
    exact = {name: exact_scorer(workshop, name) for name in ("exact", "exact_anchored", "exact_global")}
    return {"drift": workshop.drift(), **exact, "history": history_scorer(workshop)}


def variant_scorers(workshop: Workshop) -> dict[str, Scorer]:
    """Drift and EXACT in other forms; and Drift as it is, for them to be held against."""
    parameters = workshop.parameters
    drift, exact = parameters.drift, parameters.exact
    kept = {f"drift;m={m}": workshop.drift(replace(drift, attributes_kept=m)) for m in parameters.attributes_kept}
    sizes = {f"exact;k={k}": workshop.exact(replace(exact, k=k)) for k in parameters.subset_sizes}
    return {
        "drift": workshop.drift(),
        **kept,
        "drift_logistic": workshop.drift(replace(drift, form="logistic")),
        "drift_per_token": workshop.drift(replace(drift, per="token")),
        **sizes,
        **{name: exact_scorer(workshop, name) for name in ("exact_global_anchored", "exact_positive")},
    }


def trained_scorers(workshop: Workshop) -> dict[str, Scorer]:
    """What is trained for single users."""
    return {"lora_reward": workshop.lora_reward(), "dpo": workshop.dpo()}


def exact_scorer(workshop: Workshop, name: str) -> Scorer:
    """One of EXACT's forms."""
    exact = workshop.parameters.exact
    forms = {
        "exact": exact,
        "exact_global": replace(exact, retrieval="global"),
        "exact_anchored": replace(exact, anchored=True),
        "exact_global_anchored": replace(exact, retrieval="global", anchored=True),
        "exact_positive": replace(exact, positive=True),
    }
    return workshop.exact(forms[name])


def history_scorer(workshop: Workshop) -> HistoryScorer:
    """EXACT's Base, with room for the longest response of the users' evaluation pairs."""
    speaker, people = workshop.speaker, workshop.people

    def likelihood(prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        return speaker.log_probabilities(prompts, responses, [PLAIN] * len(prompts))

    limit = workshop.histories.limit + workshop.parameters.sampling.max_new_tokens - _longest_response(workshop)
    return HistoryScorer(likelihood, people.texts, workshop.count_tokens, limit, workshop.parameters.history_pairs)


def pairs_in_history(workshop: Workshop, known: int) -> float:
    """How many of a user's first ``known`` pairs stand before a prompt, over the evaluation pairs' prompts."""
    cohort = workshop.people.cohort
    pairs = cohort.to_predict("evaluation")
    texts = pairs.responses.text[pairs.chosen].tolist()
    informed = history_scorer(workshop).prompts(cohort.known(known), pairs.segment.tolist(), texts)
    return float(np.mean([one.pairs for one in informed])) if informed else 0.0


def _longest_response(workshop: Workshop) -> int:
    """Tokens of the longest response that is predicted, with the token that ends it."""
    pairs, responses = workshop.people.cohort.to_predict("evaluation"), workshop.people.texts.responses
    rows = {row for side in (pairs.chosen, pairs.rejected) for row in pairs.responses.text[side].tolist()}
    return max(workshop.count_tokens([responses[row] for row in sorted(rows)]), default=0) + 1
