"""Few shots drawn anew: sets of the asked size, nested, uniform, and a spread that is that of the draws alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from prefactor.cohorts import Cohort
from prefactor.evaluation.accuracy import margins, per_user
from prefactor.evaluation.draws import OVER_DRAWS, draw_rows, drawn_rank, draws_table, judge_draws
from prefactor.evaluation.results import RESULTS
from tests.evaluation.test_results import IDENTITY
from tests.methods.test_contract import make_model
from tests.worlds import make_cohort

DRAWS = 5


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    found = make_cohort("unseen", 12, seed=0)
    return replace(found, group=torch.arange(len(found.pairs)) % 9)


def test_every_user_has_as_many_pairs_as_were_asked_for_or_all(cohort: Cohort) -> None:
    known = cohort.known()
    kept = torch.arange(len(known)) >= 8  # the first user has two of their ten pairs
    known = known.select(kept)
    rank = drawn_rank(known, 0)
    assert known.select(rank < 4).pairs_per_user().tolist() == [2, *[4] * 11]
    for user in range(12):
        mine = rank[known.segment == user]
        assert sorted(mine.tolist()) == [*range(len(mine))]


def test_draws_differ_and_each_pair_comes_equally_often(cohort: Cohort) -> None:
    known = cohort.known()
    assert torch.equal(drawn_rank(known, 3), drawn_rank(known, 3))
    count = torch.stack([drawn_rank(known, draw) < 3 for draw in range(600)]).double().mean(0)
    torch.testing.assert_close(count, torch.full_like(count, 0.3), atol=0.08, rtol=0)


def test_a_draw_equals_adapting_to_its_pairs(cohort: Cohort) -> None:
    model = make_model("vrf").eval()
    (drawn,) = judge_draws({"0": model}, cohort, [3], DRAWS)
    known, pairs = cohort.known(), cohort.to_predict("evaluation")
    for draw in range(DRAWS):
        figures = per_user(margins(model, known.select(drawn_rank(known, draw) < 3), pairs), pairs)
        assert drawn.accuracy["0"][draw] == pytest.approx(figures.accuracy.mean())


def test_all_pairs_and_a_reward_for_everyone_do_not_spread(cohort: Cohort) -> None:
    (whole,) = judge_draws({"0": make_model("lore").eval()}, cohort, [10], DRAWS)  # ten are all there are
    (common,) = judge_draws({"0": make_model("bt").eval()}, cohort, [2], DRAWS)
    for drawn in (whole, common):
        assert np.ptp(drawn.by_draw) < 0.02  # sums in another order may turn a pair that is level
    (few,) = judge_draws({"0": make_model("vrf").eval()}, cohort, [1], DRAWS)
    assert np.ptp(few.by_draw) > 0


def test_rows_hold_the_mean_and_the_spread_of_draws(cohort: Cohort) -> None:
    models = {seed: make_model("vrf", int(seed)).eval() for seed in ("0", "1")}
    drawn = judge_draws(models, cohort, [1, 3], DRAWS)
    rows, table = draw_rows(drawn, IDENTITY), draws_table(drawn)
    assert list(rows.columns) == RESULTS.names and len(rows) == 2 * 4 and len(table) == 2 * 2 * DRAWS
    for shots in (1, 3):
        value = rows[rows.shots == shots].set_index("metric")["value"]
        by_draw = table[table.shots == shots].groupby("draw")["accuracy"].mean()
        expected = {"": by_draw.mean(), "_std": by_draw.std(), "_min": by_draw.min(), "_max": by_draw.max()}
        assert value.to_dict() == pytest.approx({f"{OVER_DRAWS}{name}": figure for name, figure in expected.items()})
    mean = rows[rows.metric == OVER_DRAWS].iloc[0]
    assert mean.low_items <= mean.ci_low < mean.value < mean.ci_high <= mean.high_items + 0.05
    assert (mean.n_users, mean.n_pairs, mean.n_items) == (12, 72, 9)


def test_no_draws_cost_nothing(cohort: Cohort) -> None:
    assert judge_draws({}, cohort, [1, 3], 0) == []
    assert len(draws_table([])) == len(draw_rows([], IDENTITY)) == 0
