"""Batches as trainers read them: the engine's own tokens, cut where they are too long."""

import numpy as np

from prefactor.decoding.adapters.examples import Examples, Reader, padding_for
from tests.decoding.adapters.toys import make_toy
from tests.decoding.speakers import tiny_speaker


def test_a_batch_is_all_chosen_texts_then_all_rejected():
    texts, speaker = make_toy().texts, tiny_speaker()
    tokens = Reader(speaker, texts, None)(np.arange(4))
    reference = np.array([-1.0, -2.0, -3.0, -4.0])
    examples = Examples(tokens, np.array([0, 3]), np.array([1, 2]), 0, reference)
    rows = examples.rows()
    pairs = [{name: column[row] for name, column in rows.items()} for row in range(2)]
    batch = {name: values.numpy() for name, values in examples.batch(pairs).items()}
    for line, row in enumerate([0, 3, 1, 2]):
        real = batch["attention_mask"][line].astype(bool)
        ids, start = tokens.ids[row], tokens.responses.start[row]
        assert batch["input_ids"][line][real].tolist() == ids.tolist()
        assert not batch["input_ids"][line][~real].any()
        assert np.flatnonzero(batch["completion_mask"][line]).tolist() == list(range(start, len(ids)))
    assert batch["ref_chosen_logps"].tolist() == [-1.0, -4.0] and batch["ref_rejected_logps"].tolist() == [-2.0, -3.0]


def test_a_long_text_loses_the_start_of_its_prompt():
    texts, speaker = make_toy().texts, tiny_speaker()
    whole, short = Reader(speaker, texts, None)(np.arange(2)), Reader(speaker, texts, 30)(np.arange(2))
    for row in range(2):
        assert len(short.ids[row]) <= 30 < len(whole.ids[row])
        answer = whole.ids[row][whole.responses.start[row] :]
        assert short.ids[row][short.responses.start[row] :].tolist() == answer.tolist()


def test_padding_ends_no_text():
    tokens = Reader(tiny_speaker(), make_toy().texts, None)(np.arange(4))
    last = int(tokens.ids[0][-1])
    assert padding_for(tokens, 0) == 0
    assert padding_for(tokens, last) != last and padding_for(tokens, None) != last
