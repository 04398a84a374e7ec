"""What rewards with Gaussian weights share: rows of each user found again, variances against samples."""

import torch

from prefactor.methods.base import Shape, UserState
from prefactor.methods.basis import BasisParameters
from prefactor.methods.eb import EB, EBParameters
from prefactor.methods.pref import PReFParameters
from tests.worlds import WIDTH, make_pairs


def make_linear(kind: type[EB] = EB) -> EB:
    """Three features and a common reward, from an untrained first step."""
    settings = EBParameters(first=PReFParameters(BasisParameters("mlp", 3), common=True))
    return kind(settings, Shape(WIDTH, 2), torch.Generator().manual_seed(0)).eval()


def test_mean_and_variance_are_those_of_sampled_weights() -> None:
    model, pairs = make_linear(), make_pairs(2, 5)
    users = model.adapt(pairs)
    noise = torch.randn(100_000, 2, 3, generator=torch.Generator().manual_seed(1))
    root = torch.linalg.cholesky(users["covariance"])
    drawn = users["mean"] + (root @ noise.unsqueeze(-1)).squeeze(-1)  # (S,U,K)
    outputs = model.first.phi(pairs.responses.views["states"])  # (T,K+1)
    difference = outputs[pairs.chosen] - outputs[pairs.rejected]
    sampled = difference[:, 3] + (drawn[:, pairs.segment] * difference[:, :3]).sum(-1)  # (S,N)
    margin = model.compare(users, pairs)
    torch.testing.assert_close(margin.mean, sampled.mean(0), atol=0.02, rtol=0.02)
    torch.testing.assert_close(margin.variance, sampled.var(0), atol=0.01, rtol=0.03)


def test_both_forms_of_a_state_give_the_same_variance() -> None:
    class Round(EB):
        def prior_variance(self, direction: torch.Tensor) -> torch.Tensor:
            return 2 * direction.square().sum(-1)

    model, pairs = make_linear(Round), make_pairs(4, 5)
    reduction = 0.3 * torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(2))
    mean = torch.randn(4, 3, generator=torch.Generator().manual_seed(3))
    whole = UserState({"mean": mean, "covariance": 2 * torch.eye(3) - reduction.mT @ reduction})
    reduced = UserState({"mean": mean, "reduction": reduction})
    torch.testing.assert_close(model.compare(whole, pairs).variance, model.compare(reduced, pairs).variance)
