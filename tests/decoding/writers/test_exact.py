"""EXACT writes under the line that is recalled, and tells which and how near it was."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from prefactor.attributes import read_attributes
from prefactor.decoding.conditions import named
from prefactor.decoding.exact.cosine import directions
from prefactor.decoding.exact.memory import Memory
from prefactor.decoding.exact.retrieval import OneForAll, PromptIndex
from prefactor.decoding.writers import ExactWriter, PlainWriter, Requests
from prefactor.decoding.writers.exact import about
from tests.decoding.speakers import PROMPTS, tiny_speaker
from tests.decoding.writers.asking import SHORT, USERS, asked, check_batch, texts

LIBRARY = read_attributes().select(["formal", "concise", "direct"])
PLACE = {prompt: row for row, prompt in enumerate(PROMPTS)}
TABLE = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.6, 0.0, 0.8]])  # of the prompts
# User 0 remembers prompts 0 and 1, user 1 prompt 2, user 2 nothing.
MEMORY = Memory.of(
    USERS,
    np.array([0, 0, 1]),
    np.array([0, 1, 2]),
    np.array([[2, 0], [1, -1], [0, 1]]),
    np.zeros(3),
    np.zeros(3),
)
LINES = [(0, 2), (1,), (0, 2), (0, 1), (0, 1), (0, 1), (), (), ()]  # of every request, in the library's order
COSINES = [1.0, 1.0, 0.6, 0.6, 0.0, 1.0]


def embed(prompts):
    assert len(set(prompts)) == len(prompts), "each prompt once"
    return TABLE[[PLACE[prompt] for prompt in prompts]] if len(prompts) else TABLE[:0]


WRITER = ExactWriter(tiny_speaker(), LIBRARY, PromptIndex(MEMORY, directions(TABLE), 100), embed, SHORT)


def test_texts_are_those_under_the_recalled_lines():
    found = check_batch(WRITER)
    assert [one.about["attributes"] for one in found] == [[LIBRARY.names[n] for n in line] for line in LINES]
    similar = [one.about.get("similarity") for one in found]
    assert similar[:6] == pytest.approx(COSINES, abs=1e-4) and similar[6:] == [None] * 3
    shown = [named(LIBRARY, line).prompt(prompt) for line, prompt in zip(LINES, asked().prompts, strict=True)]
    speaker, requests = tiny_speaker(), asked()
    contexts = speaker.contexts(requests.prompts, [named(LIBRARY, line) for line in LINES])
    for own, one in zip(contexts, shown, strict=True):
        assert one in speaker.tokenizer.decode(own)


def test_nothing_known_is_the_base_models_text():
    plain = PlainWriter(tiny_speaker(), SHORT)(asked())
    assert texts(WRITER(asked()))[6:] == texts(plain)[6:]
    assert texts(WRITER(asked()))[:6] != texts(plain)[:6]


def test_measuring_entropy_changes_no_text():
    metered = replace(WRITER, metered=True)
    found = check_batch(metered)
    assert texts(found) == texts(WRITER(asked()))
    for row, one in enumerate(found):
        before, after = one.about["entropy_before"], one.about["entropy_after"]
        assert (before == pytest.approx(after, abs=1e-6)) == (row >= 6), "without a line nothing is told"


class OneSeed(Requests):
    """Requests whose texts are all drawn alike."""

    def seed_of(self, row: int) -> int:
        return self.seed


def test_different_prompts_have_texts_of_their_own_even_if_drawn_alike():
    nobody = np.full(len(PROMPTS), 2)
    assert len(set(texts(WRITER(OneSeed.once(nobody, PROMPTS, 0))))) == len(PROMPTS)


def test_one_line_for_all_prompts_has_no_similarity():
    memory = Memory.of(USERS, np.array([1]), np.array([-1]), np.array([[1, 0]]), np.zeros(1), np.zeros(1))
    found = replace(WRITER, recall=OneForAll(memory))(asked())
    expected = [{"attributes": []}] * 3 + [{"attributes": ["formal", "concise"]}] * 3 + [{"attributes": []}] * 3
    assert [one.about for one in found] == expected


def test_about_rounds_and_leaves_out_what_there_is_not():
    found = WRITER.retrieve(asked())
    assert about(LIBRARY, (1,), found, 1) == {"attributes": ["concise"], "similarity": 1.0}
    assert about(LIBRARY, (), found, 8) == {"attributes": []}
