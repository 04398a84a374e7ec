"""Words: what ROUGE takes for the same is the same, and what is written in another script is not."""

from dataclasses import replace

import pytest

from prefactor.datasets.lamp.person import Item
from prefactor.decoding.policies.words import Words
from prefactor.judging.rouge import rouge

ASKED = Item("0", "Generate a headline: It rained.", "Weekly roundup", None)


def tell(prompt: str, gold: str) -> bool:
    mine, other = Words.of(ASKED), Words.of(replace(ASKED, prompt=prompt, gold=gold))
    assert mine.tell(other) == other.tell(mine)
    return mine.tell(other)


SAME = ["weekly  Roundup!", "WEEKLY-ROUNDUP", "\n\u201cWeekly\u201d roundup\u2026", "weekly_roundup"]


@pytest.mark.parametrize("gold", SAME)
def test_an_answer_that_rouge_takes_for_the_same_tells(gold: str) -> None:
    assert tell("Another", gold) and rouge([ASKED.gold], [gold]).tolist() == [[1.0, 1.0]]


def test_other_words_or_another_order_do_not_tell() -> None:
    assert not tell("Another", "Weekly roundups") and not tell("Another", "Roundup weekly")


def test_a_prompt_of_the_same_words_tells() -> None:
    assert tell("generate a headline\nIt  rained", "Another")
    assert not tell("Generate a headline: It rained again.", "Another")


def test_words_of_other_scripts_count_where_rouge_counts_none() -> None:
    def words(prompt: str, gold: str) -> Words:
        return Words.of(replace(ASKED, prompt=prompt, gold=gold))

    assert not words("Ask: \u65e5\u672c\u8a9e", "\u6771\u4eac").tell(words("Ask: \u4e2d\u6587", "\u5927\u962a"))
    assert words("Ask: \u65e5\u672c\u8a9e", "x").tell(words("ask \u65e5\u672c\u8a9e\u3002", "y"))
    assert words("a", "\u6771\u4eac").tell(words("b", "\u6771\u4eac\u3002"))
    assert not words("a", "!!!").tell(words("b", "?")) and words("a", "!!!").tell(words("b", " !!!"))
