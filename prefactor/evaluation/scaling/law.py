"""The unified scaling law (TTP, Proposition 4.4), and what is wrong with it, one assumption at a time.

published        s kappa(N) (1 - alpha) [(1 - beta) rho+ - beta rho-], kappa of the normal distribution
measured_kappa   the same with kappa(N) as the oracle's own curve shows it: utilities need not be normal
own_kappa        with kappa(N) of the scores' distribution: where gold is linear in the score within a set, the best
                 of N by the score has rho s times the standardised score that it was chosen for
own_spread       that, and s and rho not taken for independent, and collapsed users not for useless: the mean over
                 queries of rho_q s_q, of all users
"""

from dataclasses import dataclass

import numpy as np

LAWS = ("published", "measured_kappa", "own_kappa", "own_spread")
OTHER_HALF = "other_half"  # no law: what was observed on the half that laws are made from


@dataclass(frozen=True)
class Quantities:
    """The four, (B,) each: alpha, beta, rho+ and the magnitude rho-."""

    collapse: np.ndarray
    hacking: np.ndarray
    healthy: np.ndarray
    hacked: np.ndarray

    @property
    def slope(self) -> np.ndarray:
        """(B,) (1 - alpha) [(1 - beta) rho+ - beta rho-]; a kind of query that there is none of adds nothing."""
        healthy, hacked = np.nan_to_num(self.healthy), np.nan_to_num(self.hacked)
        return (1 - self.collapse) * ((1 - self.hacking) * healthy - self.hacking * hacked)


@dataclass(frozen=True)
class Measured:
    """What laws are made of, over B weighings of users: quantities, s (B,), E[rho s] (B,), and kappas.

    ``kappa`` (J,) is the normal distribution's, ``of_gold`` and ``of_scores`` (B, J) those measured on pools.
    """

    quantities: Quantities
    spread: np.ndarray
    rho_spread: np.ndarray
    kappa: np.ndarray
    of_gold: np.ndarray
    of_scores: np.ndarray

    def predicted(self) -> dict[str, np.ndarray]:
        """(B, J) gain by law."""
        slope = (self.spread * self.quantities.slope)[:, None]
        return {
            "published": slope * self.kappa,
            "measured_kappa": slope * self.of_gold,
            "own_kappa": slope * self.of_scores,
            "own_spread": self.rho_spread[:, None] * self.of_scores,
        }
