"""Labels of bases: scorers found whatever the scale, words that tell sides apart, no word of a few users only."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from prefactor.errors import InputError
from prefactor.evaluation.labels import (
    JUDGED_PAIRS,
    JUDGED_USERS,
    LONGEST_LABEL,
    LONGEST_TEXT,
    NOTHING,
    SCORERS,
    TextRows,
    as_label,
    function_words,
    judged_labels,
    log_odds,
    question,
    scorer_labels,
    word_labels,
)
from prefactor.preferences import PairBatch, Responses


def make_scores(groups: int = 40, size: int = 6) -> pd.DataFrame:
    noise = np.random.default_rng(0)
    table = pd.DataFrame(noise.normal(size=(groups * size, 3)), columns=["short", "kind", "formal"])
    return table.assign(text_id=[f"t{row}" for row in range(len(table))], group_id=np.repeat(np.arange(groups), size))


def test_scorers_are_found_with_their_sign_whatever_prompts_and_scales_do() -> None:
    scores = make_scores()
    of_prompt = 100 * np.random.default_rng(1).normal(size=40)[scores["group_id"]]
    formal = scores["formal"] - scores.groupby("group_id")["formal"].transform("mean")
    rewards = torch.tensor(np.column_stack([7 * scores["kind"] + of_prompt, of_prompt - np.exp(formal)]))
    table = scorer_labels(rewards, scores)
    assert len(table) == 2 * SCORERS and set(table["kind"]) == {"scorer"}
    first = table[table["rank"] == 0].set_index("basis")
    assert first["label"].tolist() == ["kind", "formal"]
    assert first.loc[0, "value"] > 0.999 and first.loc[1, "value"] < -0.95
    assert (table[table["rank"] == 1]["value"].abs() < 0.3).all()


def test_a_constant_reward_goes_with_nothing() -> None:
    scores = make_scores()
    assert (scorer_labels(torch.ones(len(scores), 1), scores)["value"] == 0).all()


def make_words(users: int = 12) -> tuple[torch.Tensor, PairBatch, pd.Series]:
    """Half the users like apples, the other half pears; each has a name of their own in what they choose."""
    fruit = ["apples", "pears"]
    rows, segment, chosen, rejected = [], [], [], []
    for user in range(users):
        for pair in range(6):
            mine = user % 2
            rows += [
                f"Some {fruit[mine]} for name{'abcdefghijkl'[user]}, the {pair}",
                f"some {fruit[1 - mine]} for the {pair}",
            ]
            chosen.append(len(rows) - 2)
            rejected.append(len(rows) - 1)
            segment.append(user)
    text = torch.arange(len(rows))
    responses = Responses({"text": text[:, None]}, text)
    pairs = PairBatch(responses, *(torch.tensor(x) for x in (chosen, rejected, segment)), torch.full((users,), -1))
    weight = torch.nn.functional.one_hot(torch.arange(users) % 2, 2).float()
    return weight, pairs, pd.Series(rows)


def test_words_tell_what_nearest_users_prefer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefactor.evaluation.labels.NEAREST", 6)
    table = word_labels(*make_words())
    best = table[table["rank"] == 0].set_index("basis")
    assert best["label"].tolist() == ["apples", "pears"] and (best["value"] > 2).all()
    assert not table["label"].str.startswith("name").any()  # only one user met each


@pytest.mark.parametrize(("least", "most"), [("LEAST_USERS", 12), ("LEAST_TEXTS", 72)])
def test_a_word_needs_enough_users_and_texts(monkeypatch: pytest.MonkeyPatch, least: str, most: int) -> None:
    """Either fruit is in half of the texts, 72, of all users, 12."""
    monkeypatch.setattr("prefactor.evaluation.labels.NEAREST", 6)
    for needed, named in ((most, True), (most + 1, False)):
        monkeypatch.setattr(f"prefactor.evaluation.labels.{least}", needed)
        assert ("apples" in set(word_labels(*make_words())["label"])) == named


def test_where_nothing_stands_out_the_label_says_so() -> None:
    """The same responses, each chosen as often as its like was rejected."""
    weight, pairs, rows = make_words()
    turned = torch.arange(len(pairs)) % 2 == 0
    sides = torch.where(turned, pairs.chosen, pairs.rejected), torch.where(turned, pairs.rejected, pairs.chosen)
    table = word_labels(weight, replace(pairs, chosen=sides[0], rejected=sides[1]), rows)
    assert table[["basis", "rank", "label"]].to_numpy().tolist() == [[0, 0, NOTHING], [1, 0, NOTHING]]
    assert table["value"].isna().all()


def test_function_words_are_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often they are on one side; nor what is in most texts, in whatever language."""
    weight, pairs, rows = make_words()
    monkeypatch.setattr("prefactor.evaluation.labels.NEAREST", 6)
    named = {}
    for word in ("very", "don't", "zebras"):
        named[word] = set(word_labels(weight, pairs, rows.str.replace("apples", word))["label"])
    assert "very" not in named["very"] and "don't" not in named["don't"] and "zebras" in named["zebras"]
    monkeypatch.setattr("prefactor.evaluation.labels.MOST_TEXTS", 0.4)  # either fruit is in half of them
    assert set(word_labels(weight, pairs, rows)["label"]) == {NOTHING}


def test_the_function_words_are_words_that_texts_have() -> None:
    found = function_words()
    assert {"very", "well", "finally", "the", "don"} <= found and not {"clinton", "bar", "good", "user"} & found
    assert all(word.islower() and word.isalpha() for word in found)


def test_a_word_of_a_few_texts_that_everybody_met_is_not_named() -> None:
    """Each user's pair is of the same two texts: much evidence about these, hardly any about their words."""
    users = 60
    texts = pd.Series(["clinton goes home", "nobody laughs"])
    same = Responses({"text": torch.arange(2)[:, None]}, torch.arange(2))
    sides = torch.zeros(users, dtype=torch.long), torch.ones(users, dtype=torch.long)
    pairs = PairBatch(same, *sides, torch.arange(users), torch.full((users,), -1))
    assert word_labels(torch.ones(users, 1), pairs, texts)["label"].tolist() == [NOTHING]


def test_log_odds_change_sign_with_the_sides_and_vanish_between_equals() -> None:
    noise = np.random.default_rng(0)
    one, other = noise.integers(0, 50, (2, 3, 8)).astype(float)
    everywhere = one.sum(0) + other.sum(0)
    np.testing.assert_allclose(log_odds(one, other, everywhere), -log_odds(other, one, everywhere))
    np.testing.assert_allclose(log_odds(one, one, everywhere), 0)


def test_log_odds_grow_with_the_evidence() -> None:
    side, other = np.array([[6.0, 4.0]]), np.array([[4.0, 6.0]])
    scores = [log_odds(n * side, n * other, np.array([10.0, 10.0]))[0, 0] for n in (1, 10, 100)]
    assert 0 < scores[0] < scores[1] < scores[2]


def test_text_rows_follow_the_table() -> None:
    assert TextRows(pd.Index(["a", "b", "c"])).gather(["c", "a"]).tolist() == [[2], [0]]


def make_texts() -> tuple[torch.Tensor, PairBatch, pd.DataFrame]:
    weight, pairs, responses = make_words()
    return (
        weight,
        pairs,
        pd.DataFrame({"prompt": [f"prompt {n}" for n in range(len(responses))], "response": responses}),
    )


def test_a_judge_reads_pairs_of_nearest_users_with_their_sides() -> None:
    asked: list[str] = []

    def ask(text: str) -> str:
        asked.append(text)
        return f"Number {len(asked)}"

    weight, pairs, texts = make_texts()
    table = judged_labels(weight, pairs, texts, ask)
    assert table["label"].tolist() == ["Number 1", "Number 2"] and set(table["kind"]) == {"judge"}
    assert table["basis"].tolist() == [0, 1] and table["value"].isna().all()
    for text, liked, other in zip(asked, ("apples", "pears"), ("pears", "apples"), strict=True):
        sides = [part.split("[not preferred]") for part in text.split("[preferred]")[1:]]
        assert len(sides) == JUDGED_PAIRS
        assert all(liked in chosen and other in rejected.split("----")[0] for chosen, rejected in sides)
        assert len({name for name in "abcdefghijkl" if f"name{name}," in text}) == JUDGED_USERS


def test_a_question_is_cut_and_takes_texts_as_they_are() -> None:
    chosen = pd.DataFrame({"prompt": ["{pairs} {0}"], "response": ["a" * (LONGEST_TEXT + 1)]})
    text = question(chosen, chosen.assign(response="%s"))
    assert "{pairs} {0}" in text and "%s" in text and "Below are 1 choices" in text
    assert "a" * (LONGEST_TEXT - 1) in text and "a" * LONGEST_TEXT not in text


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("Warm & brief", "Warm & brief"),
        ('\n  **"Warm & brief."**\nBecause they are.', "Warm & brief"),
        ("<think>Is it\nwarm?</think>\nTerse", "Terse"),
        ("<think>never ends", ""),
        ("A\tb\x00\u202e  c\x1b[31m", "A b c [31m"),
        (" \n ", ""),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),  # escaped where it is shown
    ],
)
def test_an_answer_becomes_one_line_of_plain_characters(answer: str, label: str) -> None:
    assert as_label(answer) == label


def test_a_label_is_short_whatever_the_answer() -> None:
    assert len(as_label("word " * 100)) <= LONGEST_LABEL


def test_an_answer_without_label_names_the_basis_and_the_fix() -> None:
    with pytest.raises(InputError, match=r"gave basis 1 no label: choose another portrait\.judge\.model"):
        judged_labels(*make_texts(), lambda _: "...")
