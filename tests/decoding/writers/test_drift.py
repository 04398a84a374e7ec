"""Drift writes the base model's text for who has no weights, and another for every other taste."""

from dataclasses import replace

import numpy as np
import pytest

from prefactor.attributes import read_attributes
from prefactor.decoding.writers import DriftWriter, PlainWriter
from tests.decoding.speakers import PROMPTS, tiny_speaker
from tests.decoding.writers.asking import SHORT, asked, check_batch, texts

NAMES = ("formal", "concise", "direct")  # in the order of the file
LIBRARY = read_attributes().select(NAMES)
WEIGHTS = np.array([[0.0, 0.0, 0.0], [0.6, -0.8, 0.0], [-0.6, 0.7, 0.2]])
EACH = len(PROMPTS)


def writer(weights: np.ndarray = WEIGHTS, kept: int = 7, strength: float = 0.5) -> DriftWriter:
    return DriftWriter(tiny_speaker(), tiny_speaker(), LIBRARY, weights, SHORT, kept, strength, metered=True)


def test_answers_are_each_users_own_with_the_attributes_that_steered():
    found = check_batch(writer())
    mine, opposite = texts(found)[EACH : 2 * EACH], texts(found)[2 * EACH :]
    assert found[EACH].about["attributes"] == {"concise": -0.8, "formal": 0.6}, "largest first, without those of 0"
    assert mine != opposite
    assert all(one.about["entropy_before"] != one.about["entropy_after"] for one in found[EACH:])


def test_nothing_known_is_the_base_models_text():
    plain = texts(PlainWriter(tiny_speaker(), SHORT)(asked()))
    found = writer()(asked())[:EACH]
    assert texts(found) == plain[:EACH]
    for one in found:
        assert one.about["attributes"] == {}
        assert one.about["entropy_after"] == pytest.approx(one.about["entropy_before"], abs=1e-6)


def test_measuring_entropy_changes_no_text():
    silent = replace(writer(), metered=False)(asked())
    assert texts(silent) == texts(writer()(asked()))
    assert all(one.about.keys() == {"attributes"} for one in silent)


def test_the_largest_weights_are_kept():
    found = writer(kept=1)(asked())
    assert found[EACH].about["attributes"] == {"concise": -0.8}
    alone = writer(np.array([[0.0, -0.8, 0.0]]))(asked().rows(np.array([0, 1, 2])))
    assert texts(found)[EACH : 2 * EACH] == texts(alone)


def test_a_weak_push_changes_nothing():
    plain = texts(PlainWriter(tiny_speaker(), SHORT)(asked()))
    assert texts(writer(strength=1e9)(asked())) == plain
