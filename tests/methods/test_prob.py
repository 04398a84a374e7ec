"""Prob and Det: the attenuated posterior, what a variance does to a new user's fit, and planted noise found again."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from prefactor.errors import InputError
from prefactor.methods.base import RewardModel, Shape, UserState
from prefactor.methods.bt import BT, BTParameters
from prefactor.methods.pref import PReF, PReFParameters
from prefactor.methods.prob import Det, DetParameters, Prob, ProbParameters
from prefactor.methods.prob_global import DetGlobal, DetGlobalParameters, ProbGlobal, ProbGlobalParameters
from prefactor.methods.prob_noise import MOST, NoiseParameters
from prefactor.methods.prob_reward import ProbabilisticReward
from prefactor.parameters import build
from prefactor.preferences import PairBatch, Responses
from tests.worlds import WIDTH, make_pairs

SMALL = {"basis": {"form": "linear", "bases": 3}}
ONE = {"basis": {"form": "linear", "bases": 1}}


def make(kind: type[RewardModel] = Prob, users: int = 8, width: int = WIDTH, **changes: object) -> ProbabilisticReward:
    basis = ONE if issubclass(kind, BT) else SMALL
    settings = build(kind.Parameters, {**basis, **changes}, "test")
    model = kind(settings, Shape(width, users), torch.Generator().manual_seed(0))  # type: ignore[call-arg]
    if width == WIDTH:
        model.standardise(make_pairs(1, 1).responses)
    return model.eval()  # type: ignore[return-value]


def in_double(pairs: PairBatch) -> PairBatch:
    states = {"states": pairs.responses.views["states"].double()}
    margin = None if pairs.margin is None else pairs.margin.double()
    return replace(pairs, responses=Responses(states, pairs.responses.text), margin=margin)


def moments(model: Prob, user: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """mu_u and s_u^2 of one response, by the definition."""
    state = model.scaler(state)
    phi, psi = model.phi(state), model.noise.network(state)
    return user @ phi[:-1] + phi[-1], torch.exp(user @ psi[:-1] + psi[-1])


@pytest.mark.parametrize("likelihood", ["pairs", "scores"])
def test_the_loss_is_the_joint_posterior(likelihood: str) -> None:
    model, pairs = make(shrinkage=2.5, likelihood=likelihood), make_pairs(6, 4, seen=True)
    states, margin = pairs.responses.views["states"], pairs.margin
    unit = margin.square().mean().sqrt()
    model.unit.copy_(unit if likelihood == "scores" else 1.0)
    total = 0.5 * 2.5 * model.user_weight[:6].square().sum()
    for row in range(len(pairs)):
        weight = model.user_weight[pairs.segment[row]]
        (mean, variance), (other, more) = (
            moments(model, weight, states[side]) for side in (pairs.chosen[row], pairs.rejected[row])
        )
        if likelihood == "pairs":
            gap = (mean - other) / torch.sqrt(1 + torch.pi * (variance + more) / 8)
            total = total - torch.log(torch.sigmoid(gap))
        else:
            gaussian = torch.distributions.Normal(mean - other, torch.sqrt(variance + more))
            total = total - gaussian.log_prob(margin[row] / unit) - 0.5 * torch.log(torch.tensor(2 * torch.pi))
    torch.testing.assert_close(model.loss(pairs, torch.Generator()), total / len(pairs))


@pytest.mark.parametrize("kind", [Prob, ProbGlobal])
def test_a_centred_rewards_variance_is_that_of_independent_noises(kind: type[RewardModel]) -> None:
    model, pairs = make(kind), make_pairs(2, 5)
    users, segment = model.adapt(pairs), torch.tensor([0, 0, 0, 1, 0, 0])
    found = model.against_mean(users, pairs.responses[:6], segment)
    own, psi = model.weights(users)[segment], model.noise(model.scaled(pairs.responses[:6]))
    noise = model.noise.variance(own, psi)
    mine = (segment == 0).nonzero().flatten()
    centring = torch.eye(5) - 1 / 5
    expected = (centring @ torch.diag(noise[mine]) @ centring.T).diagonal()
    torch.testing.assert_close(found.variance[mine], expected)
    assert found.variance[3] == 0  # alone: it is the mean


def test_two_candidates_differ_as_the_pair_does() -> None:
    model, pairs = make(), make_pairs(1, 1)
    users = model.adapt(pairs)
    both = torch.stack([pairs.chosen[0], pairs.rejected[0]])
    centred = model.against_mean(users, pairs.responses[both], torch.zeros(2, dtype=torch.long))
    margin = model.compare(users, pairs)
    torch.testing.assert_close(centred.mean, torch.stack([margin.mean[0], -margin.mean[0]]) / 2)
    torch.testing.assert_close(centred.variance, margin.variance.expand(2) / 4)


@pytest.mark.parametrize("likelihood", ["pairs", "scores"])
def test_a_new_users_weight_is_the_mode_where_variances_are_everyones(likelihood: str) -> None:
    """L-BFGS on the loss of Prob itself, one user at a time."""
    model = make(shrinkage=0.7, personal_variance=False, likelihood=likelihood).double()
    pairs = in_double(make_pairs(4, 6))
    found = model.adapt(pairs)["weight"]
    for user in range(4):
        mine = pairs.users_between(user, user + 1)
        weight = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
        search = torch.optim.LBFGS(
            [weight], max_iter=500, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
        )

        def negative_log_posterior(weight: torch.Tensor = weight, mine: PairBatch = mine) -> torch.Tensor:
            margin = model.difference(model.with_common(weight), mine)
            return model.pair_losses(margin, mine).sum() + 0.35 * weight.square().sum()

        def closure(search=search, weight=weight, value=negative_log_posterior) -> torch.Tensor:
            search.zero_grad()
            value().backward(inputs=[weight])
            return value()

        search.step(closure)
        torch.testing.assert_close(found[user], weight.detach()[0], atol=1e-6, rtol=1e-6)


def test_renewing_the_variances_settles(monkeypatch: pytest.MonkeyPatch) -> None:
    model, pairs = make(), make_pairs(20, 9)
    found = model.adapt(pairs)["weight"]
    monkeypatch.setattr("prefactor.methods.prob.ROUNDS", 12)
    torch.testing.assert_close(model.adapt(pairs)["weight"], found, atol=0.02, rtol=0)


@pytest.mark.parametrize("likelihood", ["pairs", "scores"])
def test_a_pair_of_large_variance_counts_for_less(likelihood: str) -> None:
    """Two users with one pair each, whose responses are noisy for everyone or hardly."""
    pairs = make_pairs(1, 1)
    lengths = []
    for log_variance in (-4.0, MOST):
        model = make(likelihood=likelihood, common=False)
        with torch.no_grad():
            model.noise.network.last.weight.zero_()
            model.noise.network.last.bias.copy_(torch.tensor([0.0, 0.0, 0.0, log_variance]))
        lengths.append(float(model.adapt(pairs)["weight"].norm()))
    assert lengths[1] < 0.2 * lengths[0]


def test_det_is_prob_without_a_variance_and_both_start_alike() -> None:
    det, off, prob = make(Det), make(variance=False), make()
    start = prob.state_dict()
    assert det.state_dict().keys() == off.state_dict().keys() < start.keys()
    for name, tensor in det.state_dict().items():
        assert torch.equal(tensor, off.state_dict()[name]) and torch.equal(tensor, start[name]), name
    pairs = make_pairs(5, 4)
    users = det.adapt(pairs)
    assert torch.equal(off.adapt(pairs)["weight"], users["weight"])
    assert (det.compare(users, pairs).variance == 0).all()
    assert (det.against_mean(users, pairs.responses, torch.zeros(60, dtype=torch.long)).variance == 0).all()


def test_det_is_pref_with_a_common_reward_and_det_global_is_bt() -> None:
    pairs, draw = make_pairs(8, 5, seen=True), torch.Generator()
    new = replace(pairs, users=torch.full((8,), -1))
    det = make(Det)
    settings = build(PReFParameters, {**SMALL, "common": True}, "test")
    pref = PReF(settings, Shape(WIDTH, 8), torch.Generator().manual_seed(0)).eval()
    pref.standardise(pairs.responses)
    for model in (det, pref):
        model.prepare(pairs, torch.Generator().manual_seed(3))
    assert torch.equal(det.loss(pairs, draw), pref.loss(pairs, draw))
    for batch in (pairs, new):
        torch.testing.assert_close(det.adapt(batch)["weight"], pref.adapt(batch)["weight"], atol=1e-6, rtol=0)
    bt = BT(build(BTParameters, ONE, "test"), Shape(WIDTH, 8), torch.Generator().manual_seed(0)).eval()
    bt.standardise(pairs.responses)
    one = make(DetGlobal)
    torch.testing.assert_close(one.loss(pairs, draw), bt.loss(pairs, draw))
    assert torch.equal(one.compare(one.adapt(pairs), pairs).mean, bt.compare(bt.adapt(pairs), pairs).mean)


def test_a_vanishing_variance_is_none() -> None:
    prob, det, pairs = make(), make(Det), make_pairs(5, 6)
    with torch.no_grad():
        prob.noise.network.last.weight.zero_()
        prob.noise.network.last.bias.copy_(torch.tensor([0.0, 0.0, 0.0, -50.0]))
    torch.testing.assert_close(prob.adapt(pairs)["weight"], det.adapt(pairs)["weight"], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        prob.loss(replace(pairs, users=torch.arange(5)), torch.Generator()),
        det.loss(replace(pairs, users=torch.arange(5)), torch.Generator()),
        atol=1e-4,
        rtol=1e-4,
    )


def test_no_log_variance_is_below_its_floor() -> None:
    pairs = make_pairs(5, 6)
    for floor in (None, -1.0):
        model = make(variance_floor=floor)
        with torch.no_grad():
            model.noise.network.last.bias.fill_(-3.0)
        least = model.compare(model.adapt(pairs), pairs).variance.min()
        assert (least >= 2 * torch.exp(torch.tensor(-1.0))) == (floor is not None)


def test_seen_users_keep_the_trained_weight_unless_refitted() -> None:
    pairs = make_pairs(8, 4, seen=True)
    kept, refitted = make(), make(refit_seen=True)
    torch.testing.assert_close(kept.adapt(pairs)["weight"], kept.user_weight.detach())
    new = replace(pairs, users=torch.full((8,), -1))
    torch.testing.assert_close(refitted.adapt(pairs)["weight"], kept.adapt(new)["weight"])


@pytest.mark.parametrize("kind", [Prob, Det, ProbGlobal, DetGlobal])
def test_the_unit_of_the_scores_changes_nothing(kind: type[RewardModel]) -> None:
    pairs = make_pairs(8, 6, seen=True)
    larger, later = replace(pairs, margin=7 * pairs.margin), make_pairs(4, 6, seed=2)
    probabilities, losses = [], []
    for known, new in ((pairs, later), (larger, replace(later, margin=7 * later.margin))):
        model = make(kind, likelihood="scores")
        model.prepare(known, torch.Generator().manual_seed(0))
        losses.append(model.loss(known, torch.Generator()).detach())
        model.calibrate([new], new)
        probabilities.append(model.compare(model.adapt(new), new).probability().detach())
    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(probabilities[0], probabilities[1])


def test_scores_are_turned_into_logits_that_predict_choices() -> None:
    """By the scale that held-out users' choices are most likely under, rather than by the unit of the score."""
    model, pairs = make(likelihood="scores"), make_pairs(30, 8)
    rank = torch.arange(len(pairs)) % 8
    known, later = pairs.select(rank < 5), pairs.select(rank >= 5)

    def loss() -> float:
        with torch.no_grad():
            return float(-F.logsigmoid(model.compare(model.adapt(known), later).logit()).mean())

    before = loss()
    model.calibrate([known], later)
    assert float(model.logits_per_unit) != 1 and loss() < before


@pytest.mark.parametrize("unknown", [None, 2])
def test_missing_scores_are_named(unknown: int | None) -> None:
    model, pairs = make(likelihood="scores"), make_pairs(3, 4, seen=True)
    margin = pairs.margin.clone()
    margin[:2] = torch.nan
    with pytest.raises(InputError, match=f"but {unknown or 12} of 12 have none.*set likelihood to pairs"):
        model.prepare(replace(pairs, margin=None if unknown is None else margin), torch.Generator())


def test_a_question_needs_a_posterior() -> None:
    model, pairs = make(), make_pairs(2, 3)
    with pytest.raises(TypeError, match="prob keeps no posterior"):
        model.next_question(model.adapt(pairs), pairs)


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (ProbParameters, {"likelihood": "ratings"}, "likelihood"),
        (ProbParameters, {"shrinkage": 0.0}, "shrinkage must be positive"),
        (ProbParameters, {"variance_floor": -99.0}, "variance_floor must lie in"),
        (NoiseParameters, {"variance": False, "variance_floor": -1.0}, "set variance"),
        (DetParameters, {"variance": True}, "train prob"),
        (DetGlobalParameters, {"variance": True}, "train prob_global"),
        (ProbGlobalParameters, {"basis": {"bases": 2}}, "bases must be 1"),
        (ProbParameters, {"varance": True}, "varance"),
    ],
)
def test_wrong_parameters_are_named(kind: type, values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(kind, values, "test")


def noisy_world(users: int, pairs: int, seed: int) -> PairBatch:
    """One taste, the first feature; a judgement of a response with a 1 as its last feature scatters a lot."""
    draw = torch.Generator().manual_seed(seed)
    states = torch.randn(300, 4, generator=torch.Generator().manual_seed(1))
    states[:, 3] = (torch.arange(300) < 150).float()
    sides = torch.stack([torch.randperm(300, generator=draw)[:2] for _ in range(users * pairs)])  # (N,2)
    deviation = 0.2 + 5.0 * states[sides, 3]
    judged = 3.0 * states[sides, 0] + deviation * torch.randn(sides.shape, generator=draw)
    order = judged.argsort(-1, descending=True)
    chosen, rejected = sides.gather(1, order).unbind(-1)
    gap = judged.amax(-1) - judged.amin(-1)
    segment, nobody = torch.arange(users).repeat_interleave(pairs), torch.full((users,), -1)
    return PairBatch(Responses({"states": states}, torch.arange(300)), chosen, rejected, segment, nobody, margin=gap)


def trained(kind: type[RewardModel], known: PairBatch, **changes: object) -> ProbabilisticReward:
    model = make(kind, known.n_users, 4, **(changes if issubclass(kind, BT) else {"shrinkage": 10.0, **changes}))
    known = replace(known, users=torch.arange(known.n_users))
    model.standardise(known.responses)
    model.prepare(known, torch.Generator().manual_seed(0))
    optimiser = torch.optim.AdamW(model.learnable(0.05), weight_decay=0.0)
    for _ in range(80):
        optimiser.zero_grad()
        model.loss(known, torch.Generator()).backward()
        optimiser.step()
    return model


def figures(model: ProbabilisticReward, known: PairBatch, later: PairBatch) -> tuple[float, float]:
    """Log loss in nats, and how far confidence is from accuracy by the number of noisy responses in a pair."""
    with torch.no_grad():
        chance = model.compare(model.adapt(known), later).probability()
    excess = chance.maximum(1 - chance) - (chance > 0.5).float()
    noisy = (later.chosen < 150).long() + (later.rejected < 150).long()
    gaps = [float(excess[noisy == number].sum().abs()) for number in range(3)]
    return float(-chance.log().mean()), sum(gaps) / len(later)


@pytest.mark.parametrize(("prob", "det"), [(Prob, Det), (ProbGlobal, DetGlobal)])
def test_planted_noise_is_found_and_makes_better_probabilities(prob: type[RewardModel], det: type[RewardModel]) -> None:
    seen, new = noisy_world(100, 30, 0), noisy_world(60, 40, 1)
    rank = torch.arange(len(new)) % 40
    known, later = new.select(rank < 10), new.select(rank >= 10)
    found, plain = trained(prob, seen), trained(det, seen)
    with torch.no_grad():
        users = found.adapt(known)
        nobody = UserState({name: tensor[:1].expand(300, -1) for name, tensor in users.tensors.items()})
        variance = found.noise.variance(found.weights(nobody), found.noise(found.scaled(new.responses)))
    assert variance[:150].median() > 3 * variance[150:].median()
    (loss, gap), (plain_loss, plain_gap) = figures(found, known, later), figures(plain, known, later)
    assert loss < plain_loss - 0.01
    assert gap < plain_gap


def test_scores_tell_the_noise_too() -> None:
    seen = noisy_world(100, 30, 0)
    model = trained(ProbGlobal, seen, likelihood="scores")
    with torch.no_grad():
        variance = model.noise(model.scaled(seen.responses)).squeeze(-1).exp()  # (T,)
    assert variance[:150].min() > 3 * variance[150:].max()
