"""Feedback: the best against the worst of each profile query, which learns from all of a person's others."""

from dataclasses import replace

import numpy as np

from prefactor.decoding.policies.feedback import Feedback
from prefactor.decoding.policies.queries import queries_of
from tests.decoding.policies.made import PEOPLE

QUERIES = queries_of(PEOPLE, 3, 0)  # of two people a question and three profile queries each, of the third a question
ASKED = np.repeat(np.arange(len(QUERIES)), 3)
WORTH = np.tile([0.2, 0.9, 0.9], len(QUERIES))
TEXTS = [f"text {row}" for row in range(len(ASKED))]


def test_best_and_worst_of_profile_queries() -> None:
    found = Feedback.of(QUERIES, ASKED, TEXTS, WORTH)
    assert found.query.tolist() == [1, 2, 3, 5, 6, 7], "questions are evaluated, not learnt from"
    assert found.texts.responses[:2] == ["text 4", "text 3"], "of equally good ones the first"
    assert found.texts.prompts[::2] == [QUERIES[number].prompt for number in found.query]


def test_nobody_learns_from_their_own_query_or_from_others() -> None:
    feedback = Feedback.of(QUERIES, ASKED, TEXTS, WORTH)
    known = feedback.known(QUERIES)
    assert known.n_users == len(QUERIES)
    assert known.pairs_per_user().tolist() == [3, 2, 2, 2, 3, 2, 2, 2, 0]
    for pair, query in zip((known.chosen // 2).tolist(), known.segment.tolist(), strict=True):
        assert feedback.query[pair] != query and QUERIES[feedback.query[pair]].user_id == QUERIES[query].user_id
    assert (known.rejected - known.chosen == 1).all()


def test_nobody_learns_from_queries_with_the_words_of_their_prompt_or_answer() -> None:
    answer = replace(QUERIES[2], gold=f"{QUERIES[1].gold.upper()}?")
    prompt = replace(QUERIES[3], prompt=QUERIES[0].prompt.lower().replace(":", " :"))
    queries = [*QUERIES[:2], answer, prompt, *QUERIES[4:]]
    feedback = Feedback.of(queries, ASKED, TEXTS, WORTH)
    known = feedback.known(queries)
    learnt = {number: set(feedback.query[(known.chosen[known.segment == number] // 2).numpy()]) for number in range(5)}
    assert learnt == {0: {1, 2}, 1: {3}, 2: {3}, 3: {1, 2}, 4: {5, 6, 7}}


def test_without_a_difference_there_is_no_pair() -> None:
    assert not len(Feedback.of(QUERIES, ASKED, TEXTS, np.zeros(len(ASKED))).query)
    blank = [" " if row % 3 else text for row, text in enumerate(TEXTS)]
    none = Feedback.of(QUERIES, ASKED, blank, WORTH)
    assert not len(none.texts) and none.known(QUERIES).pairs_per_user().sum() == 0
