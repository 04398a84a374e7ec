"""VRF: the published formulas recomputed term by term, posteriors, ablations."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
from torch.nn import functional as F

from prefactor.errors import InputError
from prefactor.evaluation.accuracy import asked_of_everyone, margins
from prefactor.methods.base import Margin, Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.bt import BT, BTParameters
from prefactor.methods.gaussians import Gaussians
from prefactor.methods.loadings import POWERS
from prefactor.methods.pair_encoder import PairEncoder
from prefactor.methods.taste_axes import leading_tastes
from prefactor.methods.vrf import VRF
from prefactor.methods.vrf_parameters import VRFParameters
from prefactor.parameters import build
from tests.worlds import WIDTH, make_pairs


def make_vrf(**changes: object) -> VRF:
    settings = build(VRFParameters, {"basis": {"form": "mlp", "bases": 4}, "latent": 5, **changes}, "test")
    model = VRF(settings, Shape(WIDTH, 8), torch.Generator().manual_seed(0))
    model.standardise(make_pairs(1, 1).responses)
    return model.eval()


def test_the_whole_forward_pass_as_the_paper_prints_it() -> None:
    """One user at a time, pair by pair, from the formulas alone."""
    model, pairs = make_vrf(), make_pairs(3, 5)
    users, margin = model.adapt(pairs), model.compare(model.adapt(pairs), pairs)
    states = (pairs.responses.views["states"] - model.scaler.mean) / model.scaler.scale
    for user in range(3):
        rows = (pairs.segment == user).nonzero().flatten()
        plus, minus = states[pairs.chosen[rows]], states[pairs.rejected[rows]]
        hidden = F.gelu(model.encoder.first(torch.cat([(plus + minus) / 2, plus - minus], -1)))
        mean, log_std = model.encoder.second(hidden).split(5, -1)
        precision = (-2 * log_std).exp()
        std_u = precision.sum(0) ** -0.5
        mean_u = std_u**2 * (mean * precision).sum(0)  # Eq. (5)
        base = model.bases
        distance = ((mean_u - base.mean) ** 2).sum(-1) + ((std_u - base.std) ** 2).sum(-1)
        weight = torch.exp(-distance) / torch.exp(-distance).sum()  # Eq. (6)
        difference = model.phi(plus) - model.phi(minus)
        mean_margin = difference @ weight
        variance = ((difference - mean_margin[:, None]) ** 2) @ weight  # Eq. (7)
        torch.testing.assert_close(users["mean"][user], mean_u, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(users["std"][user], std_u, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(users["weight"][user], weight, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(margin.mean[rows], mean_margin, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(margin.variance[rows], variance, atol=1e-5, rtol=1e-4)


def test_the_loss_is_the_sum_of_its_terms() -> None:
    pairs = make_pairs(6, 6, seen=True)
    batch = replace(pairs, reference=torch.arange(len(pairs)) % 6 < 3)
    model = make_vrf(margin=4.0, regularisation=0.1)
    total = model.loss(batch, torch.Generator().manual_seed(7))
    users = model.adapt(batch.references())
    margin = model.compare(users, batch.targets())
    attenuated = margin.mean / (1 + torch.pi * margin.variance / 8).sqrt()
    base = model.bases
    separation = sum(
        (4 - ((base.mean[i] - base.mean[j]) ** 2).sum() - ((base.std[i] - base.std[j]) ** 2).sum()).clamp(min=0)
        for i in range(4)
        for j in range(i + 1, 4)
    )
    noise = torch.randn(model.settings.samples, *users["mean"].shape, generator=torch.Generator().manual_seed(7))
    posterior = Independent(Normal(users["mean"], users["std"]), 1)
    mixture = MixtureSameFamily(Categorical(torch.ones(4)), Independent(Normal(base.mean, base.std), 1))
    expected = mixture.log_prob(users["mean"] + users["std"] * noise).mean(0)  # (S,U,D) -> (U,)
    divergence = (-posterior.entropy() - expected).mean()
    torch.testing.assert_close(total, -torch.sigmoid(attenuated).log().mean() + separation + 0.1 * divergence)


def test_product_of_gaussians_equals_incremental_updates() -> None:
    for changes in ({}, {"unit_prior": True}, {"pooling": "mean"}):
        model, pairs = make_vrf(**changes), make_pairs(5, 8)
        early = torch.arange(len(pairs)) % 8 < 3
        stepwise = model.update(model.adapt(pairs.select(early)), pairs.select(~early))
        whole = model.adapt(pairs)
        for name in whole.tensors:
            torch.testing.assert_close(stepwise[name], whole[name], atol=1e-5, rtol=1e-4)


def test_more_pairs_never_raise_the_uncertainty() -> None:
    model, pairs = make_vrf(unit_prior=True), make_pairs(6, 8)
    place = torch.arange(len(pairs)) % 8
    widths = torch.stack([model.adapt(pairs.select(place < n))["std"] for n in range(9)])
    assert (widths.diff(dim=0) <= 0).all()
    assert (widths <= 1).all()


def test_without_pairs_the_answer_is_the_prior_or_the_mean_weight() -> None:
    pairs = make_pairs(4, 5, seen=True)
    nobody = pairs.select(torch.zeros(len(pairs), dtype=torch.bool))
    published = make_vrf()
    published.finish(pairs)
    expected = published.adapt(pairs)["weight"].mean(0)
    torch.testing.assert_close(published.adapt(nobody)["weight"], expected.expand(4, -1))
    ours = make_vrf(unit_prior=True)
    torch.testing.assert_close(ours.adapt(nobody)["weight"], ours.prior_state(4)["weight"])
    torch.testing.assert_close(ours.prior_state(1)["std"], torch.ones(1, 5))


def test_first_layer_over_unique_responses_equals_pair_by_pair() -> None:
    encoder = PairEncoder(WIDTH, hidden=6, latent=5, dropout=0.0, generator=torch.Generator().manual_seed(0))
    pairs = make_pairs(20, 10)
    arguments = pairs.responses.views["states"], pairs.chosen, pairs.rejected
    plus, minus = encoder.halves(arguments[0])
    shared = plus[pairs.chosen] + minus[pairs.rejected]
    torch.testing.assert_close(shared, encoder.direct_first(*arguments), atol=1e-5, rtol=1e-4)


def test_one_basis_is_bradley_terry() -> None:
    """With K = 1 there is one weight, no variance, nothing to separate: VRF's data loss is BT's."""
    basis = BasisParameters(form="mlp", bases=1)
    vrf = make_vrf(basis={"form": "mlp", "bases": 1}, regularised=False)
    bt = BT(BTParameters(basis), Shape(WIDTH, 8), torch.Generator().manual_seed(5)).eval()
    bt.phi.load_state_dict(vrf.phi.state_dict())
    bt.scaler.load_state_dict(vrf.scaler.state_dict())
    pairs = make_pairs(6, 6, seen=True)
    batch = replace(pairs, reference=torch.arange(len(pairs)) % 6 < 3)
    generator = torch.Generator().manual_seed(0)
    torch.testing.assert_close(vrf.loss(batch, generator), bt.loss(batch.targets(), generator))


@pytest.mark.parametrize(
    "change",
    [
        {"attenuated": False},
        {"separated": False},
        {"regularised": False},
        {"prior": "standard"},
        {"pooling": "mean"},
        {"distance_factor": 0.5},
        {"temperature": 2.0},
        {"margin": 9.0},
    ],
)
def test_every_ablation_changes_the_loss(change: dict[str, object]) -> None:
    pairs = make_pairs(6, 6, seen=True)
    batch = replace(pairs, reference=torch.arange(len(pairs)) % 6 < 3)
    full, ablated = make_vrf(regularisation=0.1), make_vrf(regularisation=0.1, **change)
    losses = [model.loss(batch, torch.Generator().manual_seed(1)).detach() for model in (full, ablated)]
    assert abs(float(losses[0] - losses[1])) > 1e-5


def test_large_variance_attenuates_the_gradient() -> None:
    """Proposition 2 of the paper: as the variance grows, the gradient vanishes."""
    gradients = []
    for variance in (0.0, 10.0, 1e6):
        mean = torch.tensor([-2.0], requires_grad=True)
        (-F.logsigmoid(Margin(mean, torch.tensor([variance])).attenuated())).sum().backward()
        gradients.append(float(mean.grad.abs()))
    assert gradients[0] > gradients[1] > gradients[2]
    assert gradients[2] < 1e-2


def test_mackay_probability_is_close_to_the_integral() -> None:
    noise = torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    for mean, variance in ((0.5, 1.0), (-2.0, 4.0), (3.0, 0.2)):
        exact = torch.sigmoid(mean + variance**0.5 * noise).mean()
        approximate = Margin(torch.tensor(mean), torch.tensor(variance)).probability()
        assert abs(float(exact - approximate)) < 0.02


def test_freezing_phi_leaves_it_out_of_the_optimiser() -> None:
    model = make_vrf(phi_learning_rate=0.0)
    assert len(model.learnable(0.1)) == 1
    assert not any(parameter.requires_grad for parameter in model.phi.parameters())


def test_a_common_network_learns_at_a_rate_of_its_own_while_phi_is_frozen() -> None:
    model = loaded(common=True, common_network={"form": "linear"}, phi_learning_rate=0.0, common_learning_rate=0.25)
    rates = {id(parameter): group["lr"] for group in model.learnable(0.4) for parameter in group["params"]}
    assert all(rates[id(parameter)] == pytest.approx(0.1) for parameter in model.phi.common.parameters())
    assert not any(id(parameter) in rates or parameter.requires_grad for parameter in model.phi.layers.parameters())
    assert len(rates) == sum(parameter.requires_grad for parameter in model.parameters())


def test_the_first_step_hands_over_phi_and_scale() -> None:
    model = make_vrf()
    basis = model.first_step(torch.Generator().manual_seed(3))
    basis.standardise(make_pairs(1, 1).responses)
    model.start_from(basis)
    pairs = make_pairs(2, 3)
    torch.testing.assert_close(model.basis(pairs.responses), basis.basis(pairs.responses))


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(InputError, match="test: unknown key 'tempreature'; did you mean 'temperature'"):
        make_vrf(tempreature=2.0)
    with pytest.raises(InputError, match="temperature must be positive"):
        make_vrf(temperature=-1.0)
    with pytest.raises(InputError, match="set pooling to 'product'"):
        make_vrf(pooling="mean", unit_prior=True)


def test_bases_start_close_together() -> None:
    model = make_vrf(basis_mean_scale=0.1, basis_log_std=-1.0)
    assert isinstance(model.bases, Gaussians)
    assert model.bases.mean.std() < 0.2
    torch.testing.assert_close(model.bases.std, torch.full_like(model.bases.std, torch.e**-1))


def loaded(**changes: object) -> VRF:
    """VRF with loadings, untrained: three features, four bases."""
    settings = {"basis": {"form": "linear", "bases": 3}, "loadings": {"bases": 4}, "unit_prior": True, **changes}
    return make_vrf(**settings)


def test_unit_loadings_without_variance_are_the_published_model() -> None:
    published = make_vrf(unit_prior=True)
    ours = make_vrf(unit_prior=True, loadings={"bases": 4, "refined": False})
    ours.load_state_dict(published.state_dict(), strict=False)
    with torch.no_grad():
        ours.loadings.mean.copy_(torch.eye(4))
        ours.loadings.covariance.zero_()
    pairs = make_pairs(5, 4)
    expected, found = (model.compare(model.adapt(pairs), pairs) for model in (published, ours))
    torch.testing.assert_close(found.mean, expected.mean, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.variance, expected.variance, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("changes", [{}, {"common": True}, {"loadings": {"bases": 4, "matched": False}}])
def test_loadings_are_updated_pair_by_pair(changes: dict[str, object]) -> None:
    model, pairs = loaded(**changes), make_pairs(6, 8)
    early = torch.arange(len(pairs)) % 8 < 3
    updated = model.update(model.adapt(pairs.select(early)), pairs.select(~early))
    together = model.adapt(pairs)
    for name in together.tensors:
        torch.testing.assert_close(updated[name], together[name], atol=1e-4, rtol=1e-3)
    nothing = model.adapt(pairs.select(torch.zeros(len(pairs), dtype=torch.bool)))
    for name, tensor in model.prior_state(6).tensors.items():
        torch.testing.assert_close(tensor, nothing[name])


def test_the_variance_is_that_of_the_users_weight() -> None:
    """Draws of a basis, of a weight under it, and of the margin that follows, for one user."""
    model, pairs = loaded(common=True), make_pairs(1, 6)
    users = model.adapt(pairs)
    weight, difference = users["weight"][0], model.basis_differences(pairs)
    generator = torch.Generator().manual_seed(0)
    basis = torch.multinomial(weight, 200_000, replacement=True, generator=generator)
    root = torch.linalg.cholesky(users["spread"][0])  # (F,F)
    drawn = users["belief"][0][basis] + (root @ torch.randn(len(basis), 3, 1, generator=generator)).squeeze(-1)
    margin = drawn @ difference[:, :3].T + difference[:, 3]  # (S,N)
    found = model.compare(users, pairs)
    torch.testing.assert_close(found.mean, margin.mean(0), atol=0.02, rtol=0.02)
    torch.testing.assert_close(found.variance, margin.var(0), atol=0.02, rtol=0.05)


def test_loadings_without_a_first_step_are_refused() -> None:
    with pytest.raises(InputError, match="give it a basis_training"):
        loaded().prepare(make_pairs(8, 5, seen=True), torch.Generator())


def test_preparing_starts_from_the_mixture_and_keeps_the_common_reward() -> None:
    model, known = loaded(common=True), make_pairs(20, 8, seen=True)
    before = model.basis_differences(known)[:, -1]
    model.started = True
    model.prepare(known, torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.basis_differences(known)[:, -1], before)
    torch.testing.assert_close(model.loadings.log_share.exp().sum(), torch.tensor(1.0), atol=1e-5, rtol=0)


COMMON = ({"common": True}, {"common": True, "common_network": {"form": "linear"}})


@pytest.mark.parametrize("common", [{"common": False}, *COMMON])
def test_outputs_that_a_start_leaves_are_filled_where_a_taste_was_found(common: dict[str, object]) -> None:
    model, known = filled(2, **common), make_pairs(20, 8, seen=True)
    before = model.basis_differences(known)
    model.prepare(known, torch.Generator().manual_seed(0))
    assert model.phi.used(7) == model.loadings.live == 4  # two found and two added, three that neither takes
    found, states = model.basis_differences(known), model.scaled(known.responses)
    torch.testing.assert_close(found[:, [0, 1, 4, 5, 6]], before[:, [0, 1, 4, 5, 6]])
    torch.testing.assert_close(found[:, 7:], before[:, 7:])  # the common reward
    added = leading_tastes(known, states, model.phi.last.weight[:2], model.settings.filled).features
    torch.testing.assert_close(found[:, 2:4], model.differences(states @ added.T, known))
    told = model.adapt(known)["belief"]
    assert (told[..., 2:4] != 0).any() and not model.loadings.mean[:, 2:].any()


@pytest.mark.parametrize("common", COMMON)
def test_without_a_taste_nothing_is_filled_and_the_population_s_mean_is_common(common: dict[str, object]) -> None:
    model, known = filled(0, **common), make_pairs(20, 8, seen=True)
    model.prepare(known, torch.Generator().manual_seed(0))
    assert model.phi.used(7) == 0
    found, states = model.basis_differences(known), model.scaled(known.responses)
    mean = leading_tastes(known, states, states[:0], model.settings.filled).common
    torch.testing.assert_close(found[:, 7], model.differences(states @ mean, known), atol=1e-4, rtol=1e-4)


def test_the_common_taste_alone_is_no_taste_that_differs() -> None:
    """Without a reward for everyone the first output is what all share."""
    model, known = filled(1), make_pairs(20, 8, seen=True)
    model.prepare(known, torch.Generator().manual_seed(0))
    assert model.phi.used(7) == 1


def filled(taken: int, **changes: object) -> VRF:
    """VRF whose start took some of phi's five outputs; two may be added."""
    model = loaded(basis={"form": "linear", "bases": 5}, filled={"iterations": 4, "outputs": 2}, **changes)
    with torch.no_grad():
        model.phi.last.weight[taken:7] = 0
        model.phi.last.bias[taken:7] = 0
    model.started = True
    return model


@pytest.mark.parametrize("common", [{}, *COMMON])
def test_outputs_to_be_added_are_zero_until_then(common: dict[str, object]) -> None:
    """The first step knows nothing of them: phi and the common reward are taken over around them."""
    model, pairs = filled(5, **common), make_pairs(20, 8, seen=True)
    basis = model.first_step(torch.Generator().manual_seed(3))
    basis.standardise(pairs.responses)
    model.start_from(basis)
    theirs, ours = basis.basis_differences(pairs), model.basis_differences(pairs)
    torch.testing.assert_close(ours[:, [0, 1, 2, 3, 4, *range(7, ours.shape[1])]], theirs)
    assert not ours[:, 5:7].any()


def test_filling_is_refused_where_it_means_nothing() -> None:
    changes = ({"start": "svd"}, {"loadings": None}, {"basis": {"form": "mlp", "bases": 3}})
    for change in changes:
        with pytest.raises(InputError, match="filled adds outputs of phi beside the detected directions"):
            loaded(filled={}, **change)
    with pytest.raises(InputError, match="set common_network"):
        loaded(common=True, common_learning_rate=0.1)
    with pytest.raises(InputError, match="the second step has nothing to learn"):
        loaded(loadings={"bases": 4, "matched": False}, phi_learning_rate=0.0)
    with pytest.raises(InputError, match="set its mean_learnt"):
        loaded(filled={"mean_learnt": False})
    with pytest.raises(InputError, match="phi_learning_rate and common_learning_rate must not be negative"):
        make_vrf(phi_learning_rate=-0.1)


def test_powers_are_those_that_predict_held_out_users_best() -> None:
    model, pairs, later = loaded(calibrated=True), make_pairs(12, 6), make_pairs(12, 6, seed=3)
    with torch.no_grad():
        model.loadings.mean.mul_(4.0)
    losses = {}
    for power in POWERS:
        fixed = loaded(calibrated=True, loadings={"bases": 4, "weighed": False})
        fixed.load_state_dict(model.state_dict())
        fixed.loadings.power.copy_(torch.tensor(power))
        fixed.calibrate([pairs], later)
        with torch.no_grad():
            losses[power] = float(-F.logsigmoid(fixed.compare(fixed.adapt(pairs), later).logit()).mean())
    model.calibrate([pairs], later)
    assert max(losses.values()) - min(losses.values()) > 1e-3  # there is something to choose
    assert losses[tuple(model.loadings.power.tolist())] == pytest.approx(min(losses.values()), abs=1e-4)


def test_powers_are_chosen_where_rewards_are_not_calibrated() -> None:
    model, free = loaded(calibrated=True), loaded(calibrated=False)
    pairs, later = make_pairs(12, 6), make_pairs(12, 6, seed=3)
    for each in (model, free):
        with torch.no_grad():
            each.loadings.mean.mul_(4.0)
        each.calibrate([pairs], later)
    assert torch.equal(free.loadings.power, model.loadings.power)
    assert (free.calibration.constants == 0).all() and (model.calibration.constants != 0).any()


def test_calibration_changes_probabilities_and_no_order() -> None:
    model, pairs = loaded(calibrated=True, loadings={"bases": 4, "weighed": False}), make_pairs(12, 6)
    before = model.compare(model.adapt(pairs), pairs)
    model.calibrate([pairs], make_pairs(12, 6, seed=3))
    after = model.compare(model.adapt(pairs), pairs)
    assert torch.equal(after.mean.sign(), before.mean.sign())
    assert not torch.allclose(after.probability(), before.probability())


@pytest.mark.parametrize("make", [loaded, make_vrf])
def test_lapses_bound_probabilities_of_users_and_pool_alike(make: Callable[..., VRF]) -> None:
    model, pairs = make(calibrated=True, lapses=True), make_pairs(12, 6)
    later = make_pairs(12, 6, seed=3)
    model.calibrate([pairs], later)
    model.calibration.lapse.fill_(0.4)
    found = margins(model, pairs, later)
    assert torch.equal(found.logit(), model.compare(model.adapt(pairs), later).logit())
    (asked,) = asked_of_everyone(model, model.adapt(pairs), later)
    for probability in (found.probability(), asked.probability()):
        assert probability.min() >= 0.2 - 1e-6 and probability.max() <= 0.8 + 1e-6
    with pytest.raises(ValueError, match="lapses are found in calibrating"):
        VRFParameters(lapses=True)


def test_a_common_reward_needs_loadings() -> None:
    with pytest.raises(ValueError, match="set loadings"):
        VRFParameters(common=True)
