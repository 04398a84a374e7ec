"""The permutation test: right under the null, powerful without, and nothing moves that must stay."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from prefactor.datasets.stylebench.parameters import StylebenchParameters
from prefactor.datasets.stylebench.world import load
from prefactor.errors import InputError
from prefactor.evaluation.signal import (
    SignalParameters,
    dealt,
    p_value,
    pairs_needed,
    personal_signal,
    read_sides,
    spearman_brown,
    users_needed,
)
from prefactor.evaluation.tastes import SidedPairs, fit, prepare
from prefactor.preferences import Preferences

SMALL = SignalParameters(permutations=39)


def world(seed: int, taste: float, users: int = 40, pairs: int = 12, width: int = 6, flips: float = 0.0) -> SidedPairs:
    """Users whose tastes have standard deviation ``taste`` about one common taste, in logits of a pair's margin."""
    generator = torch.Generator().manual_seed(seed)
    number = users * pairs
    user = torch.arange(users).repeat_interleave(pairs)
    difference = torch.randn(number, width, generator=generator)
    own = taste * torch.randn(users, width, generator=generator) + torch.randn(width, generator=generator)
    chance = torch.sigmoid((difference * own[user]).sum(-1) / width**0.5)
    chance = (1 - flips) * chance + flips * (1 - chance)
    first = torch.rand(number, generator=generator) < chance
    difference = torch.where(first.unsqueeze(-1), difference, -difference)
    return SidedPairs(difference, user, torch.arange(number) % 2, torch.arange(number), users)


def test_a_strong_signal_is_found_and_one_taste_for_all_is_not() -> None:
    found, null = personal_signal(world(0, 2.0), SMALL)
    assert found["p_value"] == 1 / 40 and found["gain"]["accuracy"] > 0.02 and len(null) == 39
    assert found["reliability"]["whole"] > 0.3
    nothing, _ = personal_signal(world(1, 0.0), SMALL)
    assert nothing["p_value"] > 0.05


@pytest.mark.parametrize("count", [16, pytest.param(120, marks=pytest.mark.system)])
def test_false_positives_are_as_rare_as_they_should_be(count: int) -> None:
    """p is uniform under the null: of the worlds of one taste, a tenth have p <= 0.1, and half p <= 0.5.

    In every second world three of ten labels are reversed.
    """
    parameters = SignalParameters(permutations=19)
    worlds = (world(seed, 0.0, 24, 8, 4, flips=0.3 * (seed % 2)) for seed in range(count))
    found = np.array([personal_signal(pairs, parameters)[0]["p_value"] for pairs in worlds])
    for level in (0.1, 0.5):
        errors = 3.3 * (count * level * (1 - level)) ** 0.5  # standard errors
        assert abs((found <= level).sum() - count * level) <= errors


@pytest.mark.system
def test_log_loss_finds_a_small_signal_more_often_than_accuracy() -> None:
    found = [personal_signal(world(seed, 0.8, 60), SignalParameters(permutations=19))[0] for seed in range(40)]
    rates = [np.mean([item[name] <= 0.05 for item in found]) for name in ("p_value", "p_value_accuracy")]
    assert rates[0] > 1.2 * rates[1] and rates[0] > 0.4


def test_label_noise_lowers_the_gain() -> None:
    gains = [personal_signal(world(3, 2.0, 100, flips=flips), SMALL)[0]["gain"]["log_loss"] for flips in (0.0, 0.3)]
    assert gains[0] > 2 * max(gains[1], 0)


def test_a_deal_keeps_every_count_and_every_unit() -> None:
    pairs = world(1, 1.0)
    unit = torch.arange(len(pairs.user)) // 2 * 2 + pairs.side  # two pairs on one side are one unit, some stay alone
    unit[:100] = torch.arange(100)
    grouped = SidedPairs(pairs.difference, pairs.user, pairs.side, unit, pairs.users)
    new = dealt(grouped, np.random.default_rng(0))
    counts = [torch.bincount(item.user * 2 + item.side, minlength=80) for item in (grouped, new)]
    assert torch.equal(*counts)
    assert torch.equal(new.side, grouped.side) and not torch.equal(new.user, grouped.user)
    owners = pd.DataFrame({"unit": unit.numpy(), "user": new.user.numpy()}).groupby("unit")["user"].nunique()
    assert (owners == 1).all()


def test_p_values_count_the_observed_deal() -> None:
    assert p_value(1.0, pd.Series([0.0, 0.5, 1.0, 2.0])) == 3 / 5
    assert p_value(9.0, pd.Series(np.zeros(199))) == 1 / 200


def test_more_pairs_extrapolate_to_what_they_measure() -> None:
    """Reliability of a side of 12 pairs, stretched to 24 by Spearman and Brown, against a side of 24 pairs."""
    few, many = (fit(item, prepare(item), (1.0,)) for item in (world(5, 1.0, 600, 24), world(5, 1.0, 600, 48)))
    assert spearman_brown(few.reliability, 2) == pytest.approx(many.reliability, rel=0.12)
    told = float(few.log_loss.mean()) * spearman_brown(few.reliability, 2) / few.reliability
    assert told == pytest.approx(float(many.log_loss.mean()), rel=0.2)
    assert spearman_brown(0.4, pairs_needed(0.4, 10, 0.8) / 10) == pytest.approx(0.8)  # type: ignore[operator]


def test_needed_users_follow_the_square_root_law() -> None:
    needed = users_needed(100, 0.01, 0.01, 0.01)
    assert needed == pytest.approx(100 * (1.645 + 0.842) ** 2)
    assert users_needed(400, 0.01, 0.005, 0.005) == pytest.approx(needed)
    assert users_needed(100, -0.01, 0.01, 0.01) is None and pairs_needed(0.0, 10, 0.5) is None


class Scores:
    """The styles that stylebench's people judge by, as states."""

    def __init__(self, world: Preferences) -> None:
        assert world.candidates is not None
        scores = np.column_stack([world.candidates[name].to_numpy() for name in world.source["scorers"]])
        self.rows = dict(zip(world.candidates["text_id"].to_pylist(), scores.astype(np.float32), strict=True))

    def gather(self, text_ids: Sequence[str]) -> np.ndarray:
        """(N, 10) float32."""
        return np.stack([self.rows[text_id] for text_id in text_ids])


def stylebench(folder: Path, **options: float) -> dict[str, Any]:
    """What the test finds in a small world."""
    parameters = StylebenchParameters(prompts=60, responses=4, users=50, pairs_per_user=20, **options)  # type: ignore[arg-type]
    made = load(parameters, folder)
    folder.mkdir()
    made.pairs.to_pandas().assign(part="train").to_parquet(folder / "pairs.parquet", index=False)
    pairs, _ = read_sides(folder, Scores(made), SMALL)
    return personal_signal(pairs, SMALL)[0]


def test_stylebench_has_a_signal_exactly_if_tastes_differ(tmp_path: Path) -> None:
    differing, noisy, alike = (
        stylebench(tmp_path / name, **options)
        for name, options in (
            ("differing", {"alpha": 0.001}),
            ("noisy", {"alpha": 0.001, "flip_rate": 0.3}),
            ("alike", {"alpha": 1e6, "flip_rate": 0.1}),
        )
    )
    assert differing["p_value"] == 1 / 40 and alike["p_value"] > 0.05
    assert differing["gain"]["log_loss"] > 2 * noisy["gain"]["log_loss"]
    assert differing["reliability"]["whole"] > noisy["reliability"]["whole"]


class Hashed:
    """States that are a function of the text id."""

    def gather(self, text_ids: Sequence[str]) -> np.ndarray:
        """(N, 5) float32."""
        rows = [np.random.default_rng(sum(map(ord, name))).normal(size=5) for name in text_ids]
        return np.array(rows, dtype=np.float32)


def write_split(folder: Path, rows: list[tuple[str, str, str, str, str]]) -> Path:
    names = ["user_id", "group_id", "chosen", "rejected", "part"]
    table = pd.DataFrame(rows, columns=names)
    table["pair_id"] = [f"{number:04d}" for number in range(len(table))]
    table.to_parquet(folder / "pairs.parquet", index=False)
    return folder


def test_evaluation_pairs_are_not_read_and_groups_stay_on_one_side(tmp_path: Path) -> None:
    rows = [
        (f"u{user}", f"g{group}", f"t{user}-{group}-{reply}", f"t{user}-{group}-x", part)
        for user in range(6)
        for group, part in enumerate(["train", "reference", "validation", "evaluation"] * 4)
        for reply in range(2)
    ]
    pairs, facts = read_sides(write_split(tmp_path, rows), Hashed(), SignalParameters(components=2))
    assert facts == {"divided_by": "groups", "pairs_left_out": 0, "users_left_out": 0}
    assert len(pairs.user) == 6 * 12 * 2 and pairs.difference.shape[1] == 2  # 64 pairs a component
    assert len(pairs.unit.unique()) == 6 * 12
    assert all(len(pairs.side[pairs.unit == unit].unique()) == 1 for unit in pairs.unit.unique())
    torch.testing.assert_close(pairs.difference.square().mean(0), torch.ones(2), atol=1e-4, rtol=1e-4)


def test_sides_share_no_text_of_a_user_where_texts_come_back(tmp_path: Path) -> None:
    rows = [
        (f"u{user}", f"g{first}-{second}", f"joke{first}", f"joke{second}", "reference")
        for user in range(5)
        for first in range(8)
        for second in range(first)
    ]
    split = write_split(tmp_path, rows)
    pairs, facts = read_sides(split, Hashed(), SignalParameters(components=2))
    assert facts["divided_by"] == "texts" and facts["pairs_left_out"] > 0
    table = pd.read_parquet(split / "pairs.parquet")
    assert pairs.scored.sum() == len(table) - facts["pairs_left_out"] < len(pairs.user)
    user, side = pairs.user[pairs.scored], pairs.side[pairs.scored]
    assert (torch.bincount(user * 2 + side, minlength=2 * pairs.users) > 0).all()


def test_users_of_one_group_cannot_be_tested(tmp_path: Path) -> None:
    split = write_split(tmp_path, [("u", "g", "a", "b", "train"), ("u", "g", "a", "c", "train")])
    with pytest.raises(InputError, match="two sides"):
        read_sides(split, Hashed(), SignalParameters())


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="permutations must be at least 1, got 0"):
        SignalParameters(permutations=0)
    with pytest.raises(ValueError, match="scales"):
        SignalParameters(scales=())
