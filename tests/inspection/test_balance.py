"""The balance of labels is what counting gives; its interval over what users share is leaving one out, one by one."""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from prefactor.inspection.balance import Balance, balance_of
from prefactor.inspection.database import opened
from prefactor.preferences import content_id
from tests.inspection.small import Judged, prepare
from tests.quality.small import change

TEXTS = ("a", "bb", "cc", "ddd", "eeee", "ffff")


def judged(users: int, prompts: Sequence[str], seed: int) -> list[Judged]:
    """Users who like what lies late in the alphabet, more or less; the last judged a single pair."""
    chance = random.Random(seed)
    rows = []
    for user in range(users):
        for prompt in prompts:
            for _ in range(1 if user == users - 1 else 6):
                sides = sorted(chance.sample(TEXTS, 2), reverse=chance.random() < 0.7)
                rows.append((f"u{user}", prompt, *sides))
        if user == users - 1:
            del rows[-len(prompts) + 1 or len(rows) :]
    return rows


def longer(row: Judged) -> float:
    return 0.5 + 0.5 * float(np.sign(len(row[2]) - len(row[3])))


def first(row: Judged) -> float:
    return float(content_id(row[1], row[2]) < content_id(row[1], row[3]))


def counted(rows: Sequence[Judged], share: Callable[[Judged], float]) -> tuple[float, int]:
    by_user = defaultdict(list)
    for row in rows:
        by_user[row[0]].append(share(row))
    return float(np.mean([np.mean(values) for values in by_user.values()])), len(by_user)


def found(folder: Path, rows: Sequence[Judged]) -> Balance | None:
    with opened(prepare(folder, rows)) as connection:
        return balance_of(connection)


@pytest.mark.parametrize("prompts", [("",), ("p", "q", "r", "s")], ids=["texts", "prompts"])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_what_counting_gives(tmp_path: Path, prompts: Sequence[str], seed: int) -> None:
    rows = judged(6, prompts, seed)
    balance = found(tmp_path / "tables", rows)
    assert balance is not None
    items = sorted({text for row in rows for text in row[2:]}) if prompts == ("",) else prompts
    for share, said in ((longer, balance.longer), (first, balance.first)):
        value, users = counted(rows, share)
        assert said.value == pytest.approx(value)
        over_users, over_items = said.intervals
        assert (over_users.over, over_users.n, over_items.n) == ("users", users, len(items))
        assert over_items.over == ("texts" if prompts == ("",) else "prompts")
        without = [counted([row for row in rows if item not in row[1:]], share)[0] for item in items]
        error = sqrt((len(items) - 1) / len(items) * sum((each - np.mean(without)) ** 2 for each in without))
        reach = stats.t.ppf(0.975, len(items) - 1) * error
        assert (over_items.low, over_items.high) == pytest.approx((max(0.0, value - reach), min(1.0, value + reach)))


def test_many_users_of_a_few_texts_prove_nothing(tmp_path: Path) -> None:
    """Everybody prefers the same texts, whose ids sort as they happen to: only the interval over texts shows that."""
    rows = [
        (f"u{user}", "", *map(str, sorted(random.Random(user * 99 + pair).sample(range(8), 2))))
        for user in range(60)
        for pair in range(12)
    ]
    balance = found(tmp_path / "tables", rows)
    assert balance is not None
    users, texts = balance.first.intervals
    assert texts.low < 0.5 < texts.high and texts.high - texts.low > 3 * (users.high - users.low)


def test_without_pairs_there_is_none(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "tables", [("u", "p", "a", "b")])
    change(folder / "pairs.parquet", lambda old: old.iloc[:0])
    with opened(folder) as connection:
        assert balance_of(connection) is None
