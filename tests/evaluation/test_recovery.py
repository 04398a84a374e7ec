"""Recovery of the true taste: 1 for a reward that orders candidates as the user does, whatever its scale or offset."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from prefactor.cohorts import Cohort, load_cohorts
from prefactor.evaluation.ceiling import Truth, read_truth
from prefactor.evaluation.recovery import PROMPTS, CandidatePool, utility_correlations
from prefactor.methods.base import Margin, UserState
from prefactor.preferences import PairBatch, Responses
from tests.evaluation.test_ceiling import States, write_world
from tests.evaluation.test_fewshot import Confident

USERS, QUESTIONS, CANDIDATES = 5, 3, 6


class Taste(Confident):
    """Knows each user's utility of every candidate, to a factor of its own and an offset of each prompt."""

    def __init__(self, utility: torch.Tensor, factor: float = 1.0) -> None:
        super().__init__(0)
        self.utility, self.factor = utility, factor

    def compare(self, users: UserState, pairs: PairBatch) -> Margin:
        mine = self.utility.flatten(1)[users["number"][pairs.segment]]  # (N,Q*R)
        reward = mine.gather(1, torch.stack([pairs.chosen, pairs.rejected], 1))
        mean = self.factor * (reward[:, 0] - reward[:, 1])
        return Margin(mean, torch.zeros_like(mean))


@pytest.fixture
def utility() -> torch.Tensor:
    return torch.randn(USERS, QUESTIONS, CANDIDATES, generator=torch.Generator().manual_seed(0)).double()


def correlation(model: Taste, utility: torch.Tensor) -> torch.Tensor:
    size = QUESTIONS * CANDIDATES
    pool = CandidatePool(Responses({"states": torch.zeros(size, 1)}, torch.arange(size)), {"unseen": utility})
    return utility_correlations(model, UserState({"number": torch.arange(len(utility))}), pool, utility)


def test_a_reward_that_is_the_utility_is_recovered_and_its_opposite_is_not(utility: torch.Tensor) -> None:
    torch.testing.assert_close(correlation(Taste(utility, 7.0), utility), torch.ones(USERS).double())
    torch.testing.assert_close(correlation(Taste(utility, -0.1), utility), -torch.ones(USERS).double())


def test_it_is_the_mean_over_prompts_of_rank_correlations(
    utility: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefactor.evaluation.recovery.ROWS_PER_CHUNK", 2 * QUESTIONS * CANDIDATES)
    other = (utility + torch.randn(utility.shape, generator=torch.Generator().manual_seed(1))).round(decimals=0)  # ties
    found = correlation(Taste(other), utility)
    for user in range(USERS):
        ranks = [
            [pd.Series(values[user, prompt].numpy()).rank() for values in (other, utility)]
            for prompt in range(QUESTIONS)
        ]
        assert found[user] == pytest.approx(np.mean([np.corrcoef(*pair)[0, 1] for pair in ranks]))


def test_prompts_that_one_side_finds_equally_good_do_not_count(utility: torch.Tensor) -> None:
    flat = utility.clone()
    flat[0, 1] = 2.0
    flat[1] = 0.0
    found = correlation(Taste(flat), utility)
    assert found[0] == pytest.approx(1) and found[1].isnan() and not found[2:].isnan().any()


@pytest.fixture
def world(tmp_path: Path) -> tuple[CandidatePool, dict[str, Cohort], Truth]:
    """A pool of a written world, in which one candidate of each prompt was never compared."""
    scores = write_world(tmp_path)
    pairs = pq.read_table(tmp_path / "pairs.parquet").to_pandas()
    pairs["group_id"] = "g" + (pairs["chosen"].astype(int) % 4).astype(str)
    pairs.to_parquet(tmp_path / "pairs.parquet")
    pq.write_table(pa.table({"text_id": [str(text) for text in range(4, len(scores))]}), tmp_path / "texts.parquet")
    truth, states = read_truth(tmp_path), States(scores)
    assert isinstance(truth, Truth)
    cohorts = load_cohorts(tmp_path, {"states": states})
    return CandidatePool.of(truth, tmp_path, tmp_path, {"states": states}, cohorts), cohorts, truth


def test_the_pool_has_the_candidates_of_a_prompt_with_their_true_utility(
    world: tuple[CandidatePool, dict[str, Cohort], Truth],
) -> None:
    pool, cohorts, truth = world
    states = pool.responses.views["states"]
    assert len(pool.responses) == min(PROMPTS, 4) * 19  # twenty texts a prompt, but for the one that nobody compared
    for role, cohort in cohorts.items():
        mine = np.stack([truth.utilities[user][0] for user in cohort.user_ids])  # (U,S)
        expected = torch.from_numpy(mine @ states.numpy().T)
        torch.testing.assert_close(pool.utility[role].flatten(1), expected, rtol=1e-5, atol=1e-5)


def test_a_candidates_place_does_not_matter(utility: torch.Tensor) -> None:
    order = torch.randperm(CANDIDATES, generator=torch.Generator().manual_seed(3))
    other = utility + torch.randn(utility.shape, generator=torch.Generator().manual_seed(1))
    turned = correlation(Taste(other[..., order]), utility[..., order])
    torch.testing.assert_close(turned, correlation(Taste(other), utility))
