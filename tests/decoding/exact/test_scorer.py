"""EXACT as a scorer of pairs: prior, anchoring, feedback, order, and a user whose taste shifts with the topic."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.decoding.exact.parameters import ExactParameters
from prefactor.decoding.exact.scorer import ExactScorer
from prefactor.errors import InputError
from prefactor.methods.base import Margin
from tests.decoding.exact.synthetic import Formula, batch, formula, unit

PROMPTS, RESPONSES, ATTRIBUTES, USERS = 6, 3, 5, 4
PROMPT_OF_TEXT = np.repeat(np.arange(PROMPTS), RESPONSES)
EMBEDDINGS = unit(np.linspace(0, 2, PROMPTS))
pair = st.tuples(
    st.integers(0, USERS - 2),  # the last user has no pairs
    st.integers(0, PROMPTS - 1),
    st.permutations(range(RESPONSES)),
)
some_pairs = st.lists(pair, min_size=1, max_size=10)


def tables(rows: list[tuple]) -> tuple[np.ndarray, np.ndarray]:
    """Text rows (N, 2) and users (N,)."""
    texts = [[prompt * RESPONSES + order[0], prompt * RESPONSES + order[1]] for _, prompt, order in rows]
    return np.array(texts, dtype=np.int64).reshape(-1, 2), np.array([row[0] for row in rows], dtype=np.int64)


def scorer(seed: int = 0, **changes: object) -> ExactScorer:
    model = formula(PROMPTS * RESPONSES, ATTRIBUTES, seed, interaction=0.5)
    return ExactScorer(model, ATTRIBUTES, PROMPT_OF_TEXT, EMBEDDINGS, ExactParameters(**changes))  # type: ignore[arg-type]


TO_PREDICT = batch(*tables([(user, p, [0, 1, 2]) for user in range(USERS) for p in range(PROMPTS)]), USERS)
retrievals = st.sampled_from(["nearest", "global"])


@settings(max_examples=40)
@given(some_pairs, retrievals, st.booleans(), st.integers(0, 100))
def test_a_margin_is_the_difference_under_what_was_recalled(
    rows: list[tuple], retrieval: str, anchored: bool, seed: int
) -> None:
    exact = scorer(seed, k=2, retrieval=retrieval, anchored=anchored)
    recall = exact.adapt(batch(*tables(rows), USERS))
    found = exact.predict(recall, TO_PREDICT)
    text = TO_PREDICT.responses.text[torch.stack([TO_PREDICT.chosen, TO_PREDICT.rejected], 1)].numpy()
    raw = exact.objective(text, found.retrieved.subsets)
    expected = raw - exact.objective.without_attributes(text) if anchored else raw
    np.testing.assert_array_equal(found.margin.mean.numpy(), expected)
    assert not found.margin.variance.any()
    known = np.isin(TO_PREDICT.segment.numpy(), [row[0] for row in rows])
    np.testing.assert_array_equal(found.retrieved.prior, ~known)
    entry = found.retrieved.entry[known]
    np.testing.assert_array_equal(recall.memory.segment[entry], TO_PREDICT.segment.numpy()[known])


@pytest.mark.parametrize("retrieval", ["nearest", "global"])
def test_users_without_pairs_are_predicted_without_attributes(retrieval: str) -> None:
    nobody = batch(*tables([]), USERS)
    raw, anchored = (scorer(retrieval=retrieval, anchored=value)(nobody, TO_PREDICT).mean for value in (False, True))
    base = torch.from_numpy(formula(PROMPTS * RESPONSES, ATTRIBUTES, 0, interaction=0.5).base)
    text = TO_PREDICT.responses.text
    torch.testing.assert_close(raw, base[text[TO_PREDICT.chosen]] - base[text[TO_PREDICT.rejected]])
    assert not anchored.any()


@settings(max_examples=40)
@given(some_pairs, some_pairs, st.booleans(), st.integers(0, 100))
def test_feedback_appended_is_adapting_to_all(old: list[tuple], new: list[tuple], positive: bool, seed: int) -> None:
    exact = scorer(seed, k=2, positive=positive)
    grown = exact.adapt(batch(*tables(old), USERS))
    exact.append(grown, batch(*tables(new), USERS))
    whole = exact.adapt(batch(*tables([*old, *new]), USERS))
    for name in ("segment", "prompt", "subsets", "objective", "gain"):
        np.testing.assert_array_equal(getattr(grown.memory, name), getattr(whole.memory, name))
    assert torch.equal(exact.predict(grown, TO_PREDICT).margin.mean, exact.predict(whole, TO_PREDICT).margin.mean)


def test_feedback_asks_about_the_new_pairs_alone() -> None:
    model = formula(PROMPTS * RESPONSES, ATTRIBUTES, 0)
    exact = ExactScorer(model, ATTRIBUTES, PROMPT_OF_TEXT, EMBEDDINGS, ExactParameters(k=1))
    recall = exact.adapt(batch(*tables([(0, p, [0, 1, 2]) for p in range(5)]), USERS))
    exact.append(recall, batch(*tables([(1, 5, [0, 1, 2])]), USERS))
    assert model.calls == [2 * 5 * (ATTRIBUTES + 1), 2 * (ATTRIBUTES + 1)]


@settings(max_examples=40)
@given(some_pairs, retrievals, st.permutations(range(USERS)))
def test_users_in_another_order_have_the_same_margins(rows: list[tuple], retrieval: str, order: list[int]) -> None:
    exact = scorer(k=2, retrieval=retrieval)
    found = exact(batch(*tables(rows), USERS), TO_PREDICT).mean
    number = torch.tensor(order)
    known = batch(*tables([(order[user], *rest) for user, *rest in rows]), USERS)
    other = exact(known, replace(TO_PREDICT, segment=number[TO_PREDICT.segment])).mean
    assert torch.equal(other, found)


def shifting() -> tuple[Formula, np.ndarray, torch.Tensor]:
    """Twelve prompts of two topics, two responses each: attribute 0 is what the first response has, 1 the second."""
    effect = np.tile([[1.0, -1.0, 0.1], [-1.0, 1.0, 0.0]], (12, 1))
    angles = np.where(np.arange(12) < 6, 0.0, 2.0) + np.random.default_rng(0).normal(0, 0.1, 12)
    return Formula(np.zeros(24), effect, np.zeros((24, 3, 3))), np.repeat(np.arange(12), 2), unit(angles)


def test_where_taste_shifts_with_the_topic_retrieval_beats_one_subset() -> None:
    """The user likes the first response in one topic, and the second in the other."""
    model, prompt_of_text, embeddings = shifting()
    pairs = np.array([[2 * p, 2 * p + 1] if p < 6 else [2 * p + 1, 2 * p] for p in range(12)])
    known, asked = (batch(pairs[part::2], np.zeros(6, dtype=np.int64), 1) for part in (0, 1))
    shares = {}
    for retrieval in ("nearest", "global"):
        parameters = ExactParameters(k=1, retrieval=retrieval)
        found = ExactScorer(model, 3, prompt_of_text, embeddings, parameters)(known, asked)
        shares[retrieval] = (found.mean > 0).double().mean().item()
    assert shares == {"nearest": 1.0, "global": 0.5}


def test_one_subset_for_all_prompts_cannot_be_appended_to() -> None:
    exact = scorer(retrieval="global")
    known = batch(*tables([(0, 0, [0, 1, 2])]), USERS)
    with pytest.raises(InputError, match="adapt again"):
        exact.append(exact.adapt(known), known)


def test_what_does_not_fit_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"k = 6 .* library of 5"):
        scorer(k=6)
    with pytest.raises(InputError, match="text row 15 has prompt 5, but there are embeddings of 5"):
        ExactScorer(formula(18, 5, 0), 5, PROMPT_OF_TEXT, EMBEDDINGS[:5], ExactParameters())
    segment = np.zeros(1, dtype=np.int64)
    with pytest.raises(InputError, match="text rows 0 and 4 are a pair but answer different prompts"):
        scorer().adapt(batch(np.array([[0, 4]]), segment, 1))
    with pytest.raises(InputError, match="text row 18 has no prompt: prompts are given for the 18 texts"):
        scorer().adapt(batch(np.array([[0, 18]]), segment, 1))


def test_no_pairs_to_predict_have_no_margins() -> None:
    found: Margin = scorer()(batch(*tables([(0, 0, [0, 1, 2])]), USERS), batch(*tables([]), USERS))
    assert found.mean.shape == (0,)
