"""Calibration: known forecasters, brute force, and what must not depend on how it is computed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from prefactor.errors import InputError
from prefactor.evaluation.accuracy import per_user
from prefactor.evaluation.calibration import (
    BINS,
    COVERAGES,
    FORMS,
    BinSums,
    Forecast,
    _pair_gaps,
    calibration_errors,
    reliability_table,
    selective_pairs,
    selective_table,
    selective_users,
)
from prefactor.evaluation.intervals import RESAMPLES, Interval
from prefactor.evaluation.items import Outcomes
from prefactor.methods.base import Margin
from tests.worlds import make_pairs


def forecast(users: int, pairs: int, slope: float = 1.0, seed: int = 0) -> Forecast:
    """A forecaster whose logits are the true ones divided by ``slope``: 1 is calibrated, less is too sure."""
    generator = np.random.default_rng(seed)
    logit = generator.normal(0, 1.5, users * pairs)  # of the first response
    first = generator.random(users * pairs) < 1 / (1 + np.exp(-slope * logit))
    mean = torch.from_numpy(np.where(first, logit, -logit))  # of the chosen one
    return Forecast.of(Margin(mean, torch.zeros_like(mean)), make_pairs(users, pairs))


def interval(found: Forecast, seed: int = 0) -> Interval:
    """Of one seed's error, over users."""
    return calibration_errors([[found]], "plain", seed=seed)[0][0]


def error(found: Forecast, seed: int = 0) -> float:
    return interval(found, seed).value


def test_a_calibrated_forecaster_has_no_error_but_noise() -> None:
    (found, mean), wider = calibration_errors([[forecast(2000, 50)]], "plain")
    assert found.value < 0.01 and found.low == 0 and mean == found and wider is None


def test_overconfidence_is_recovered() -> None:
    """Truth by integration: confidence sigmoid(|z|) is right with probability sigmoid(slope |z|), z ~ N(0, 1.5)."""
    slope = 0.5
    z = np.abs(np.random.default_rng(1).normal(0, 1.5, 2_000_000))
    truth = (1 / (1 + np.exp(-z)) - 1 / (1 + np.exp(-slope * z))).mean()
    found = interval(forecast(1000, 40, slope))
    assert found.value == pytest.approx(truth, rel=0.05) and found.low < truth < found.high


@pytest.mark.parametrize("slope", [1.0, 0.6])
def test_intervals_cover_the_truth(slope: float) -> None:
    """Percentile intervals cover a calibrated forecaster never, basic ones half the time."""
    truth = error(forecast(20_000, 40, slope, seed=99)) if slope < 1 else 0.0
    found = [interval(forecast(150, 20, slope, seed)) for seed in range(60)]
    assert np.mean([item.low <= truth <= item.high for item in found]) >= 0.85
    assert all(0 <= item.low <= item.value <= item.high for item in found)


PROMPTS = 60


def shared(users: int, pairs: int, slope: float, effect: float, seed: int) -> tuple[Forecast, Outcomes]:
    """``forecast`` where prompts that users share move p by ``effect`` p (1 - p) at most, up or down alike."""
    generator = np.random.default_rng(seed)
    logit = np.abs(generator.normal(0, 1.5, users * pairs))
    prompt = np.concatenate([generator.permutation(PROMPTS)[:pairs] for _ in range(users)])
    chance = 1 / (1 + np.exp(-slope * logit))
    chance += effect * generator.uniform(-1, 1, PROMPTS)[prompt] * chance * (1 - chance)
    mean = torch.from_numpy(np.where(generator.random(users * pairs) < chance, logit, -logit))
    pair = make_pairs(users, pairs)
    found = Forecast.of(Margin(mean, torch.zeros_like(mean)), pair)
    return found, Outcomes(found.correct, pair.segment.numpy(), prompt[:, None], "prompts")


@pytest.mark.parametrize("slope", [1.0, 0.8])
def test_prompts_that_users_share_widen_the_interval(slope: float) -> None:
    """Over users alone it holds the error on these prompts, not the one on any."""
    truth = error(forecast(20_000, 40, slope, seed=99)) if slope < 1 else 0.0
    covered = []
    for seed in range(40):
        found, outcomes = shared(400, 20, slope, 1.0, seed)
        alone, wider = calibration_errors([[found]], "plain", [outcomes])
        assert wider is not None and wider.value == alone[-1].value
        assert wider.low <= alone[-1].low and wider.high >= alone[-1].high
        covered.append([item.low <= truth <= item.high for item in (alone[-1], wider)])
    of_users, of_both = np.mean(covered, axis=0)
    assert of_both >= 0.85 and of_users < of_both - 0.05


@pytest.mark.parametrize("seeds", [1, 3])
def test_prompts_without_an_effect_widen_the_interval_by_less_than_a_half(seeds: int) -> None:
    widths = []
    for seed in range(10):
        found, outcomes = shared(200, 20, 0.6, 0.0, seed)
        others = [forecast(200, 20, 0.6, 100 + seed + number) for number in range(seeds - 1)]
        alone, wider = calibration_errors([[found, *others]], "plain", [outcomes])
        assert wider is not None
        widths.append((wider.high - wider.low) / (alone[-1].high - alone[-1].low))
    assert 1.0 < np.mean(widths) < 1.5


def test_which_prompt_a_pair_is_about_decides_the_interval() -> None:
    found, outcomes = shared(200, 20, 0.6, 1.0, 0)
    mixed = replace(outcomes, items=np.random.default_rng(1).permutation(outcomes.items))
    intervals = [calibration_errors([[found]], "plain", [own])[1] for own in (outcomes, mixed)]
    assert intervals[0] is not None and intervals[1] is not None
    assert intervals[0].high - intervals[0].low > 1.2 * (intervals[1].high - intervals[1].low)
    with pytest.raises(InputError, match="different pairs"):
        calibration_errors([[found]], "plain", [replace(outcomes, user=outcomes.user[::-1])])
    few = replace(outcomes, items=outcomes.items % 2)
    (_, mean), wider = calibration_errors([[found]], "plain", [few])
    assert wider is not None and wider.value == mean.value and np.isnan([wider.low, wider.high]).all()


def test_gaps_of_pairs_add_up_to_those_of_bins() -> None:
    """Users with different numbers of pairs, two seeds that say different things of them."""
    pairs = make_pairs(5, 6)
    pairs = pairs.select(torch.arange(len(pairs)) % 6 <= pairs.segment)
    drawn = torch.randn(2, len(pairs), generator=torch.Generator().manual_seed(0))
    seeds = [Forecast.of(Margin(mean, torch.zeros_like(mean)), pairs) for mean in drawn]
    summed = (seeds[0].share / 5) @ _pair_gaps(seeds, "plain")
    expected = np.concatenate([BinSums.of(seed, "plain").gaps().mean(0) for seed in seeds])
    np.testing.assert_allclose(summed, expected, atol=1e-12)


def test_error_equals_a_loop_over_bins_and_its_resamples_a_loop_over_users() -> None:
    found = forecast(6, 9)
    sums, edges = BinSums.of(found, "attenuated"), np.linspace(0.5, 1, BINS + 1)

    def brute(users: np.ndarray) -> float:
        rows = np.concatenate([np.flatnonzero(found.user == user) for user in users])
        place = np.minimum(np.searchsorted(edges, found.confidence["attenuated"][rows], side="right") - 1, BINS - 1)
        gaps = [(found.confidence["attenuated"][rows] - found.correct[rows])[place == bin].sum() for bin in range(BINS)]
        return float(np.abs(gaps).sum() / len(rows))

    assert error(found) == pytest.approx(brute(np.arange(6)))
    drawn = np.random.default_rng(3).integers(0, 6, (RESAMPLES, 6))
    counts = np.stack([np.bincount(row, minlength=6) for row in drawn[:50]])
    np.testing.assert_allclose(np.abs(counts @ sums.gaps() / 6).sum(1), [brute(row) for row in drawn[:50]], atol=1e-12)


def test_variance_lowers_confidence_in_one_form_and_no_choice_in_either() -> None:
    pairs = make_pairs(4, 5)
    mean = torch.randn(20, generator=torch.Generator().manual_seed(0))
    found = Forecast.of(Margin(mean, torch.ones(20)), pairs)
    assert (found.confidence["attenuated"] < found.confidence["plain"]).all()
    assert (found.correct == (mean > 0).numpy()).all()


def test_bins_add_up_to_the_accuracy_whatever_the_numbers_of_pairs() -> None:
    pairs = make_pairs(5, 8).select(torch.tensor([1, 3, 5, 8, 0]).repeat_interleave(8) > torch.arange(8).repeat(5))
    margin = Margin(torch.randn(len(pairs), generator=torch.Generator().manual_seed(0)), torch.rand(len(pairs)))
    found, accuracy = Forecast.of(margin, pairs), np.nanmean(per_user(margin, pairs).accuracy)
    table = reliability_table({"0": found})
    for form in FORMS:
        rows = table[table.form == form]
        assert rows.share.sum() == pytest.approx(1)
        assert (rows.share * rows.accuracy).sum() == pytest.approx(accuracy)
        assert rows.confidence.between(rows.low, rows.high).all()
    assert selective_pairs(found)[-1] == pytest.approx(accuracy)


def test_setting_unsure_pairs_aside_helps_an_honest_model() -> None:
    curve = selective_pairs(forecast(500, 40))
    assert curve[0] > 0.97 and (np.diff(curve) < 0.003).all()
    assert len(curve) == len(COVERAGES) and COVERAGES[-1] == 1


def test_users_are_set_aside_by_their_uncertainty() -> None:
    accuracy = np.array([0.9, np.nan, 0.5, 0.7, 0.6])
    curve = selective_users(accuracy, np.array([1.0, 0.0, 4.0, 2.0, 3.0]))
    np.testing.assert_allclose(curve[[0, 9, 14, 19]], [0.9, 0.8, 2.2 / 3, 2.7 / 4])
    table = selective_table([("users", "0", curve), ("users", "1", curve + 0.1)])
    np.testing.assert_allclose(table.accuracy, curve + 0.05)
