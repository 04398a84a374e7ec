"""Scorers judge the text: they follow style, are near-independent, saturate, and cannot be pushed by repetition."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.datasets.stylebench.document import Document
from prefactor.datasets.stylebench.grammar import compose
from prefactor.datasets.stylebench.prompts import draw_prompts
from prefactor.datasets.stylebench.recipe import STYLES, draw_recipes
from prefactor.datasets.stylebench.scorers import SCORERS, score

KEYWORDS = {
    "concise": "brief short concise summary quick terse",
    "formal": "furthermore moreover consequently therefore advisable imperative regarding hence thus",
    "empathetic": "sorry understand feel frustrating feelings hard overwhelmed gentle patient comfort",
    "structured": "step first second third next finally list bullet steps plan",
    "direct": "definitely must always certainly absolutely never essential sure",
    "illustrative": "for example for instance such as e.g. to illustrate imagine",
    "narrative": "once I remember years ago my was went told finally we had",
    "inquiring": "what how why who when where which you? question ask",
    "technical": "gelatinisation hydration osmolality concurrency amortisation parasympathetic BATNA",
    "enthusiastic": "amazing wonderful fantastic love excited thrilled great brilliant wow!!!",
}
# A plain text, and one that says about the same in a style: written by hand, with none of the grammar's phrases.
PLAIN = "Soak the beans overnight in a bowl of cold water. Simmer them for an hour. Add salt near the end."
STYLED = {
    "formal": "One should soak the beans overnight in cold water. Furthermore, it is advisable to simmer them for an "
    "hour. Salt is to be added near the end, in order to preserve the texture.",
    "empathetic": "I'm sorry you've had such a rough time with the beans. That sounds really frustrating. You're not "
    "alone in this. Soak them overnight and simmer them for an hour.",
    "structured": "Do this:\n- Soak the beans overnight in a pot.\n- Simmer them for an hour.\n- Salt them at last.",
    "direct": "You must soak the beans overnight in cold water. Make sure to simmer them for an hour. Never add the "
    "salt early.",
    "illustrative": "Soak the beans overnight in cold water. For instance, a cup of beans needs three cups of water. "
    "Good choices are small ones such as lentils or the black ones.",
    "narrative": "When I was a student, I forgot to soak the beans. We chewed on them for an hour, and my flatmates "
    "laughed. Soak them overnight.",
    "inquiring": "Soak the beans overnight in cold water. Which beans do you have? How many people do you cook for?",
    "technical": "Hydration of the cotyledon precedes gelatinisation at 85 °C. Sodium chloride displaces calcium from "
    "the pectin, thereby reducing the structural integrity of the epidermis.",
    "enthusiastic": "I love beans, and this is such a fantastic dish! Soak them overnight in cold water. You will be "
    "amazed how wonderful they are!",
    "concise": "Soak the beans overnight, then simmer them for an hour.",
}


@pytest.fixture(scope="module")
def sample() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Texts, their scores (T, 10) and the levels (T, 10) of their recipes."""
    rng = np.random.default_rng(1)
    drawn = [
        (compose(prompt.subject, recipe, rng), [recipe[style] for style in STYLES])
        for prompt in draw_prompts(100, rng)
        for recipe in draw_recipes(8, rng)
    ]
    texts = [text for text, _ in drawn]
    return texts, score(texts), np.array([levels for _, levels in drawn])


def test_each_scorer_follows_its_own_style(sample):
    _, scores, levels = sample
    own = {name: np.corrcoef(scores[:, i], levels[:, i])[0, 1] for i, name in enumerate(SCORERS)}
    assert tuple(SCORERS) == STYLES
    assert min(own.values()) > 0.6, own


def test_scorers_are_nearly_uncorrelated(sample):
    _, scores, _ = sample
    between = np.corrcoef(scores.T) - np.eye(len(SCORERS))
    assert np.abs(between).max() < 0.38, np.round(between, 2)


def test_scores_lie_between_zero_and_one(sample):
    _, scores, _ = sample
    assert (scores >= 0).all() and (scores <= 1).all()
    assert score(["", "...", "Yes.", "\n- \n1. \n"]).shape == (4, 10)


@pytest.mark.parametrize("style", STYLED)
def test_style_is_recognised_in_text_that_the_grammar_did_not_write(style):
    plain = PLAIN if style != "concise" else " ".join([PLAIN, *STYLED.values()])
    assert SCORERS[style](Document.parse(STYLED[style])) > SCORERS[style](Document.parse(plain)) + 0.15


def test_hedging_is_the_opposite_of_directness():
    hedged = "Perhaps you could soak the beans overnight. It might help to simmer them for an hour, I think."
    assert SCORERS["direct"](Document.parse(hedged)) < SCORERS["direct"](Document.parse(PLAIN)) - 0.15


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_repeating_any_sentence_raises_no_score(sample, data):
    texts, scores, _ = sample
    row = data.draw(st.integers(0, len(texts) - 1))
    lines = [line for line in texts[row].split("\n") if line]
    sentence = data.draw(st.sampled_from([part for line in lines for part in re.split(r"(?<=[.!?])\s+", line)]))
    times = data.draw(st.integers(1, 5))
    glue = data.draw(st.sampled_from([" ", "\n", "\n- ", "\n\n3. "]))
    longer = score([texts[row] + glue + glue.join([sentence] * times)])[0]
    assert (longer <= scores[row] + 1e-9).all(), (sentence, dict(zip(SCORERS, longer - scores[row], strict=True)))


@settings(max_examples=80, deadline=None)
@given(
    row=st.integers(0, 799),
    style=st.sampled_from(list(KEYWORDS)),
    shuffle=st.randoms(use_true_random=False),
    start=st.sampled_from([" ", "\n\n", "\n- "]),
    glue=st.sampled_from([" ", ", ", ". ", "\n", "\n- "]),
)
def test_stuffing_keywords_does_not_raise_their_score(sample, row, style, shuffle, start, glue):
    texts, scores, _ = sample
    words = KEYWORDS[style].split()
    shuffle.shuffle(words)
    stuffed = score([texts[row] + start + glue.join(words)])[0]
    column = STYLES.index(style)
    assert stuffed[column] <= scores[row][column] + 1e-9, glue.join(words)


def test_more_of_a_device_counts_less_and_less():
    asked = [
        "How old is the cat?",
        "Do you own a box?",
        "When did the trouble begin?",
        "Is there a second cat at home?",
    ]
    values = score([PLAIN + " " + " ".join(asked[:count]) for count in range(5)])[:, STYLES.index("inquiring")]
    steps = np.diff(values)
    assert (steps > 0).all() and (np.diff(steps) < 0).all()


def test_padding_a_text_does_not_make_it_concise():
    short, padded = PLAIN, PLAIN + " " + "Salt it well. " * 30
    assert SCORERS["concise"](Document.parse(padded)) < SCORERS["concise"](Document.parse(short)) / 2
    assert SCORERS["concise"](Document.parse("Soak them.")) < SCORERS["concise"](Document.parse(short))
