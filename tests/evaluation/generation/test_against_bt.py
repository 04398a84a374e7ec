"""Choices against BT's choice: who chooses alike ties, groups of |C| are apart, normalising moves nothing else."""

import numpy as np
import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.evaluation.generation.against_bt import against_bt_rows

IDENTITY = {"dataset": "stylebench", "protocol": "global", "backbone": "lm", "variant": "default", "run": "r"}


def candidates(users: int = 20, prompts: int = 4, known: tuple[int, ...] = (3, 4, 9)) -> pd.DataFrame:
    """``vrf`` sees the utility, ``pal`` its opposite, ``copy`` chooses as BT, ``bt`` a fixed candidate in disguise."""
    generator = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [[f"u{u}" for u in range(users)], [f"g{g}" for g in range(prompts)], known, range(8)],
        names=["user_id", "group_id", "known", "sample"],
    )
    table = pd.DataFrame(index=index).reset_index()
    utility = generator.normal(size=(users * prompts, 1, 8)).repeat(len(known), 1).ravel()
    bt = (table["sample"] == 5) * 1.0
    return table.assign(utility=utility, reward_bt=bt, reward_copy=bt * 3, reward_vrf=utility, reward_pal=-utility)


def test_each_group_has_each_methods_win_rate() -> None:
    rows = against_bt_rows(candidates(), IDENTITY, bins=((3, 5), (6, 9)))
    table = rows[rows["metric"] == "win_rate_over_bt"].set_index(["setting", "method"])
    assert set(table.index) == {(f"known={group}", name) for group in ("3-5", "6-9") for name in ("vrf", "pal", "copy")}
    assert (table.xs("copy", level="method")["value"] == 0.5).all()
    assert (table.xs("vrf", level="method")["ci_low"] > 0.5).all()
    assert (table.xs("pal", level="method")["ci_high"] < 0.5).all()
    assert set(table["n_users"]) == {20} and set(table["n_pairs"]) == {80}  # two conditions of a user are one
    paired = rows[rows["metric"] == "win_rate_over_bt_minus_vrf"].set_index(["setting", "method"])
    assert set(paired.index.get_level_values("method")) == {"pal", "copy"} and (paired["ci_high"] < 0).all()


def test_the_least_of_the_figure_is_zero_or_one() -> None:
    rows = against_bt_rows(candidates(), IDENTITY).set_index(["method", "setting"])
    plain, delta, relative = (rows[rows["metric"] == f"win_rate_over_bt{end}"] for end in ("", "_delta", "_relative"))
    least = plain["value"].min()
    assert delta["value"].min() == 0 and relative["value"].min() == 1
    assert set(plain.index.get_level_values("setting")) == {"known=3", "known=4", "known=9"}
    for end in ("value", "ci_low", "high_items"):
        assert (delta[end] + least).to_dict() == pytest.approx(plain[end].to_dict())
        assert (relative[end] * least).to_dict() == pytest.approx(plain[end].to_dict())


def test_choices_of_equal_reward_are_shared() -> None:
    table = candidates(users=2, prompts=1, known=(1,)).assign(reward_bt=0.0, reward_blind=0.0)
    rows = against_bt_rows(table, IDENTITY)
    win = rows[rows["metric"] == "win_rate_over_bt"].set_index("method")["value"]
    assert win["blind"] == pytest.approx(0.5) and win["vrf"] == pytest.approx(7.5 / 8)


def test_the_order_of_candidates_does_not_matter() -> None:
    table = candidates()
    other = table.assign(sample=7 - table["sample"]).sample(frac=1, random_state=2)
    one, two = (against_bt_rows(found, IDENTITY) for found in (table, other))
    assert one["value"].to_numpy() == pytest.approx(two["value"].to_numpy())


def test_without_bt_or_users_in_a_bin_there_is_nothing_to_show() -> None:
    with pytest.raises(InputError, match="judged against bt"):
        against_bt_rows(candidates().drop(columns="reward_bt"), IDENTITY)
    with pytest.raises(InputError, match="choose other bins"):
        against_bt_rows(candidates(), IDENTITY, bins=((50, 60),))
