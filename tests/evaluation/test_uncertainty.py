"""Candidate uncertainties of a user, each against a loop or a known rate."""

from dataclasses import replace

import pytest
import torch

from prefactor.evaluation.uncertainty import (
    FITS,
    FITTED,
    FITTED_BEFORE,
    POOL,
    Scales,
    flip_rate,
    held_out_margin,
    make_pool,
    pool_doubts,
    user_doubts,
)
from tests.methods.test_contract import SMALL, make_model
from tests.worlds import make_cohort, make_pairs, without_users


def test_the_pool_is_the_same_whatever_was_chosen() -> None:
    seen = make_cohort("seen", 12, seed=0, known=20)
    pool = make_pool(seen)
    assert len(pool) == POOL and len(torch.unique(torch.stack([pool.chosen, pool.rejected], 1), dim=0)) == POOL
    turned = replace(seen, pairs=replace(seen.pairs, chosen=seen.pairs.rejected, rejected=seen.pairs.chosen))
    again = make_pool(turned)
    assert torch.equal(pool.chosen, again.chosen) and torch.equal(pool.responses.text, again.responses.text)


def test_expected_error_equals_a_loop_over_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefactor.evaluation.accuracy.ROWS_PER_CHUNK", 3 * POOL)  # users come in several chunks
    model, pool = make_model("vrf").eval(), make_pool(make_cohort("seen", 12, seed=0, known=20))
    known = make_pairs(7, 4)
    with torch.no_grad():
        users = model.adapt(known)
        found = pool_doubts(model, users, pool)
        for user in range(7):
            alone = replace(pool, segment=torch.full((len(pool),), user))
            margin = model.compare(users, alone)
            chance, plain = margin.probability(), torch.sigmoid(margin.plain())
            assert found["expected_error"][user] == pytest.approx(float(torch.minimum(chance, 1 - chance).mean()), 1e-4)
            assert found["plain_doubt"][user] == pytest.approx(1 - float(torch.maximum(plain, 1 - plain).mean()), 1e-4)


def test_a_half_is_judged_by_the_other_alone() -> None:
    """Turning a pair's label changes its own probability to the complement, and those of the other half only."""
    model, known = make_model("vrf").eval(), make_pairs(3, 6)
    with torch.no_grad():
        before = held_out_margin(model, known).probability()
        mine = torch.zeros(18, dtype=torch.bool)
        mine[6] = True  # the first pair of user 1
        chosen, rejected = (
            torch.where(mine, there, here)
            for here, there in ((known.chosen, known.rejected), (known.rejected, known.chosen))
        )
        after = held_out_margin(model, replace(known, chosen=chosen, rejected=rejected)).probability()
    assert float(after[6]) == pytest.approx(1 - float(before[6]), abs=1e-5)
    same_half = torch.tensor([0, 1, 2, 3, 4, 5, 8, 10, 12, 13, 14, 15, 16, 17])
    torch.testing.assert_close(after[same_half], before[same_half])
    assert (after[[7, 9, 11]] - before[[7, 9, 11]]).abs().max() > 1e-6


def test_flip_rate_is_recovered_from_honest_probabilities() -> None:
    generator = torch.Generator().manual_seed(0)
    true = torch.tensor([0.0, 0.1, 0.3]).repeat_interleave(400)
    margin = 2 + torch.randn(1200, generator=generator)
    slipped = torch.rand(1200, generator=generator) < true
    chance = torch.sigmoid(torch.where(slipped, -margin, margin)).double()
    sure = torch.where(slipped, 0.02, 0.98).double()
    pairs = make_pairs(4, 400).select(torch.arange(1600) < 1200)
    rate = flip_rate(sure, pairs)
    torch.testing.assert_close(rate[:3], torch.tensor([0.0, 0.1, 0.3]).double(), atol=0.06, rtol=0)
    assert rate[3].isnan() and (flip_rate(chance, pairs)[:3].diff() > 0).all()


def test_lapses_are_in_what_a_model_expects_and_no_slips_of_a_user() -> None:
    """Half of all choices at random: every user's expected error rises, and nobody's flip rate falls for it."""
    model, known, pool = make_model("vrf").eval(), make_pairs(7, 6), make_pairs(1, 5)
    with torch.no_grad():
        before = user_doubts(model, model.adapt(known), known, pool)
        model.calibration.lapse.fill_(0.5)
        after = user_doubts(model, model.adapt(known), known, pool)
    for name in ("expected_error", "plain_doubt"):
        torch.testing.assert_close(after[name], 0.25 + 0.5 * before[name], atol=1e-5, rtol=0)
    assert torch.equal(after["flip_rate"], before["flip_rate"])
    assert not torch.allclose(after["reference_nll"], before["reference_nll"])
    assert not torch.allclose(after["held_out_nll"], before["held_out_nll"])


@pytest.mark.parametrize("name", sorted(SMALL))
def test_every_user_has_every_doubt_whoever_else_is_there(name: str) -> None:
    model, pool = make_model(name).eval(), make_pool(make_cohort("seen", 6, seed=0))
    known = make_pairs(5, 4)
    with torch.no_grad():
        together = user_doubts(model, model.adapt(known), known, pool)
        alone = without_users(known, torch.tensor([2]))
        single = user_doubts(model, model.adapt(alone), alone, pool)
    assert {"expected_error", "plain_doubt", "reference_nll", "held_out_nll", "flip_rate"} <= set(together)
    assert ("sigma" in together) == name.startswith("vrf")
    assert ("entropy" in together) == name.startswith(("lore", "pal", "vrf"))  # weights on a simplex
    for key, values in together.items():
        assert values.shape == (5,)
        torch.testing.assert_close(values[2], single[key][0], atol=1e-4, rtol=1e-3)


def test_combinations_are_sums_of_standardised_logarithms() -> None:
    generator = torch.Generator().manual_seed(0)
    doubts = {name: torch.rand(200, generator=generator).double() + 0.1 for name in ("expected_error", "held_out_nll")}
    error = torch.rand(200, generator=generator).double()
    combined = Scales.of(doubts, error).combined(doubts)
    assert list(combined) == ["combined", "fitted", "fitted_before"]
    assert float(combined["combined"].mean()) == pytest.approx(0, abs=1e-6)
    logs = [values.log() for values in doubts.values()]
    expected = sum((log - log.mean()) / log.std() for log in logs)
    torch.testing.assert_close(combined["combined"], expected)
    more = {**doubts, "disagreement": torch.rand(200, generator=generator).double() + 0.1}
    assert list(Scales.of(more, error).combined(more)) == ["combined", "combined_more", "fitted", "fitted_before"]
    flat = {**doubts, "expected_error": torch.full((200,), 0.3).double()}
    assert list(Scales.of(flat, error).combined(flat)) == ["fitted", "fitted_before"]


def test_expected_error_and_flip_rate_are_combined_as_the_others_are() -> None:
    generator = torch.Generator().manual_seed(1)
    doubts = {name: torch.rand(200, generator=generator).double() + 0.1 for name in ("expected_error", "flip_rate")}
    found = Scales.of(doubts, torch.rand(200, generator=generator).double()).combined(doubts)
    logs = [values.log() for values in doubts.values()]
    torch.testing.assert_close(found["combined_flips"], sum((log - log.mean()) / log.std() for log in logs))
    assert "combined" not in found  # which needs what is not there


def test_fitted_weights_follow_what_goes_with_error_and_leave_out_who_has_none() -> None:
    generator = torch.Generator().manual_seed(0)
    doubts = {name: torch.rand(400, generator=generator).double() + 0.1 for name in FITS[FITTED]}
    error = 0.1 * doubts["held_out_nll"].log() + 0.001 * torch.randn(400, generator=generator).double()
    found = Scales.of(doubts, error).weights
    unknown = torch.arange(400) % 4 == 0
    apart = Scales.of(doubts, torch.where(unknown, torch.nan, error)).weights
    for fit, weights in found.items():
        others = [abs(weight) for name, weight in weights.items() if name != "held_out_nll"]
        assert len(others) == len(FITS[fit]) - 1 and weights["held_out_nll"] > 20 * max(others)
        assert apart[fit]["held_out_nll"] == pytest.approx(weights["held_out_nll"], rel=0.05)


def test_what_is_fitted_before_the_questions_are_known_does_not_weigh_confidence_in_them() -> None:
    generator = torch.Generator().manual_seed(0)
    doubts = {name: torch.rand(400, generator=generator).double() + 0.1 for name in FITS[FITTED]}
    error = 0.1 * (doubts["low_confidence"].log() + doubts["reference_nll"].log())
    scales = Scales.of(doubts, error)
    assert scales.weights[FITTED].keys() - scales.weights[FITTED_BEFORE].keys() == {"low_confidence"}
    first, second = (scales.combined({**doubts, "low_confidence": by * doubts["low_confidence"]}) for by in (1, 2))
    assert (first[FITTED] - second[FITTED]).abs().min() > 0.01
    torch.testing.assert_close(first[FITTED_BEFORE], second[FITTED_BEFORE])
    known = torch.corrcoef(torch.stack([first[FITTED_BEFORE], doubts["reference_nll"].log()]))[0, 1]
    assert known > 0.95
