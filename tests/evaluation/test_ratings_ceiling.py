"""The oracle on rated items: conditional means against plain algebra, what it is told, worlds with known answers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from prefactor.cohorts import load_cohorts
from prefactor.errors import InputError
from prefactor.evaluation.ceiling import ceiling_rows, read_truth
from prefactor.evaluation.ratings_ceiling import Population, Ratings, choose, first_items, learn

ITEMS = 12
IDENTITY = {"dataset": "tiny", "protocol": "items-within-user", "backbone": "none"}
Row = tuple[str, str, str, int, str, str]  # user, role, part, rank, chosen, rejected


def make_population(seed: int = 0) -> Population:
    root = torch.randn(ITEMS, ITEMS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return Population(root[0] * 2, root @ root.T / ITEMS + 0.1 * torch.eye(ITEMS, dtype=torch.float64))


def draw(population: Population, users: int, share: float, seed: int = 1) -> torch.Tensor:
    """Ratings (U, J), each known with probability ``share``."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(users, ITEMS, generator=generator, dtype=torch.float64)
    rating = population.mean + noise @ torch.linalg.cholesky(population.covariance).T
    hidden = torch.rand(users, ITEMS, generator=generator) >= share
    return rating.masked_fill(hidden, torch.nan)


def test_expectation_is_the_conditional_mean_user_by_user() -> None:
    population = make_population()
    rating = draw(population, 20, 0.4)
    rating[3] = torch.nan
    found = population.expected(rating)
    mean, covariance = population.mean.numpy(), population.covariance.numpy()
    for user, own in enumerate(rating.numpy()):
        known = ~np.isnan(own)
        weight = np.linalg.solve(covariance[np.ix_(known, known)], (own - mean)[known])
        expected = np.where(known, own, mean + covariance[:, known] @ weight)
        np.testing.assert_allclose(found[user], expected, rtol=1e-9, atol=1e-9)


def test_likelihood_is_that_of_the_known_ratings() -> None:
    population = make_population()
    rating = draw(population, 9, 0.5)
    expected = 0.0
    for own in rating:
        known = ~own.isnan()
        marginal = torch.distributions.MultivariateNormal(
            population.mean[known], population.covariance[known][:, known]
        )
        expected += float(marginal.log_prob(own[known])) + float(known.sum()) * np.log(2 * np.pi) / 2
    assert population.log_likelihood(rating) == pytest.approx(expected)


def test_all_rated_is_the_sample_and_further_steps_change_nothing() -> None:
    rating = draw(make_population(), 50, 1.0)
    found = learn(rating, 1e-9)
    torch.testing.assert_close(found.mean, rating.mean(0))
    torch.testing.assert_close(found.covariance, rating.T.cov(correction=0), rtol=1e-6, atol=1e-9)


def test_unrated_items_are_learnt_from_what_goes_with_them() -> None:
    truth = make_population()
    found = learn(draw(truth, 4_000, 0.6), 1.0)
    torch.testing.assert_close(found.mean, truth.mean, atol=0.15, rtol=0)
    torch.testing.assert_close(found.covariance, truth.covariance, atol=0.25, rtol=0)


def test_every_step_raises_the_likelihood() -> None:
    rating = draw(make_population(), 200, 0.5)
    with pytest.MonkeyPatch.context() as patch:
        values = []
        for steps in range(1, 8):
            patch.setattr("prefactor.evaluation.ratings_ceiling.ITERATIONS", steps)
            values.append(learn(rating, 1e-9).log_likelihood(rating))
    assert (np.diff(values) > 0).all()


def test_shrinkage_is_strong_for_independent_items_and_weak_for_many_users() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(230, ITEMS, generator=generator, dtype=torch.float64)
    alone = choose(noise[:30], noise[30:]).covariance
    assert (alone - alone.diagonal().diag()).abs().max() < 0.1
    truth = make_population()
    fitted = choose(draw(truth, 3_000, 1.0), draw(truth, 300, 1.0, seed=2)).covariance
    torch.testing.assert_close(fitted, truth.covariance, atol=0.15, rtol=0)


def write_world(folder: Path, ratings: np.ndarray, shared: bool = False) -> Path:
    """Thirty seen, ten validation and the rest unseen users; odd items are evaluated, even ones are references."""
    names = [f"item-{number:02}" for number in range(ITEMS)]
    rows: list[Row] = []
    for user, own in enumerate(ratings):
        role = "seen" if user < 30 else "validation" if user < 40 else "unseen"
        known, asked = ("train", "evaluation") if role == "seen" else ("reference", "evaluation")
        for part, start in ((known, 0), (asked, 0 if shared else 1)):
            places = range(start, ITEMS - 2, 2)
            for rank, place in enumerate(places):
                chosen, rejected = sorted((place, place + 2), key=own.__getitem__, reverse=True)
                rows.append((f"u{user:03}", role, part, rank, names[chosen], names[rejected]))
    columns = ("user_id", "role", "part", "rank", "chosen", "rejected")
    folder.mkdir(exist_ok=True)
    pairs = pa.table(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)))
    users = pa.table({"user_id": [f"u{user:03}" for user in range(len(ratings))], "ratings": ratings.tolist()})
    pq.write_table(pairs, folder / "pairs.parquet")
    pq.write_table(users, folder / "users.parquet")
    (folder / "source.json").write_text(json.dumps({"truth": False, "items": names}))
    return folder


def accuracies(folder: Path, *shots: int) -> dict[int | None, float]:
    rows = ceiling_rows(read_truth(folder), folder, None, IDENTITY, shots)  # type: ignore[arg-type]
    mine = rows[(rows["split"] == "unseen") & (rows["seed"] == "all")]
    assert set(rows["split"]) == {"unseen"} and set(rows["variant"]) == {"true ratings"}
    shots = [None if pd.isna(shot) else int(shot) for shot in mine["shots"]]
    return dict(zip(shots, mine["value"], strict=True))


def test_one_taste_is_known_from_one_rating(tmp_path: Path) -> None:
    """Ratings are a user's sign times the item's quality: the mean says nothing, the first rating everything."""
    sign = np.where(np.arange(60) % 2, 1.0, -1.0)
    quality = np.random.default_rng(0).permutation(np.arange(1, ITEMS + 1))
    ratings = sign[:, None] * quality + np.random.default_rng(1).normal(0, 0.01, (60, ITEMS))
    found = accuracies(write_world(tmp_path / "world", ratings), 0, 1, 3)
    assert found[0] == pytest.approx(0.5, abs=0.11)
    assert found[1] == found[3] == found[None] == 1


def test_independent_ratings_tell_nothing(tmp_path: Path) -> None:
    ratings = np.random.default_rng(0).normal(size=(540, ITEMS))
    found = accuracies(write_world(tmp_path / "world", ratings), 1)
    assert found[1] == pytest.approx(0.5, abs=0.04) and found[None] == pytest.approx(0.5, abs=0.04)


def test_first_items_are_nested_distinct_and_of_the_reference(tmp_path: Path) -> None:
    folder = write_world(tmp_path / "world", np.random.default_rng(0).normal(size=(45, ITEMS)))
    ratings = read_truth(folder)
    assert isinstance(ratings, Ratings)
    known = load_cohorts(folder, {"item": ratings})["unseen"].known()
    before: set[tuple[int, int]] = set()
    for limit in range(ITEMS):
        user, column = first_items(known, ITEMS, limit)
        found = {*zip(user.tolist(), column.tolist(), strict=True)}
        assert len(found) == len(user) == 5 * min(limit, ITEMS // 2)
        assert before <= found and all(place % 2 == 0 for _, place in found)
        before = found
    assert before == {*zip(*(part.tolist() for part in first_items(known, ITEMS, None)), strict=True)}


def test_a_rating_that_is_asked_for_is_never_told(tmp_path: Path) -> None:
    folder = write_world(tmp_path / "world", np.random.default_rng(0).normal(size=(45, ITEMS)), shared=True)
    with pytest.raises(InputError, match="in reference and in evaluation pairs"):
        accuracies(folder, 1)
