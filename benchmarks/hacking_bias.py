"""How far the hacking rate is off where candidates are few, as measured and with the noise of correlations taken out.

    python -m benchmarks.hacking_bias

Simulated rewards of set beta, rho+ and rho-, nobody collapsed, 100 users with 100 queries each; means of ten worlds and
their standard error.
"""

import numpy as np

from prefactor.evaluation.scaling.diagnosis import diagnose
from prefactor.evaluation.scaling.simulation import Simulation

WORLDS, USERS, QUERIES = 10, 100, 100  # of so many queries nobody looks collapsed whose correlation is not near 0
CASES = [(0.0, 0.2), (0.0, 0.5), (0.1, 0.2), (0.1, 0.5), (0.3, 0.5)]  # beta, and rho+ = rho-
METRICS = ("hacking_rate", "hacking_rate_corrected", "healthy_correlation", "healthy_correlation_corrected")


def main() -> None:
    """Print a row for each number of candidates and case."""
    print("candidates  beta  rho  " + "  ".join(METRICS))
    for candidates in (8, 32, 1_000):
        for hacking, rho in CASES:
            worlds = np.array([measured(candidates, hacking, rho, seed) for seed in range(WORLDS)])
            error = worlds.std(0, ddof=1) / np.sqrt(WORLDS)
            shown = "  ".join(f"{mean:.3f} ±{e:.3f}" for mean, e in zip(worlds.mean(0), error, strict=True))
            print(f"{candidates:>10}  {hacking:.1f}   {rho:.1f}  {shown}", flush=True)


def measured(candidates: int, hacking: float, rho: float, seed: int) -> list[float]:
    """METRICS of one world; of 1,000 candidates fewer users, who say as much."""
    users = USERS if candidates < 100 else USERS // 10
    world = Simulation(users, QUERIES, candidates, collapse=0.0, hacking=hacking, healthy=rho, hacked=rho)
    figures = diagnose(world.pool(np.random.default_rng(seed))).figures.query("model == 'model'")
    return [float(figures.loc[figures["metric"] == metric, "value"].iloc[0]) for metric in METRICS]


if __name__ == "__main__":
    main()
