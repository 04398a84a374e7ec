"""Texts are written by their own seeds, as transformers' own generation would, whatever batch they are in."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from prefactor.decoding.conditions import PLAIN, Condition
from prefactor.decoding.sampling import SamplingParameters, Stream, drawn, sample
from prefactor.errors import InputError
from tests.decoding.speakers import PROMPTS, tiny_folder, tiny_speaker

SHORT = SamplingParameters(max_new_tokens=12)
GREEDY = SamplingParameters(max_new_tokens=12, temperature=0.0)


def contexts(count: int = 3):
    return tiny_speaker().contexts([PROMPTS[row % 3] for row in range(count)], [PLAIN] * count)


def test_greedy_text_is_what_transformers_writes():
    model = AutoModelForCausalLM.from_pretrained(tiny_folder()).eval()
    speaker = tiny_speaker()
    for context, written in zip(contexts(), sample(speaker, contexts(), GREEDY, [0, 1, 2]), strict=True):
        ids = torch.from_numpy(context).unsqueeze(0)
        whole = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
        assert written.text == speaker.spelt(whole[0, len(context) :])


def test_a_text_depends_on_its_own_seed_alone():
    speaker, seeds = tiny_speaker(), list(range(9))
    whole = sample(speaker, contexts(9), SHORT, seeds)
    alone = [sample(speaker, [context], SHORT, [seed])[0] for context, seed in zip(contexts(9), seeds, strict=True)]
    assert whole == alone
    small = SamplingParameters(max_new_tokens=12, rows_at_once=2)
    assert sample(speaker, contexts(9), small, seeds) == whole
    assert len({written.text for written in whole}) > 3


def test_rows_that_end_early_leave_the_others_as_they_are():
    speaker = tiny_speaker()
    first = sample(speaker, contexts(8), SamplingParameters(max_new_tokens=30), list(range(8)))
    usual = speaker.end_ids
    ends = [int(speaker.tokenizer(one.text[-1], add_special_tokens=False)["input_ids"][-1]) for one in first]
    try:
        speaker.end_ids = sorted({*usual, *ends[:5]})
        whole = sample(speaker, contexts(8), SamplingParameters(max_new_tokens=30), list(range(8)))
        alone = [
            sample(speaker, [one], SamplingParameters(max_new_tokens=30), [row])[0]
            for row, one in enumerate(contexts(8))
        ]
    finally:
        speaker.end_ids = usual
    assert whole == alone
    assert {written.finished for written in whole} >= {True}
    assert all(len(one.text) <= len(other.text) for one, other in zip(whole, first, strict=True))


def test_a_stream_gives_the_logits_of_the_whole_text():
    speaker = tiny_speaker()
    model = AutoModelForCausalLM.from_pretrained(tiny_folder()).eval()
    stream, tokens = Stream(speaker, contexts()), torch.tensor([[5, 6, 7], [8, 9, 10], [11, 12, 13]])
    stream.logits(None)
    for step in range(3):
        found = stream.logits(tokens[:, step])
        for row, context in enumerate(contexts()):
            ids = torch.cat([torch.from_numpy(context), tokens[row, : step + 1]]).unsqueeze(0)
            torch.testing.assert_close(found[row], model(ids).logits[0, -1], atol=1e-4, rtol=1e-4)
    stream.keep(torch.tensor([2, 0]))
    found = stream.logits(torch.tensor([14, 15]))
    ids = torch.cat([torch.from_numpy(contexts()[2]), tokens[2], torch.tensor([14])]).unsqueeze(0)
    torch.testing.assert_close(found[0], model(ids).logits[0, -1], atol=1e-4, rtol=1e-4)


def test_tokens_are_drawn_in_proportion_to_what_is_left_of_the_distribution():
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0, -9.0]]).repeat(20_000, 1)
    uniform = torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    found = drawn(logits, SamplingParameters(temperature=0.5, top_k=3, top_p=1.0), uniform)
    expected = (logits[0, :3] / 0.5).softmax(-1)
    assert set(found.tolist()) == {0, 1, 2}
    torch.testing.assert_close(found.bincount() / 20_000, expected, atol=0.015, rtol=0)
    nucleus = drawn(logits, SamplingParameters(temperature=1.0, top_k=None, top_p=0.7), uniform)
    assert set(nucleus.tolist()) == {0, 1}


def test_a_draw_at_the_edge_stays_within_what_is_left():
    logits = torch.tensor([[0.0, 5.0, -torch.inf, -torch.inf]])
    edge = torch.tensor([1.0])
    assert drawn(logits, SamplingParameters(top_k=None, top_p=1.0), edge).tolist() == [1]
    assert drawn(logits, SamplingParameters(top_k=None, top_p=1.0), torch.tensor([0.0])).tolist() == [0]


def test_an_answer_that_would_not_fit_is_refused():
    with pytest.raises(
        InputError, match=r"the prompt in row 0 has .* tokens and 250 may follow, but the model reads 256"
    ):
        sample(tiny_speaker(), contexts(), SamplingParameters(max_new_tokens=250), [0, 1, 2])


@pytest.mark.parametrize("wrong", [{"max_new_tokens": 0}, {"top_k": 0}, {"top_p": 0.0}, {"temperature": -1.0}])
def test_sampling_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="must"):
        SamplingParameters(**wrong)


def test_a_condition_changes_the_text():
    speaker = tiny_speaker()
    told = [PLAIN, Condition(system="You are a formal assistant."), Condition(line=("formal",))]
    texts = sample(speaker, speaker.contexts(PROMPTS[:1] * 3, told), GREEDY, [0, 0, 0])
    assert len({written.text for written in texts}) == 3
    assert np.all([written.tokens <= 12 for written in texts])
