"""Likelihoods are computed once for each text and condition, and are there in the next run."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefactor.attributes import read_attributes
from prefactor.decoding.conditions import PLAIN, contrastive
from prefactor.decoding.likelihoods import Likelihoods, Texts
from prefactor.errors import InputError
from prefactor.preferences import content_id
from tests.decoding.speakers import PROMPTS, RESPONSES, tiny_speaker

CONDITIONS = contrastive(read_attributes().select(["concise", "formal"]))
PAIRS = [(prompt, response) for prompt in PROMPTS for response in RESPONSES[:2]]
TEXTS = Texts([content_id(*pair) for pair in PAIRS], *map(list, zip(*PAIRS, strict=True)))
ROWS = np.array([4, 1, 1, 5])


def test_a_table_is_the_speakers_own_answer():
    found = Likelihoods(tiny_speaker(), TEXTS).table(ROWS, CONDITIONS)
    for place, condition in enumerate(CONDITIONS):
        prompts, responses = zip(*(PAIRS[row] for row in ROWS), strict=True)
        expected = tiny_speaker().log_probabilities(prompts, responses, [condition] * len(ROWS))
        np.testing.assert_allclose(found[:, place], expected, atol=1e-5)


def test_nothing_is_computed_twice(tmp_path):
    known = Likelihoods(tiny_speaker(), TEXTS, tmp_path / "known")
    first = known.table(ROWS, CONDITIONS)
    assert known.computed == 3 * len(CONDITIONS)  # one text is there twice
    known.table(np.array([4, 0]), CONDITIONS[:2])
    assert known.computed == 3 * len(CONDITIONS) + 2
    later = Likelihoods(tiny_speaker(), TEXTS, tmp_path / "known")
    np.testing.assert_array_equal(later.table(ROWS, CONDITIONS), first)
    assert later.computed == 0


def test_other_texts_in_another_order_find_theirs(tmp_path):
    known = Likelihoods(tiny_speaker(), TEXTS, tmp_path / "known")
    first = known.table(np.arange(6), CONDITIONS)
    some = Texts(TEXTS.text_ids[:0:-1], TEXTS.prompts[:0:-1], TEXTS.responses[:0:-1])
    later = Likelihoods(tiny_speaker(), some, tmp_path / "known")
    np.testing.assert_array_equal(later.table(np.arange(5), CONDITIONS), first[:0:-1])
    assert later.computed == 0


def test_another_models_are_thrown_away(tmp_path):
    Likelihoods(tiny_speaker(), TEXTS, tmp_path / "known").table(ROWS, CONDITIONS)
    other = Likelihoods(tiny_speaker(1), TEXTS, tmp_path / "known")
    other.table(ROWS, CONDITIONS)
    assert other.computed == 3 * len(CONDITIONS)


def test_a_part_that_is_broken_is_named(tmp_path):
    Likelihoods(tiny_speaker(), TEXTS, tmp_path / "known").table(ROWS, CONDITIONS)
    (tmp_path / "known" / "part-00000.parquet").write_bytes(b"no parquet")
    with pytest.raises(InputError, match=r"part-00000\.parquet is not what was written"):
        Likelihoods(tiny_speaker(), TEXTS, tmp_path / "known")


def test_texts_are_read_in_the_order_of_their_ids(tmp_path):
    columns = {"text_id": TEXTS.text_ids, "prompt": TEXTS.prompts, "response": TEXTS.responses}
    pq.write_table(pa.table(columns), tmp_path / "texts.parquet")
    found = Texts.read(tmp_path, TEXTS.text_ids[::-1])
    assert list(found.prompts) == TEXTS.prompts[::-1]
    assert found.numbered_prompts().tolist() == [0, 0, 1, 1, 2, 2]
    with pytest.raises(InputError, match=r"lacks 1 text\(s\), e\.g\. none"):
        Texts.read(tmp_path, ["none"])


def test_nothing_asked_is_nothing_found():
    assert Likelihoods(tiny_speaker(), TEXTS)(np.empty(0, dtype=np.int64), []).shape == (0,)
    assert Likelihoods(tiny_speaker(), TEXTS)(np.array([0]), [PLAIN]).shape == (1,)


def test_others_are_read_and_left_as_they_are(tmp_path):
    Likelihoods(tiny_speaker(), TEXTS, tmp_path / "mine").table(ROWS, CONDITIONS)
    Likelihoods(tiny_speaker(1), TEXTS, tmp_path / "strange").table(np.arange(6), CONDITIONS)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    others = [tmp_path / "mine", tmp_path / "strange", tmp_path / "none"]
    later = Likelihoods(tiny_speaker(), TEXTS, tmp_path / "new", others)
    found = later.table(np.arange(6), CONDITIONS)
    assert later.computed == 3 * len(CONDITIONS), "of another language model nothing is taken"
    np.testing.assert_allclose(found, Likelihoods(tiny_speaker(), TEXTS).table(np.arange(6), CONDITIONS), atol=1e-5)
    assert {path: path.read_bytes() for path in before} == before


def test_parts_that_nobody_owns_are_thrown_away(tmp_path):
    Likelihoods(tiny_speaker(1), TEXTS, tmp_path / "known").table(ROWS, CONDITIONS)
    (tmp_path / "known" / "identity.json").unlink()
    later = Likelihoods(tiny_speaker(), TEXTS, tmp_path / "known")
    later.table(ROWS, CONDITIONS)
    assert later.computed == 3 * len(CONDITIONS)
