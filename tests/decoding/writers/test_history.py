"""History injection as a writer: the pairs that fit stand before the prompt, none for who has none."""

import torch

from prefactor.decoding.conditions import PLAIN
from prefactor.decoding.history import Histories
from prefactor.decoding.likelihoods import Texts
from prefactor.decoding.sampling import sample
from prefactor.decoding.writers import HistoryWriter, PlainWriter
from prefactor.preferences import PairBatch, Responses
from tests.decoding.speakers import PROMPTS, RESPONSES, tiny_speaker
from tests.decoding.writers.asking import SHORT, USERS, asked, check_batch, texts

TEXTS = Texts(["0", "1", "2"], [PROMPTS[0]] * 3, RESPONSES)
KNOWN = PairBatch(
    Responses({}, torch.arange(3)),
    torch.tensor([0, 2, 1]),
    torch.tensor([1, 0, 2]),
    torch.tensor([0, 1, 0]),
    torch.full((USERS,), -1),
)


def count(texts_of):
    ids = tiny_speaker().tokenizer(list(texts_of), add_special_tokens=False)["input_ids"] if len(texts_of) else []
    return [len(one) for one in ids]


HISTORIES = Histories.of(KNOWN, TEXTS, count, 230)
WRITER = HistoryWriter(tiny_speaker(), SHORT, HISTORIES)


def test_answers_follow_what_the_model_read():
    found = check_batch(WRITER)
    told = HISTORIES.before(asked().users.tolist(), asked().prompts)
    assert [one.about["pairs"] for one in found] == [one.pairs for one in told]
    assert {one.pairs for one in told} >= {0, 1}
    speaker, row = tiny_speaker(), next(row for row, one in enumerate(told) if one.pairs)
    context = speaker.contexts([told[row].text], [PLAIN])
    alone = sample(speaker, context, SHORT, [asked().seed_of(row)])  # the noise is that of the prompt as it was asked
    assert found[row].written == alone[0]


def test_who_has_no_pairs_gets_the_base_models_text():
    plain = texts(PlainWriter(tiny_speaker(), SHORT)(asked()))
    assert texts(WRITER(asked()))[6:] == plain[6:]
    assert texts(WRITER(asked()))[:6] != plain[:6]
