"""A history before a prompt: whole pairs, as many as fit, each counted once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from prefactor.decoding.history import OPENING, REQUEST, Histories, HistoryScorer, passage
from prefactor.preferences import PairBatch, Responses

LATER_SPLITS = r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PROMPTS = ["What is tea?", "Why rain?", ""]
ANSWERS = ["A drink.", "Leaves in hot water, said to calm.", "Clouds cool.", "It falls.", "Hello {there}.", "No"]


@dataclass(frozen=True)
class Table:
    """Six texts, two to a prompt."""

    prompts: Sequence[str] = field(default_factory=lambda: [PROMPTS[row // 2] for row in range(len(ANSWERS))])
    responses: Sequence[str] = tuple(ANSWERS)


@dataclass
class Words:
    """Counts words, and what it was asked about."""

    asked: list[str] = field(default_factory=list)

    def __call__(self, texts: Sequence[str]) -> list[int]:
        self.asked.extend(texts)
        return [len(text.split()) for text in texts]


def batch(rows: list[tuple[int, int, int]], users: int) -> PairBatch:
    """Pairs (user, chosen, rejected)."""
    segment, chosen, rejected = torch.tensor(rows, dtype=torch.long).reshape(-1, 3).unbind(-1)
    return PairBatch(Responses({}, torch.arange(len(ANSWERS))), chosen, rejected, segment, torch.full((users,), -1))


KNOWN = batch([(0, 0, 1), (2, 5, 4), (0, 3, 2), (0, 4, 5)], users=3)
PIECES = [passage(PROMPTS[row // 2], ANSWERS[row], ANSWERS[other]) for row, other in ((0, 1), (3, 2), (4, 5))]


def words(text: str) -> int:
    return len(text.split())


def test_the_first_pairs_that_fit_stand_whole_before_a_whole_prompt() -> None:
    fitted = set()
    for limit in range(110):
        informed = Histories.of(KNOWN, Table(), Words(), limit).before([0], ["And now this?"])[0]
        fitted.add(informed.pairs)
        history = [OPENING, *PIECES[: informed.pairs], REQUEST] if informed.pairs else []
        assert informed.text == "".join([*history, "And now this?"])
        assert words(informed.text) <= limit or not history
        one_more = "".join([OPENING, *PIECES[: informed.pairs + 1], REQUEST, "And now this?"])
        assert informed.pairs == 3 or words(one_more) > limit
    assert fitted == {0, 1, 2, 3}


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.text(st.sampled_from("aZ .,!?\n\r\t'ä1"), max_size=20), min_size=6, max_size=6),
    st.integers(60, 250),
    st.booleans(),
)
def test_the_tokens_of_the_whole_stay_within_the_limit(texts: list[str], limit: int, gpt: bool) -> None:
    """Whatever texts begin or end with, under the ways to split that most tokenizers have."""
    tokenizer = spelling(gpt)

    def count(texts: Sequence[str]) -> list[int]:
        return [len(tokenizer.encode(text).ids) for text in texts]

    table = Table([text[:5] for text in texts], texts)
    for informed in Histories.of(KNOWN, table, count, limit).before([0, 2], texts[:2]):
        assert not informed.pairs or count([informed.text])[0] <= limit


@cache
def spelling(gpt: bool) -> Tokenizer:
    """A byte-level tokenizer with GPT-2's splits, or with those of Llama 3 and Qwen, that has learnt to join."""
    tokenizer = Tokenizer(models.BPE())
    splits = pre_tokenizers.Split(Regex(LATER_SPLITS), "isolated")
    by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=gpt)
    tokenizer.pre_tokenizer = by_bytes if gpt else pre_tokenizers.Sequence([splits, by_bytes])
    corpus = ["".join([OPENING, *PIECES, REQUEST]), "a\n\n\n  b.\n\nQ!\n\n A \n\n\t", *PIECES] * 3
    trainer = trainers.BpeTrainer(
        vocab_size=500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return tokenizer


def test_all_fit_without_a_limit_and_none_without_room() -> None:
    histories = Histories.of(KNOWN, Table(), Words(), 10_000)
    assert [informed.pairs for informed in histories.before([0, 1, 2], ["x"] * 3)] == [3, 0, 1]
    assert histories.before([1], ["x"])[0].text == "x"
    assert Histories.of(KNOWN, Table(), Words(), 10_000, most_pairs=2).before([0], ["x"])[0].pairs == 2
    assert Histories.of(KNOWN, Table(), Words(), 3).before([0], ["longer than the whole limit"])[0].pairs == 0


def test_a_longer_prompt_leaves_no_more_room() -> None:
    histories = Histories.of(KNOWN, Table(), Words(), 80)
    fitted = [histories.before([0], ["word " * length])[0].pairs for length in range(70)]
    assert fitted == sorted(fitted, reverse=True)
    assert fitted[0] > 0 == fitted[-1]


def test_an_empty_prompt_has_no_line_and_braces_stay() -> None:
    assert PIECES[2] == "\n\nPreferred answer: Hello {there}.\nOther answer: No"
    assert PIECES[0].startswith("\n\nQuestion: What is tea?\nPreferred")


def likelihood(prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
    """A toy language model that likes to repeat preferred answers: words that stand in the prompt cost less."""
    costs = [
        sum(1.0 if word in prompt.split() else 3.0 for word in response.split())
        for prompt, response in zip(prompts, responses, strict=True)
    ]
    return -np.array(costs)


ASKED = batch([(0, 2, 3), (1, 2, 3), (0, 3, 2), (2, 1, 0), (0, 0, 1), (0, 2, 3)], users=3)


def test_the_margin_is_the_difference_after_the_users_own_history() -> None:
    scorer = HistoryScorer(likelihood, Table(), Words(), 10_000)
    margin = scorer(KNOWN, ASKED)
    histories = Histories.of(KNOWN, Table(), Words(), 10_000)
    for row, (user, chosen, rejected) in enumerate(zip(ASKED.segment, ASKED.chosen, ASKED.rejected, strict=True)):
        prompt = histories.before([int(user)], [PROMPTS[int(chosen) // 2]])[0].text
        both = likelihood([prompt] * 2, [ANSWERS[chosen], ANSWERS[rejected]])
        assert float(margin.mean[row]) == both[0] - both[1]
    assert margin.mean[0] == -margin.mean[2] == margin.mean[5]
    assert not margin.variance.any()


def test_without_known_pairs_the_base_model_answers() -> None:
    nothing = KNOWN.select(torch.zeros(len(KNOWN), dtype=torch.bool))
    margin = HistoryScorer(likelihood, Table(), Words(), 10_000)(nothing, ASKED)
    plain = likelihood(Table().prompts, ANSWERS)
    assert margin.mean.tolist() == (plain[ASKED.chosen] - plain[ASKED.rejected]).tolist()


def test_each_pair_and_prompt_is_counted_once_and_each_likelihood_asked_for_once() -> None:
    count, calls = Words(), []

    def asked(prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        calls.extend(zip(prompts, responses, strict=True))
        return likelihood(prompts, responses)

    scorer = HistoryScorer(asked, Table(), count, 10_000)
    scorer(KNOWN, ASKED)
    assert len(calls) == len(set(calls)) == 4 + 2 + 2  # texts of users 0, 1, 2
    assert sorted(text for text in count.asked if "Preferred answer" in text) == sorted(
        [*PIECES, passage("", "No", "Hello {there}.")]
    )
    assert len(count.asked) == 4 + 1 + 4  # pairs, opening, (user, prompt)


def test_it_says_how_many_pairs_fitted() -> None:
    count = Words()
    room = words(OPENING) + words(REQUEST) + words(PIECES[0]) + words(PROMPTS[1])
    scorer = HistoryScorer(likelihood, Table(), count, room)
    assert [informed.pairs for informed in scorer.prompts(KNOWN, [0, 0, 1], [2, 0, 2])] == [1, 0, 0]


def test_no_pairs_to_predict() -> None:
    empty = ASKED.select(torch.zeros(len(ASKED), dtype=torch.bool))
    scorer = HistoryScorer(lambda prompts, responses: np.zeros(len(prompts)), Table(), Words(), 10_000)
    assert len(scorer(KNOWN, empty).mean) == 0
