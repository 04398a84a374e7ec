"""Zero-shot rewards: differences from the base prompt, of whole responses or per token."""

import numpy as np
import pytest

from prefactor.decoding.drift.rewards import ZeroShot, zero_shot_rewards
from prefactor.errors import InputError
from tests.decoding.drift.world import ATTRIBUTES, Language


def test_a_reward_is_what_an_attribute_adds_to_the_base() -> None:
    asked = np.array([[-10.0, -8.0, -13.0], [-4.0, -4.0, -1.0]])
    np.testing.assert_array_equal(zero_shot_rewards(asked), [[2.0, -3.0], [0.0, 3.0]])


def test_per_token_is_the_mean_over_the_response_and_0_without_tokens() -> None:
    asked = np.array([[-10.0, -8.0], [0.0, 0.0]])
    np.testing.assert_array_equal(zero_shot_rewards(asked, "token", np.array([4, 0])), [[0.5], [0.0]])


def test_a_response_written_twice_over_has_the_same_reward_per_token() -> None:
    language = Language.of(20)
    twice = Language(2 * language.counts, language.log_chance)
    rows = np.arange(20)
    np.testing.assert_allclose(language.rewards("token")(rows), twice.rewards("token")(rows))
    np.testing.assert_allclose(2 * language.rewards()(rows), twice.rewards()(rows))


def test_per_token_needs_the_tokens() -> None:
    with pytest.raises(InputError, match="give tokens"):
        zero_shot_rewards(np.zeros((1, 2)), "token")


def test_log_probabilities_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match=r"row 1 of the texts under system prompt 2 .* is -inf"):
        zero_shot_rewards(np.array([[-1.0, -1.0, -1.0], [-1.0, -1.0, -np.inf]]))


def test_texts_are_asked_for_by_row_in_one_call_and_tokens_only_where_they_count() -> None:
    language, calls = Language.of(9), []

    def table(texts: np.ndarray, conditions: list[int]) -> np.ndarray:
        calls.append(texts)
        return language.table(texts, conditions)

    rows = np.array([7, 2, 2])
    found = ZeroShot(table, range(ATTRIBUTES + 1), "response", None)(rows)
    assert found.shape == (3, ATTRIBUTES)
    assert len(calls) == 1
    np.testing.assert_allclose(found, language.rewards()(np.arange(9))[rows])


def test_no_texts_have_no_rewards() -> None:
    assert Language.of(3).rewards("token")(np.zeros(0, dtype=np.int64)).shape == (0, ATTRIBUTES)
