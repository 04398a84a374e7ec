"""Scorers by a workshop's language model: every one predicts, and a history leaves room for what is predicted."""

import torch

from prefactor.decoding.scorers import (
    exact_scorer,
    history_scorer,
    language_scorers,
    pairs_in_history,
    variant_scorers,
)
from tests.decoding.projects import PAIRS, opened, tiny_project


def test_every_scorer_gives_each_pair_a_margin() -> None:
    workshop = opened(tiny_project(), attributes_kept=[1], subset_sizes=[1])
    cohort = workshop.people.cohort
    known, pairs = cohort.known(2), cohort.to_predict("evaluation")
    found = language_scorers(workshop) | variant_scorers(workshop)
    assert {"drift", "drift;m=1", "drift_logistic", "exact", "exact;k=1", "exact_positive", "history"} <= {*found}
    margins = {name: scorer(known, pairs).mean for name, scorer in found.items()}
    assert all(margin.shape == (len(pairs),) and torch.isfinite(margin).all() for margin in margins.values())
    assert torch.equal(exact_scorer(workshop, "exact_global")(known, pairs).mean, margins["exact_global"])


def test_the_room_of_a_history_is_set_by_what_is_predicted_for_its_users() -> None:
    workshop = opened(tiny_project())
    pairs, responses = workshop.people.cohort.to_predict("evaluation"), workshop.people.texts.responses
    rows = [row for side in (pairs.chosen, pairs.rejected) for row in pairs.responses.text[side].tolist()]
    longest = max(workshop.count_tokens([responses[row] for row in rows]))
    room = workshop.histories.limit + workshop.parameters.sampling.max_new_tokens
    assert history_scorer(workshop).limit == room - longest - 1
    assert max(workshop.count_tokens(responses)) >= longest


def test_pairs_in_a_history_are_at_most_those_known() -> None:
    workshop = opened(tiny_project())
    assert pairs_in_history(workshop, 0) == 0
    assert 0 <= pairs_in_history(workshop, 1) <= 1 and pairs_in_history(workshop, PAIRS) <= PAIRS
