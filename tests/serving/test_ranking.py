"""What answers have to satisfy, whoever asks, in whatever company."""

import numpy as np
import pytest
import torch

from prefactor.backbones import Encoded
from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.vrf import VRF
from prefactor.methods.vrf_parameters import VRFParameters
from prefactor.preferences import PairBatch, Responses
from prefactor.seeds import generator
from prefactor.serving.model import KnownUsers, PersonalRanker
from prefactor.serving.requests import Request

WIDTH, BASES = 12, 5


class HashBackbone:
    """A state per text from the text's hash alone; long texts count as truncated; remembers what it was asked."""

    def __init__(self):
        self.calls = []

    def encode(self, prompts, responses):
        texts = list(zip(prompts, responses, strict=True))
        self.calls.append(texts)
        rows = [torch.randn(WIDTH, generator=generator(0, *text)).numpy() for text in texts]
        truncated = np.array([len(response) > 20 for _, response in texts])
        tokens, cut = np.full(len(texts), 3, dtype=np.int32), np.zeros(len(texts), dtype=bool)
        return Encoded(
            np.stack(rows),
            truncated,
            tokens,
            log_probability=None,
            response_tokens=tokens,
            cut=cut,
            computed=len(texts),
        )


def pairs(*numbers):
    return [{"prompt": f"p{n}", "chosen": f"good {n}", "rejected": f"bad {n}"} for n in numbers]


def make_ranker(unit_prior=True, shift=None):
    settings = VRFParameters(basis=BasisParameters(bases=BASES), latent=4, unit_prior=unit_prior, basis_mean_scale=1.0)
    model = VRF(settings, Shape(WIDTH, 2), generator(0, "weights"))
    model.mean_weight.copy_(torch.tensor([0.4, 0.3, 0.1, 0.1, 0.1]))
    if shift is not None:
        model.phi.layers[-1].bias.data += shift
    backbone = HashBackbone()
    ranker = PersonalRanker(model, backbone, KnownUsers.of([], model.prior_state(0)))
    with torch.no_grad():
        known = [model.adapt(_batch(backbone, pairs(*numbers))) for numbers in ((1, 2, 3), (4,))]
    state = {name: torch.cat([one[name] for one in known]) for name in known[0].tensors}
    ranker.known = KnownUsers.of(["ada", "ben"], type(known[0])(state))
    backbone.calls.clear()
    return ranker


def _batch(backbone, reference):
    texts = [(pair["prompt"], pair[name]) for pair in reference for name in ("chosen", "rejected")]
    states = torch.from_numpy(backbone.encode(*zip(*texts, strict=True)).states)
    number = torch.arange(len(reference))
    zeros = torch.zeros(len(reference), dtype=torch.long)
    responses = Responses({"states": states}, torch.arange(len(texts)))
    return PairBatch(responses, 2 * number, 2 * number + 1, zeros, torch.tensor([-1]))


def ask(user=None, reference=None, responses=("one", "two", "three"), prompt="q"):
    return Request.model_validate(
        {"prompt": prompt, "responses": list(responses), "user_id": user, "reference": reference}
    )


def figures(answer):
    """All numbers of an answer as one vector."""
    rows = [[c.reward, c.std, c.rank, *c.beats] for c in answer.candidates]
    return np.array([*np.ravel(rows), *answer.user.weights, answer.user.spread, answer.user.entropy, answer.user.pairs])


@pytest.fixture
def ranker():
    return make_ranker()


EVERYBODY = [
    ask("ada"),
    ask("ben", pairs(5, 6)),
    ask(None, pairs(7)),
    ask("stranger", responses=["only"]),
    ask(None, None, responses=[f"r{n}" for n in range(7)]),
]


def test_rewards_are_centred_ranked_and_compared_consistently(ranker):
    for answer in ranker.answer(EVERYBODY):
        rewards = np.array([c.reward for c in answer.candidates])
        beats = np.array([c.beats for c in answer.candidates])
        assert rewards.mean() == pytest.approx(0, abs=1e-6)
        assert [c.rank for c in answer.candidates] == (1 + np.argsort(np.argsort(-rewards))).tolist()
        assert np.allclose(beats + beats.T, 1) and np.all(np.diag(beats) == 0.5)
        off = ~np.eye(len(rewards), dtype=bool)
        assert np.array_equal((beats > 0.5)[off], (rewards[:, None] > rewards[None, :])[off])
        assert all(c.std >= 0 for c in answer.candidates)
        assert sum(answer.user.weights) == pytest.approx(1, abs=1e-5)
        assert 0 <= answer.user.entropy <= np.log(BASES) + 1e-5


def test_an_answer_does_not_depend_on_its_company(ranker):
    together = ranker.answer(EVERYBODY)
    for request, answer in zip(EVERYBODY, together, strict=True):
        alone = ranker.answer([request])[0]
        assert np.allclose(figures(answer), figures(alone), atol=1e-5)
        assert answer.user.answered_from == alone.user.answered_from and answer.notes == alone.notes


def test_all_texts_of_a_call_are_embedded_together_once_each(ranker):
    ranker.answer([ask("ada"), ask("ben"), ask(None, [*pairs(1), *pairs(1)], prompt="p1", responses=["good 1"])])
    [texts] = ranker.backbone.calls
    assert len(texts) == len(set(texts)) == 5


def test_candidates_keep_their_judgement_in_any_order(ranker):
    texts = ["one", "two", "three", "four"]
    order = [2, 0, 3, 1]
    straight, shuffled = ranker.answer([ask("ada", responses=texts), ask("ada", responses=[texts[i] for i in order])])
    for place, row in enumerate(order):
        before, after = straight.candidates[row], shuffled.candidates[place]
        assert after.response == before.response and after.rank == before.rank
        assert after.reward == pytest.approx(before.reward, abs=1e-5)
        assert after.beats == pytest.approx([before.beats[i] for i in order], abs=1e-5)


def test_a_constant_added_to_a_basis_changes_no_answer():
    plain, shifted = make_ranker(), make_ranker(shift=torch.linspace(-3, 3, BASES))
    for first, second in zip(plain.answer(EVERYBODY), shifted.answer(EVERYBODY), strict=True):
        assert np.allclose(figures(first), figures(second), atol=1e-4)


@pytest.mark.parametrize("unit_prior", [True, False])
def test_reference_pairs_say_as_much_as_a_known_user_who_gave_them(unit_prior):
    ranker = make_ranker(unit_prior)
    known, told, part, updated, everything = ranker.answer(
        [ask("ada"), ask(None, pairs(1, 2, 3)), ask("ben"), ask("ben", pairs(2, 3)), ask(None, pairs(2, 3, 4))]
    )
    assert np.allclose(figures(known), figures(told), atol=1e-5)
    assert np.allclose(figures(updated), figures(everything), atol=1e-5)
    assert not np.allclose(figures(updated), figures(part), atol=1e-3)
    sources = [answer.user.answered_from for answer in (known, told, updated)]
    assert sources == ["known user", "reference pairs", "known user updated with reference pairs"]
    assert [answer.user.pairs for answer in (known, part, updated)] == [3, 1, 3]


def test_more_pairs_never_raise_the_spread(ranker):
    answers = ranker.answer([ask(None, pairs(*range(n)) or None) for n in range(5)])
    spreads = [answer.user.spread for answer in answers]
    assert spreads == sorted(spreads, reverse=True) and spreads[0] > spreads[-1]


@pytest.mark.parametrize("unit_prior", [True, False])
def test_a_stranger_is_answered_from_the_prior_and_told_so(unit_prior):
    ranker = make_ranker(unit_prior)
    nobody, stranger, blank = ranker.answer([ask(), ask("zoe"), ask(None, [])])
    assert figures(nobody).tolist() == figures(stranger).tolist() == figures(blank).tolist()
    assert {answer.user.answered_from for answer in (nobody, stranger, blank)} == {"prior"}
    assert nobody.user.pairs == 0
    assert any("no reference pairs" in note for note in nobody.notes)
    assert any("'zoe' is not among the users" in note for note in stranger.notes)
    if not unit_prior:
        assert nobody.user.weights == pytest.approx([0.4, 0.3, 0.1, 0.1, 0.1])


def test_an_unknown_user_with_pairs_is_answered_from_them(ranker):
    [answer] = ranker.answer([ask("zoe", pairs(1))])
    assert answer.user.answered_from == "reference pairs"
    assert answer.notes == ["user_id 'zoe' is not among the users of the training data"]


def test_equal_candidates_keep_their_order(ranker):
    [answer] = ranker.answer([ask("ada", responses=["same", "same", "same"])])
    assert [c.rank for c in answer.candidates] == [1, 2, 3]
    assert all(c.beats == [0.5] * 3 and c.std == pytest.approx(0, abs=1e-5) for c in answer.candidates)


def test_notes_say_what_was_cut_and_what_cannot_be_compared(ranker):
    long = "a very long candidate indeed"
    cut, alone = ranker.answer([ask("ada", responses=[long, long, "short"]), ask("ada", responses=["short"])])
    assert any(note.startswith("1 text(s) are longer") for note in cut.notes)
    assert not any("longer" in note for note in alone.notes)
    assert any("nothing to compare" in note for note in alone.notes)
    assert alone.candidates[0].reward == 0 and alone.candidates[0].beats == [0.5]


def test_the_same_request_gets_the_same_bytes(ranker):
    first, second = ranker.answer(EVERYBODY), make_ranker().answer(EVERYBODY)
    assert [a.model_dump_json() for a in first] == [a.model_dump_json() for a in second]
    assert ranker.answer([]) == []
