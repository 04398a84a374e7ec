"""PReF: the joint posterior term by term, a new user's mode and variance, the next question, the common reward."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from prefactor.episodes import EpisodeParameters
from prefactor.errors import InputError
from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.pref import PReF, PReFParameters
from prefactor.parameters import build
from prefactor.training import TrainingParameters, train
from tests.worlds import WIDTH, make_cohorts, make_pairs, without_users

BASES = 3


def make_pref(users: int = 8, form: str = "linear", **changes: object) -> PReF:
    settings = PReFParameters(BasisParameters(form, BASES), **changes)  # type: ignore[arg-type]
    model = PReF(settings, Shape(WIDTH, users), torch.Generator().manual_seed(0))
    model.standardise(make_pairs(1, 1).responses)
    return model.eval()


@pytest.mark.parametrize("common", [False, True])
def test_the_loss_is_the_joint_posterior(common: bool) -> None:
    model, pairs = make_pref(shrinkage=2.5, common=common), make_pairs(6, 4, seen=True)
    states = model.scaler(pairs.responses.views["states"])
    total = 0.5 * 2.5 * sum((model.user_weight[user] ** 2).sum() for user in range(6))
    for row in range(len(pairs)):
        difference = model.phi(states[pairs.chosen[row]]) - model.phi(states[pairs.rejected[row]])
        margin = model.user_weight[pairs.segment[row]] @ difference[:BASES]
        margin = margin + difference[BASES] if common else margin
        total = total - torch.log(torch.sigmoid(margin))
    torch.testing.assert_close(model.loss(pairs, torch.Generator()), total / len(pairs))


@pytest.mark.parametrize("common", [False, True])
def test_a_new_users_weight_is_the_posteriors_mode_and_its_covariance_the_inverse_hessian(common: bool) -> None:
    """L-BFGS and autograd's Hessian, one user at a time."""
    model, pairs = make_pref(shrinkage=0.7, common=common).double(), make_pairs(5, 6)
    states = {"states": pairs.responses.views["states"].double()}
    pairs = replace(pairs, responses=replace(pairs.responses, views=states))
    users = model.adapt(pairs)
    difference = model.basis_differences(pairs).detach()
    for user in range(5):
        mine = difference[pairs.segment == user]
        offset = mine[:, BASES] if common else torch.zeros(len(mine), dtype=torch.float64)

        def negative_log_posterior(weight: torch.Tensor, mine=mine, offset=offset) -> torch.Tensor:
            return -F.logsigmoid(mine[:, :BASES] @ weight + offset).sum() + 0.35 * (weight**2).sum()

        weight = torch.zeros(BASES, dtype=torch.float64, requires_grad=True)
        search = torch.optim.LBFGS(
            [weight], max_iter=500, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
        )

        def closure(weight=weight, search=search, objective=negative_log_posterior) -> torch.Tensor:
            search.zero_grad()
            (value := objective(weight)).backward()
            return value

        search.step(closure)
        torch.testing.assert_close(users["weight"][user], weight.detach(), atol=1e-6, rtol=1e-6)
        hessian = torch.autograd.functional.hessian(negative_log_posterior, weight.detach())
        torch.testing.assert_close(users["covariance"][user], torch.linalg.inv(hessian), atol=1e-6, rtol=1e-6)


def test_margins_have_the_posteriors_variance() -> None:
    model, pairs = make_pref(common=True), make_pairs(4, 6)
    users = model.adapt(pairs)
    margin, difference = model.compare(users, pairs), model.basis_differences(pairs)
    for row in range(len(pairs)):
        delta, covariance = difference[row, :BASES], users["covariance"][pairs.segment[row]]
        torch.testing.assert_close(margin.variance[row], delta @ covariance @ delta)
    nobody = model.adapt(pairs.select(torch.zeros(len(pairs), dtype=torch.bool)))
    before = model.compare(nobody, pairs).variance
    assert (margin.variance < before).all()  # what was learnt from the pairs
    torch.testing.assert_close(before, difference[:, :BASES].square().sum(-1))  # c = 1: the prior's


def test_the_next_question_is_the_least_certain_pair() -> None:
    model, pairs = make_pref(), make_pairs(5, 6)
    candidates = make_pairs(5, 7, seed=4)
    kept = candidates.segment != 3  # user 3 has nothing to be asked
    order = torch.randperm(int(kept.sum()), generator=torch.Generator().manual_seed(0))
    some = candidates.select(kept.nonzero().flatten()[order])
    users = model.adapt(pairs)
    variance, asked = model.compare(users, some).variance, model.next_question(users, some)
    assert asked[3] == -1
    for user in (0, 1, 2, 4):
        assert some.segment[asked[user]] == user
        assert variance[asked[user]] == variance[some.segment == user].max()


def test_the_answer_to_the_next_question_tells_more_than_the_answer_to_the_least_uncertain() -> None:
    """Asking where the variance is largest lowers the total variance of lambda at least as much."""
    model, pairs = make_pref(), make_pairs(1, 4)
    candidates = make_pairs(1, 30, seed=4)
    users = model.adapt(pairs)
    variance = model.compare(users, candidates).variance

    def after(row: int) -> float:
        joined = replace(
            pairs,
            chosen=torch.cat([pairs.chosen, candidates.chosen[row : row + 1]]),
            rejected=torch.cat([pairs.rejected, candidates.rejected[row : row + 1]]),
            segment=torch.zeros(5, dtype=torch.long),
        )
        return float(torch.logdet(model.adapt(joined)["covariance"][0]))

    assert after(int(model.next_question(users, candidates)[0])) < after(int(variance.argmin()))


def test_seen_users_keep_the_trained_weight_unless_refitted() -> None:
    pairs = make_pairs(8, 4, seen=True)
    kept, refitted = make_pref(), make_pref(refit_seen=True)
    torch.testing.assert_close(kept.adapt(pairs)["weight"], kept.user_weight.detach())
    new = replace(pairs, users=torch.full((8,), -1))
    torch.testing.assert_close(refitted.adapt(pairs)["weight"], kept.adapt(new)["weight"])


def test_more_shrinkage_means_smaller_weights() -> None:
    pairs = make_pairs(5, 6)
    sizes = [float(make_pref(shrinkage=c).adapt(pairs)["weight"].norm()) for c in (0.1, 1.0, 10.0)]
    assert sizes[0] > sizes[1] > sizes[2] > 0


def test_all_users_at_once_as_one_at_a_time() -> None:
    model, pairs = make_pref(form="mlp", common=True), make_pairs(30, 9)
    together = model.adapt(pairs)
    for user in range(0, 30, 7):
        alone = model.adapt(without_users(pairs, torch.tensor([user])))
        for name in together.tensors:
            torch.testing.assert_close(alone[name][0], together[name][user], atol=1e-4, rtol=0)


def test_a_common_reward_speaks_for_users_of_whom_nothing_is_known() -> None:
    pairs = make_pairs(4, 6)
    nobody = pairs.select(torch.zeros(len(pairs), dtype=torch.bool))
    alone, shared = make_pref(), make_pref(common=True)
    assert alone.compare(alone.adapt(nobody), pairs).mean.abs().max() == 0
    b = shared.basis(pairs.responses)[:, BASES]
    torch.testing.assert_close(shared.compare(shared.adapt(nobody), pairs).mean, b[pairs.chosen] - b[pairs.rejected])


@pytest.mark.parametrize("form", ["linear", "mlp"])
@pytest.mark.parametrize("common", [False, True])
def test_the_start_already_predicts_new_users(form: str, common: bool) -> None:
    """Before any step, directions found in the seen users' choices serve users who were not among them."""
    seen, new = make_pairs(300, 30, seen=True), make_pairs(100, 30, seed=5)
    rank = torch.arange(len(new)) % 30
    known, asked = new.select(rank < 20), new.select(rank >= 20)
    model = make_pref(300, form, common=common)

    def accuracy() -> float:
        return float((model.compare(model.adapt(known), asked).mean > 0).float().mean())

    random = accuracy()
    model.prepare(seen, torch.Generator().manual_seed(0))
    started = accuracy()
    assert started > 0.85 and started > random + 0.05
    size = model.phi(model.scaled(seen.responses)).detach()
    assert float((size - size.mean(0)).square().mean()) == pytest.approx(1, abs=1e-3)


def test_training_starts_from_the_preference_matrix() -> None:
    cohorts = make_cohorts()
    parameters = TrainingParameters(
        epochs=1, learning_rate=1e-9, weight_decay=0.0, validations=1, episodes=EpisodeParameters(20)
    )
    expected = make_pref(40)
    trained, random = make_pref(40), make_pref(40, svd_start=False)
    for model in (trained, random):
        train(model, cohorts["seen"], cohorts["validation"], parameters, 0, "test")
    assert (trained.phi.layers.weight - expected.phi.layers.weight).norm() > 0.1
    torch.testing.assert_close(random.phi.layers.weight, expected.phi.layers.weight, atol=1e-6, rtol=0)


def test_the_start_has_no_dropout_and_is_a_function_of_the_seed() -> None:
    cohorts = make_cohorts()
    parameters = TrainingParameters(epochs=1, validations=1, episodes=EpisodeParameters(20))
    weights = []
    for other in (1, 2):  # what else the process drew must not matter
        torch.manual_seed(other)
        settings = PReFParameters(BasisParameters("linear", BASES, dropout=0.5))
        model = PReF(settings, Shape(WIDTH, 40), torch.Generator().manual_seed(0))
        train(model, cohorts["seen"], cohorts["validation"], parameters, 0, "test")
        weights.append(model.user_weight.detach())
    assert torch.equal(*weights)


def test_the_optimiser_adds_no_decay_to_user_weights() -> None:
    model = make_pref()
    groups = {id(parameter): group for group in model.learnable(0.1) for parameter in group["params"]}
    assert groups[id(model.user_weight)]["weight_decay"] == 0.0
    assert set(groups) == {id(parameter) for parameter in model.parameters()}


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(InputError, match="shrinkage must be positive"):
        build(PReFParameters, {"shrinkage": 0.0}, "test")


@pytest.mark.parametrize("form", ["linear", "mlp"])
@pytest.mark.parametrize("common", [False, True])
def test_directions_beyond_the_detected_rank_stay_at_zero(form: str, common: bool) -> None:
    """The start, and training after it: no step wakes a direction that chance explains."""
    cohorts = make_cohorts()
    known = cohorts["seen"].known()
    settings = PReFParameters(BasisParameters(form, 12), detected=True, common=common)
    model = PReF(settings, Shape(WIDTH, known.n_users), torch.Generator().manual_seed(0))
    model.standardise(known.compact().responses)
    training = TrainingParameters(epochs=2, episodes=EpisodeParameters(users_per_step=4))
    train(model, cohorts["seen"], cohorts["validation"], training, 0, "test")
    live = model.phi.last.weight[:12].abs().amax(-1) > 0
    rank = int(live.sum())
    assert 0 < rank + common < 12
    assert live[:rank].all()
    assert (model.user_weight[:, rank:] == 0).all()
