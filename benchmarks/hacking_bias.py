"""How far the hacking rate is off where candidates are few, as measured and with the noise of correlations taken out.

    python -m benchmarks.hacking_bias

Simulated rewards of set beta, rho+ and rho-, nobody collapsed, 100 users with 100 queries each, or 3,000 of one;
means of ten worlds and their standard error. Of 1,000 candidates a tenth of the users say as much.
"""

import numpy as np

from prefactor.evaluation.scaling.diagnosis import diagnose
from prefactor.evaluation.scaling.simulation import Simulation

WORLDS = 10
POOLS = [(100, 100, 8), (100, 100, 32), (10, 100, 1_000), (3_000, 1, 32)]  # users, queries, candidates
CASES = [(0.0, 0.2), (0.0, 0.5), (0.1, 0.2), (0.1, 0.5), (0.3, 0.5)]  # beta, and rho+ = rho-
METRICS = ("hacking_rate", "hacking_rate_corrected", "healthy_correlation", "healthy_correlation_corrected")


def main() -> None:
    """Print a row for each pool and case."""
    print("queries  candidates  beta  rho  " + "  ".join(METRICS))
    for users, queries, candidates in POOLS:
        for hacking, rho in CASES:
            world = Simulation(users, queries, candidates, collapse=0.0, hacking=hacking, healthy=rho, hacked=rho)
            worlds = np.array([measured(world, seed) for seed in range(WORLDS)])
            error = worlds.std(0, ddof=1) / np.sqrt(WORLDS)
            shown = "  ".join(f"{mean:.3f} ±{e:.3f}" for mean, e in zip(worlds.mean(0), error, strict=True))
            print(f"{queries:>7}  {candidates:>10}  {hacking:.1f}   {rho:.1f}  {shown}", flush=True)


def measured(world: Simulation, seed: int) -> list[float]:
    """METRICS of one world."""
    figures = diagnose(world.pool(np.random.default_rng(seed))).figures.query("model == 'model'")
    return [float(figures.loc[figures["metric"] == metric, "value"].iloc[0]) for metric in METRICS]


if __name__ == "__main__":
    main()
