"""ARGS between its ends: without weight the language model speaks alone, with a huge one the reward does."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from prefactor.decoding.args import ARGS, ARGSParameters
from prefactor.decoding.conditions import PLAIN
from prefactor.decoding.rewards import PersonalRewards
from prefactor.decoding.sampling import SamplingParameters, Written, sample
from tests.decoding.judges import USERS, World, make_world
from tests.decoding.speakers import tiny_speaker

STEPS = 5
PROMPTS = ["Tell me of bread.", "Why?", "Tell me of bicycles, dear assistant.", "And now?"]


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture(scope="module")
def rewards(world: World) -> PersonalRewards:
    return world.rewards("vrf/loadings")


class Writer:
    """The world's language model, written with token by token and greedily, without a cache."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder).eval()

    @property
    def vocabulary(self) -> int:
        return int(self.model.config.vocab_size)

    def spelt(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    @torch.inference_mode()
    def logits(self, prompts: Sequence[str], prefixes: Sequence[Sequence[int]]) -> torch.Tensor:
        rows = []
        for prompt, prefix in zip(prompts, prefixes, strict=True):
            ids = [*self.tokenizer(prompt, truncation=False)["input_ids"], *prefix]
            rows.append(self.model(input_ids=torch.tensor([ids])).logits[0, -1])
        return torch.stack(rows)

    def write(self, args: ARGS | None, rows: Sequence[int], steps: int = STEPS) -> list[list[int]]:
        prompts, prefixes, last = [PROMPTS[row] for row in rows], [[] for _ in rows], None
        if args is not None:
            args.begin(np.array(rows))
        for _ in range(steps):
            logits = self.logits(prompts, prefixes)
            last = (logits if args is None else args.logits(logits, last)).argmax(-1)
            for prefix, token in zip(prefixes, last.tolist(), strict=True):
                prefix.append(token)
        return prefixes


@pytest.fixture(scope="module")
def writer(world: World) -> Writer:
    return Writer(Path(str(world.cache.folder.parent / "tiny")))


def steering(rewards: PersonalRewards, writer: Writer, weight: float, tokens: int = 4, ends=()) -> ARGS:
    users = torch.tensor([1, 5, 0, 7]) % USERS
    return ARGS(rewards, users, PROMPTS, writer.spelt, ends, ARGSParameters(weight, tokens))


def test_without_weight_it_is_the_language_models_own_greedy_text(rewards: PersonalRewards, writer: Writer) -> None:
    rows = [2, 0, 3, 1]
    assert writer.write(steering(rewards, writer, 0.0), rows) == writer.write(None, rows)


def test_with_a_huge_weight_the_reward_alone_chooses_among_the_k(rewards: PersonalRewards, writer: Writer) -> None:
    args = steering(rewards, writer, 1e6)
    prefixes = writer.write(args, [0, 2])
    assert prefixes != writer.write(None, [0, 2])
    for row, user, prefix in ((0, 1, prefixes[0]), (2, 0, prefixes[1])):
        for step in range(STEPS):
            own = writer.logits([PROMPTS[row]], [prefix[:step]])[0]
            tokens = own.topk(4).indices.tolist()
            texts = [writer.spelt([*prefix[:step], token]) for token in tokens]
            reward = rewards.plain(torch.full((4,), user), [PROMPTS[row]] * 4, texts)
            chosen = reward[tokens.index(prefix[step])]
            assert chosen >= reward.max() - 1e-4


def test_scores_are_log_probability_plus_weighted_reward_and_the_rest_is_out(rewards, writer) -> None:
    args = steering(rewards, writer, 0.3, tokens=5)
    args.begin(np.array([3, 0]))
    own = torch.randn(2, writer.vocabulary, generator=torch.Generator().manual_seed(0)) * 3
    args.logits(own, None)
    last = torch.tensor([70, 80])
    scores = args.logits(own, last)
    assert (scores.isfinite().sum(-1) == 5).all() and (scores[~scores.isfinite()] == -torch.inf).all()
    for place, (row, user) in enumerate(((3, 7), (0, 1))):
        tokens = own[place].topk(5).indices
        texts = [writer.spelt([int(last[place]), token]) for token in tokens.tolist()]
        reward = rewards.plain(torch.full((5,), user), [PROMPTS[row]] * 5, texts)
        expected = own[place].log_softmax(-1)[tokens] + 0.3 * reward
        torch.testing.assert_close(scores[place, tokens], expected, atol=1e-5, rtol=1e-5)


def test_a_row_depends_on_no_other_and_begins_anew(rewards: PersonalRewards, writer: Writer) -> None:
    args = steering(rewards, writer, 2.0)
    together = writer.write(args, [0, 1, 2, 3])
    assert [writer.write(args, [row])[0] for row in range(4)] == together


def test_one_batch_of_rewards_a_step(rewards: PersonalRewards, writer: Writer, world: World, monkeypatch) -> None:
    sizes: list[int] = []
    encode = world.backbone.encode

    def counting(prompts, responses, progress=None):
        sizes.append(len(prompts))
        return encode(prompts, responses, progress)

    monkeypatch.setattr(world.backbone, "encode", counting)
    writer.write(steering(rewards, writer, 1.0, tokens=6), [0, 1, 2])
    assert len(sizes) == STEPS and max(sizes) <= 3 * 6


def test_rows_leave_the_batch(rewards: PersonalRewards, writer: Writer) -> None:
    own = torch.randn(3, writer.vocabulary, generator=torch.Generator().manual_seed(2))
    whole, part = steering(rewards, writer, 1.0), steering(rewards, writer, 1.0)
    for args in (whole, part):
        args.begin(np.array([0, 1, 2]))
        args.logits(own, None)
    part.keep(torch.tensor([0, 2]))
    last, kept = torch.tensor([70, 80, 90]), [0, 2]
    expected = whole.logits(own, last)[kept]
    torch.testing.assert_close(part.logits(own[kept], last[kept]), expected, atol=1e-5, rtol=1e-5)


def test_an_end_is_judged_as_the_text_before_it_and_ends_the_rewards(rewards, writer, world, monkeypatch) -> None:
    end = 77  # a letter's token: it must not be spelt
    args = steering(rewards, writer, 1.0, tokens=2, ends=[end])
    args.begin(np.array([0, 1]))
    own = torch.zeros(2, writer.vocabulary)
    own[:, [end, 80]] = torch.tensor([5.0, 4.0])
    args.logits(own, None)
    scores = args.logits(own, torch.tensor([90, 91]))
    before, after = writer.spelt([90]), writer.spelt([90, 80])
    reward = rewards.plain(torch.tensor([1, 1]), [PROMPTS[0]] * 2, [before, after])
    torch.testing.assert_close(scores[0, end] - scores[0, 80], 1 + reward[0] - reward[1], atol=1e-4, rtol=1e-4)
    going = args.logits(own, torch.tensor([end, 92]))
    torch.testing.assert_close(going[0, [end, 80]], own[0].log_softmax(-1)[[end, 80]])
    monkeypatch.setattr(world.backbone, "encode", None)  # nobody writes any more: nothing is read
    assert args.logits(own, torch.tensor([80, end])).isfinite().sum() == 4


def test_fewer_tokens_than_are_asked_for(rewards: PersonalRewards, writer: Writer) -> None:
    args = steering(rewards, writer, 1.0, tokens=1000)
    args.begin(np.array([0]))
    assert args.logits(torch.zeros(1, 30), None).isfinite().all()


def test_texts_are_drawn_under_it(rewards: PersonalRewards) -> None:
    speaker, users = tiny_speaker(), torch.tensor([1, 5, 0, 7])
    contexts = speaker.contexts(PROMPTS, [PLAIN] * 4)

    def texts(weight: float | None, **how: float) -> list[Written]:
        parameters = None if weight is None else ARGSParameters(weight, tokens=5)
        args = parameters and ARGS(rewards, users, PROMPTS, speaker.spelt, speaker.end_ids, parameters)
        return sample(speaker, contexts, SamplingParameters(max_new_tokens=8, **how), [0, 1, 2, 3], args)

    assert texts(0.0, temperature=0.0) == texts(None, temperature=0.0)
    drawn = texts(3.0)
    assert drawn == texts(3.0, rows_at_once=1) and drawn != texts(0.0)


def test_parameters_are_checked(rewards: PersonalRewards, writer: Writer) -> None:
    with pytest.raises(ValueError, match="weight must not be negative"):
        ARGSParameters(weight=-1)
    with pytest.raises(ValueError, match="tokens must be at least 1"):
        ARGSParameters(tokens=0)
    with pytest.raises(ValueError, match="1 users for 4 prompts"):
        ARGS(rewards, torch.tensor([0]), PROMPTS, writer.spelt, (), ARGSParameters())
