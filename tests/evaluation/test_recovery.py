"""Recovery of the true taste: a reward that is the user's utility gives it back whole, whatever its scale or offset."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from prefactor.cohorts import Cohort, load_cohorts
from prefactor.evaluation.ceiling import Truth, read_truth
from prefactor.evaluation.recovery import (
    PROMPTS,
    RECOVERY,
    CandidatePool,
    Tastes,
    cosine,
    distance,
    fitted_weights,
    recovered,
)
from prefactor.methods.base import Margin, UserState
from prefactor.preferences import PairBatch, Responses
from tests.evaluation.test_ceiling import States, write_world
from tests.evaluation.test_fewshot import Confident

USERS, QUESTIONS, CANDIDATES, SCORES = 5, 3, 6, 4


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


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()


@pytest.fixture
def utility() -> torch.Tensor:
    return drawn(USERS, QUESTIONS, CANDIDATES)


@pytest.fixture
def scores() -> torch.Tensor:
    return drawn(QUESTIONS, CANDIDATES, SCORES, seed=5)


@pytest.fixture
def weight() -> torch.Tensor:
    """Every user's true w."""
    return drawn(USERS, SCORES, seed=6)


def judged(
    model: Taste, utility: torch.Tensor, scores: torch.Tensor | None = None, weight: torch.Tensor | None = None
) -> dict[str, torch.Tensor]:
    size = QUESTIONS * CANDIDATES
    scores = drawn(QUESTIONS, CANDIDATES, SCORES) if scores is None else scores
    truth = Tastes(utility, drawn(USERS, SCORES) if weight is None else weight)
    pool = CandidatePool(Responses({"states": torch.zeros(size, 1)}, torch.arange(size)), scores, {"unseen": truth})
    return recovered(model, UserState({"number": torch.arange(len(utility))}), pool, truth)


def correlation(model: Taste, utility: torch.Tensor) -> torch.Tensor:
    return judged(model, utility)["utility_correlation"]


def test_a_reward_that_is_the_utility_is_recovered_and_its_opposite_is_not(utility: torch.Tensor) -> None:
    torch.testing.assert_close(correlation(Taste(utility, 7.0), utility), torch.ones(USERS).double())
    torch.testing.assert_close(correlation(Taste(utility, -0.1), utility), -torch.ones(USERS).double())


def test_it_is_the_mean_over_prompts_of_rank_correlations(
    utility: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefactor.evaluation.accuracy.ROWS_PER_CHUNK", 2 * QUESTIONS * CANDIDATES)
    other = (utility + drawn(*utility.shape, seed=1)).round(decimals=0)  # ties
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


def test_a_reward_that_is_the_utility_gives_w_back_at_any_scale(scores: torch.Tensor, weight: torch.Tensor) -> None:
    utility = torch.einsum("us,qrs->uqr", weight, scores)
    offset = drawn(USERS, QUESTIONS, 1, seed=8)  # of each user and prompt
    for factor in (1.0, 0.02, 50.0):
        found = judged(Taste(utility + offset, factor), utility, scores, weight)
        assert set(found) == {*RECOVERY}
        torch.testing.assert_close(found["weight_cosine"], torch.ones(USERS).double())
        torch.testing.assert_close(found["weight_distance"], torch.zeros(USERS).double(), atol=1e-6, rtol=0)
    opposite = judged(Taste(utility, -1.0), utility, scores, weight)
    torch.testing.assert_close(opposite["weight_cosine"], -torch.ones(USERS).double())
    torch.testing.assert_close(opposite["weight_distance"], 2 * torch.ones(USERS).double())


def test_another_users_reward_or_one_of_shuffled_candidates_does_not(
    scores: torch.Tensor, weight: torch.Tensor
) -> None:
    utility = torch.einsum("us,qrs->uqr", weight, scores)
    others = judged(Taste(utility.roll(1, 0)), utility, scores, weight)
    torch.testing.assert_close(others["weight_cosine"], torch.cosine_similarity(weight, weight.roll(1, 0)))
    shuffled = judged(Taste(utility.roll(1, 2)), utility, scores, weight)
    assert shuffled["weight_cosine"].max() < 0.8 and shuffled["weight_distance"].min() > 0.3
    assert others["weight_distance"].min() > 0.3


def test_w_is_that_of_least_squares_user_by_user(scores: torch.Tensor, utility: torch.Tensor) -> None:
    """A reward that is not linear in the scores; the constants of prompts are regressors here."""
    found = fitted_weights(utility, scores)
    prompts = np.repeat(np.eye(QUESTIONS), CANDIDATES, axis=0)  # (Q*R,Q)
    design = np.hstack([scores.flatten(0, 1).numpy(), prompts])
    for user in range(USERS):
        alone = np.linalg.lstsq(design, utility[user].flatten().numpy())[0][:SCORES]
        np.testing.assert_allclose(found[user], alone, atol=1e-9)


def test_w_is_unknown_where_it_cannot_be_told(scores: torch.Tensor, utility: torch.Tensor) -> None:
    flat = utility.clone()
    flat[1] = 3.0
    found = judged(Taste(flat), utility, scores)
    for name in ("weight_cosine", "weight_distance"):
        assert found[name].isnan().tolist() == [False, True, False, False, False]
    twins = torch.cat([scores, scores[..., :1]], -1)  # two scores that candidates do not tell apart
    assert fitted_weights(utility, twins).isnan().all()


def test_cosine_and_distance_by_hand() -> None:
    first, second = torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert cosine(first, second)[0].item() == pytest.approx(0.6) and cosine(first, second)[1].isnan()
    assert distance(first, second)[0].item() == pytest.approx(8 / 7) and distance(first, second)[1].isnan()


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
        torch.testing.assert_close(pool.truth[role].utility.flatten(1), expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(pool.truth[role].weight, torch.from_numpy(mine))
    torch.testing.assert_close(pool.scores.flatten(0, 1), states)


def test_a_candidates_place_does_not_matter(utility: torch.Tensor) -> None:
    order = torch.randperm(CANDIDATES, generator=torch.Generator().manual_seed(3))
    other = utility + drawn(*utility.shape, seed=1)
    turned = correlation(Taste(other[..., order]), utility[..., order])
    torch.testing.assert_close(turned, correlation(Taste(other), utility))
