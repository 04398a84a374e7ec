"""The base model writes by the prompt and the noise alone, each different text once."""

import numpy as np
import pytest

from prefactor.decoding.conditions import PLAIN, Condition
from prefactor.decoding.sampling import sample
from prefactor.decoding.writers import PlainWriter
from prefactor.decoding.writers.plain import once, told
from tests.decoding.speakers import PROMPTS, tiny_speaker
from tests.decoding.writers.asking import SHORT, USERS, asked, check_batch, texts

WRITER = PlainWriter(tiny_speaker(), SHORT)


def test_everyone_gets_what_the_model_writes_for_the_prompt():
    found = check_batch(WRITER)
    speaker, requests = tiny_speaker(), asked()
    seeds = [requests.seed_of(row) for row in range(3)]
    alone = sample(speaker, speaker.contexts(PROMPTS, [PLAIN] * 3), SHORT, seeds)
    assert [one.written for one in found] == alone * USERS
    assert all(one.about == {} for one in found)


def test_samples_differ():
    several = texts(WRITER(asked().rows(np.array([0])).repeated(6)))
    assert len(set(several)) > 3 and several[0] == texts(WRITER(asked()))[0]


def test_what_is_told_changes_texts():
    requests = asked()
    conditions = [PLAIN, Condition(line=("formal",)), Condition(system="Be formal.")]
    one = told(tiny_speaker(), SHORT, requests.rows(np.array([0, 3, 6])), [PROMPTS[0]] * 3, conditions)
    assert len({written.text for written in one}) == 3 and one[0].text == texts(WRITER(requests))[0]


@pytest.mark.parametrize("keys", ["", "abca", "aaa", "cab"])
def test_once_is_each_different_key_once(keys):
    calls = []

    def write(rows):
        calls.append(rows)
        return [keys[row].upper() for row in rows]

    assert once(keys, write) == [key.upper() for key in keys]
    assert calls == [[keys.index(key) for key in dict.fromkeys(keys)]]
