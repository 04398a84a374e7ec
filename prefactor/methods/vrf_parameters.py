"""VRF's parameters: every part of the published model, and of what we added, by name."""

from dataclasses import dataclass, field
from typing import Literal

from prefactor.methods.basis import BasisParameters, CommonParameters
from prefactor.methods.loadings import LoadingParameters
from prefactor.methods.taste_axes import FilledParameters


@dataclass(frozen=True)
class VRFParameters:
    """Every part of VRF, each switchable for its ablation. The defaults are the published values where one exists.

    latent                D
    encoder_width         hidden width of the pair encoder; None is H/2 (the paper does not say)
    encoder_dropout       dropout on the encoder's standardised input
    temperature           tau_w, divides W^2 in the softmax
    distance_factor       factor before W^2: 1, or the 1/2 that the paper prints
    margin                tau_m of L_SEP
    regularisation        beta, the weight of L_REG
    samples               S, Monte Carlo samples of L_REG
    attenuated            L_VBT; False is the plain BT loss on the mean difference (ablation a)
    separated             L_SEP (ablation b)
    regularised           L_REG (ablation c)
    prior                 ``mixture`` of the bases, or the ``standard`` normal (ablation d)
    pooling               ``product`` of Gaussians, or the ``mean`` of their parameters (ablation e)
    unit_prior            a factor N(0, I) in the product, so that a user without pairs has a posterior
    basis_mean_scale      standard deviation of the bases' initial means. N(0, 1) at D = 64 sets the distances so far
                          apart that every user starts, and stays, at the same one-hot weight
    basis_log_std         initial log standard deviation of the bases
    phi_learning_rate     phi's learning rate in the second step, as a share of the encoder's; 0 keeps what it starts as
    common_learning_rate  likewise of the common reward's own network; None is phi's. Ours
    loadings              ours: preference bases that carry a reward loading over phi's outputs (``methods.loadings``);
                          None is the published model, whose bases are phi's outputs
    common                ours: a reward that all users share is added, with weight 1, and is not in the mixture
    common_network        ours: that reward is a network of its own beside phi; None makes it one more output of phi
    calibrated            ours: the scale of rewards is a function of a user's number of pairs, set on held-out users
    lapses                ours: with it the share of choices that are made at random, whatever the rewards
    start                 where there are loadings phi starts from directions of taste: ``detected``, those that stand
                          out of chance, of the preference matrix or of users' scores, so that phi's outputs are an
                          upper bound; ``svd``, the matrix' leading singular vectors, as many as phi has outputs;
                          ``random`` starts as published
    filled                ours: phi has further outputs, the directions beside those of ``start`` along which users'
                          tastes spread most (``taste_axes``), by a population learnt so. If no taste stood out at all
                          they stay at zero, and a common reward that is linear starts from the population's mean. None
                          adds nothing
    first_ridge           precision of the free user weights' prior in the first step, where there are loadings
    """

    basis: BasisParameters = field(default_factory=BasisParameters)
    latent: int = 64
    encoder_width: int | None = None
    encoder_dropout: float = 0.0
    temperature: float = 1.0
    distance_factor: float = 1.0
    margin: float = 1.0
    regularisation: float = 0.001
    samples: int = 5
    attenuated: bool = True
    separated: bool = True
    regularised: bool = True
    prior: Literal["mixture", "standard"] = "mixture"
    pooling: Literal["product", "mean"] = "product"
    unit_prior: bool = False
    basis_mean_scale: float = 0.1
    basis_log_std: float = -1.0
    phi_learning_rate: float = 1.0
    common_learning_rate: float | None = None
    loadings: LoadingParameters | None = None
    common: bool = False
    common_network: CommonParameters | None = None
    calibrated: bool = False
    lapses: bool = False
    start: Literal["detected", "svd", "random"] = "detected"
    filled: FilledParameters | None = None
    first_ridge: float = 1.0

    def __post_init__(self) -> None:
        if self.common and self.loadings is None:
            raise ValueError("common is a reward beside loadings: set loadings, or leave common out")
        if self.common_network and not self.common:
            raise ValueError("common_network is that of the common reward: set common, or leave common_network out")
        if self.common_learning_rate is not None and self.common_network is None:
            raise ValueError("common_learning_rate is that of a network of its own: set common_network")
        if self.lapses and not self.calibrated:
            raise ValueError("lapses are found in calibrating: set calibrated, or leave lapses out")
        if self.filled and (self.loadings is None or self.start != "detected" or self.basis.form != "linear"):
            raise ValueError(
                "filled adds outputs of phi beside the detected directions, linear in the states: "
                "set loadings, start to detected, and basis.form to linear"
            )
        if self.filled and not self.filled.mean_learnt:
            raise ValueError("filled takes the population's mean for everyone's reward: set its mean_learnt")
        alone = self.loadings is not None and not self.loadings.matched
        if alone and not (self.phi_learning_rate or self.common_rate):
            raise ValueError(
                "without an encoder and with phi and the common reward at rest the second step has nothing to learn: "
                "set loadings.matched, phi_learning_rate or common_learning_rate"
            )
        if self.phi_learning_rate < 0 or (self.common_learning_rate or 0) < 0:
            raise ValueError(
                "phi_learning_rate and common_learning_rate must not be negative, "
                f"got {self.phi_learning_rate} and {self.common_learning_rate}"
            )
        if self.temperature <= 0:
            raise ValueError(f"temperature must be positive, got {self.temperature}")
        if self.pooling == "mean" and self.unit_prior:
            raise ValueError("unit_prior is a factor of the product of Gaussians: set pooling to 'product'")

    @property
    def common_rate(self) -> float:
        """The learning rate of the common reward's own network, as a share of the encoder's; 0 without one."""
        if self.common_network is None:
            return 0.0
        return self.phi_learning_rate if self.common_learning_rate is None else self.common_learning_rate
