"""Agreement is what counting couples of users gives; its intervals are leaving one out, done one by one."""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import permutations
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from prefactor.inspection.agreement import Agreement, agreement_of
from prefactor.inspection.database import opened
from tests.inspection.small import Judged, prepare


def judged(users: int, texts: int, prompts: Sequence[str], share: float, seed: int) -> list[Judged]:
    """Users with tastes that have something in common; some pairs are judged by nobody, some both ways by one user."""
    chance = random.Random(seed)
    common = {(prompt, text): chance.random() for prompt in prompts for text in range(texts)}
    rows = []
    for user in range(users):
        for prompt in prompts:
            own = {text: common[prompt, text] + chance.random() for text in range(texts)}
            for first in range(texts):
                for second in range(first):
                    sides = sorted((first, second), key=own.__getitem__, reverse=True)
                    rows += [(f"u{user}", prompt, *map(str, sides))] * (chance.random() < share)
                    rows += [(f"u{user}", prompt, *map(str, sides[::-1]))] * (chance.random() < share / 10)
    return rows


def counted(rows: Sequence[Judged]) -> float | None:
    """The mean over shared pairs of how many statements of different users are alike, one user's counting as one."""
    said: dict[tuple, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for user, prompt, chosen, rejected in rows:
        said[prompt, frozenset((chosen, rejected))][user].append(chosen)
    means = []
    for by_user in said.values():
        couples = [
            np.mean([one == other for one in by_user[first] for other in by_user[second]])
            for first, second in permutations(by_user, 2)
        ]
        means += [np.mean(couples)] if couples else []
    return float(np.mean(means)) if means else None


def left_out(rows: Sequence[Judged], units: Sequence, holds: Callable) -> tuple[float, float] | None:
    """The jackknife's interval, by counting anew without each unit."""
    without = [counted([row for row in rows if not holds(row, unit)]) for unit in units]
    if len(units) < 2 or None in without:
        return None
    count, value = len(units), counted(rows)
    error = sqrt((count - 1) / count * sum((each - np.mean(without)) ** 2 for each in without))
    reach = stats.t.ppf(0.975, count - 1) * error
    return max(0.0, value - reach), min(1.0, value + reach)


def found(folder: Path, rows: Sequence[Judged]) -> Agreement | None:
    with opened(prepare(folder, rows)) as connection:
        return agreement_of(connection)


@pytest.mark.parametrize("prompts", [("",), ("p", "q", "r", "s")], ids=["items", "prompts"])
@pytest.mark.parametrize(("users", "share"), [(7, 0.5), (4, 1.0), (12, 0.15)])
def test_it_is_what_counting_couples_gives(tmp_path: Path, users: int, share: float, prompts: Sequence[str]) -> None:
    rows = judged(users, 6 if prompts == ("",) else 4, prompts, share, seed=users)
    agreement = found(tmp_path / "tables", rows)
    assert agreement is not None and agreement.value == pytest.approx(counted(rows), abs=1e-12)
    voters = defaultdict(set)
    for user, prompt, *sides in rows:
        voters[prompt, frozenset(sides)].add(user)
    shared = {pair: users for pair, users in voters.items() if len(users) > 1}
    assert agreement.pairs == len(shared) and agreement.judgements == sum(map(len, shared.values()))
    involved = sorted(set().union(*shared.values()))
    over_users, over_items = agreement.intervals
    assert (over_users.over, over_users.n) == ("users", len(involved))
    expected = left_out(rows, involved, lambda row, user: row[0] == user)
    assert (over_users.low, over_users.high) == (pytest.approx(expected) if expected else (None, None))
    if prompts == ("",):
        items = sorted(set().union(*(pair for _, pair in shared)))
        expected = left_out(rows, items, lambda row, text: text in row[2:])
        assert (over_items.over, over_items.n) == ("texts", len(items))
    else:
        items = sorted({prompt for prompt, _ in shared})
        expected = left_out(rows, items, lambda row, prompt: row[1] == prompt)
        assert (over_items.over, over_items.n) == ("prompts", len(items))
    assert (over_items.low, over_items.high) == pytest.approx(expected)


def test_one_mind_agrees_and_opposites_do_not(tmp_path: Path) -> None:
    alike = [(user, "p", str(high), str(low)) for user in "abc" for high in range(4) for low in range(high)]
    agreement = found(tmp_path / "alike", alike)
    assert agreement is not None and agreement.value == 1.0
    assert (agreement.intervals[0].low, agreement.intervals[0].high) == (1.0, 1.0)
    opposed = [row for row in alike if row[0] == "a"]
    opposed += [("b", prompt, rejected, chosen) for _, prompt, chosen, rejected in opposed]
    agreement = found(tmp_path / "opposed", opposed)
    assert agreement is not None and agreement.value == 0.0
    assert agreement.intervals[0].low is None, "without one of two users nothing is shared"


def test_turning_every_choice_round_changes_nothing(tmp_path: Path) -> None:
    rows = judged(8, 5, ("p", "q"), 0.6, seed=3)
    turned = [(user, prompt, rejected, chosen) for user, prompt, chosen, rejected in rows]
    first, second = found(tmp_path / "first", rows), found(tmp_path / "second", turned)
    assert first is not None and second is not None and first.value == pytest.approx(second.value)


def test_coins_agree_half_of_the_time(tmp_path: Path) -> None:
    chance = random.Random(0)
    rows = [
        (f"u{user}", "p", *chance.sample([f"{pair} a", f"{pair} b"], 2)) for user in range(30) for pair in range(200)
    ]
    agreement = found(tmp_path / "tables", rows)
    assert agreement is not None
    assert agreement.intervals[0].low < 0.5 < agreement.intervals[0].high
    assert agreement.value == pytest.approx(0.5, abs=0.01)


def test_without_a_shared_pair_there_is_none(tmp_path: Path) -> None:
    assert found(tmp_path / "tables", [("a", "p", "1", "2"), ("b", "p", "1", "3"), ("a", "p", "2", "1")]) is None
