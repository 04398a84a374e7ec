"""Every method on thirds of users by VRF's uncertainty: who is in which, and that all are judged on the same."""

import numpy as np
import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.evaluation.intervals import over_users
from prefactor.evaluation.items import Condition, Outcomes, over_users_and_items
from prefactor.evaluation.terciles import tercile_rows

IDENTITY = {"dataset": "d", "protocol": "p", "backbone": "b", "method": "m", "variant": "v", "run": "r"}
USERS, PAIRS = 30, 8
ORDER = np.random.default_rng(7).permutation(USERS)  # of users by VRF's uncertainty, least first
NAMES = [f"u{n:02}" for n in np.random.default_rng(5).permutation(USERS)]  # in no order, as single pairs number them
SHOTS: tuple[int | None, ...] = (None, 3)


def judged(seed: int, sigma: bool = False) -> tuple[pd.DataFrame, dict[Condition, Outcomes]]:
    """A method's per-user table, two seeds in two conditions, and the single pairs behind it."""
    generator = np.random.default_rng(seed)
    user, prompt = np.repeat(np.arange(USERS), PAIRS), np.tile(np.arange(PAIRS), USERS)[:, None]
    frames, single = [], {}
    for shots in SHOTS:
        right = [generator.integers(0, 2, USERS * PAIRS).astype(float) for _ in range(2)]
        single["unseen", shots] = Outcomes(np.mean(right, axis=0), user, prompt, "prompts")
        for number, values in enumerate(right):
            table = pd.DataFrame({"user_id": NAMES, "seed": str(number), "pairs": PAIRS})
            table["accuracy"] = values.reshape(USERS, PAIRS).mean(1)
            apart = (2 * number - 1) * 5 * np.random.default_rng(3).normal(size=USERS)  # cancels over seeds
            doubt = {"uncertainty_sigma": np.argsort(ORDER) + apart} if sigma else {}
            frames.append(
                table.assign(split="unseen", shots=pd.array([shots] * USERS, dtype="Int64"), known=5, **doubt)
            )
    return pd.concat(frames, ignore_index=True), single


@pytest.fixture
def rows() -> pd.DataFrame:
    """By metric, of all that is known."""
    (method, single), (vrf, of_vrf) = judged(0), judged(1, sigma=True)
    return tercile_rows(method, vrf, IDENTITY, "default", single, of_vrf).set_index("metric")


def by_user(table: pd.DataFrame) -> np.ndarray:
    """(U,) mean over seeds, of all that is known."""
    return table[table["shots"].isna()].groupby("user_id", sort=False)["accuracy"].mean().to_numpy()


def test_thirds_are_vrfs_and_accuracies_and_intervals_the_methods(rows: pd.DataFrame) -> None:
    (method, single), (vrf, of_vrf) = judged(0), judged(1, sigma=True)
    for third, users in zip(("low", "mid", "high"), np.split(ORDER, 3), strict=True):
        for metric, values, pairs in (
            (f"accuracy_{third}_vrf_sigma", by_user(method), single["unseen", None]),
            (
                f"accuracy_{third}_vrf_sigma_minus_vrf",
                by_user(method) - by_user(vrf),
                single["unseen", None].minus(of_vrf["unseen", None]),
            ),
        ):
            alone, both = over_users(values[users]), over_users_and_items([pairs.of_users(users)])
            found = rows.loc[metric]
            assert list(found[["value", "ci_low", "ci_high"]]) == pytest.approx([alone.value, alone.low, alone.high])
            assert list(found[["value", "low_items", "high_items"]]) == pytest.approx([both.value, both.low, both.high])
            assert (found["n_users"], found["n_pairs"], found["n_items"]) == (10, 10 * PAIRS, PAIRS)
            assert found["resampled"] == "users; users and prompts"
    assert set(rows["setting"]) == {"against=default"} and set(rows["seed"]) == {"all"}


def test_at_a_fixed_number_users_are_those_who_have_just_so_many(rows: pd.DataFrame) -> None:
    assert rows["shots"].isna().all() and len(rows) == 6  # nobody has three
    (method, single), (vrf, of_vrf) = judged(0), judged(1, sigma=True)
    vrf.loc[vrf["user_id"].isin([NAMES[n] for n in ORDER[:12]]), "known"] = 3
    few = tercile_rows(method, vrf, IDENTITY, "default", single, of_vrf).query("shots == 3")
    assert list(few["n_users"]) == [4] * 6


def test_vrf_itself_has_no_difference_from_itself() -> None:
    vrf, single = judged(1, sigma=True)
    found = tercile_rows(vrf, vrf, IDENTITY, "default", single)
    assert set(found["metric"]) == {f"accuracy_{third}_vrf_sigma" for third in ("low", "mid", "high")}
    assert found["value"].mean() == pytest.approx(by_user(vrf).mean())


def test_without_single_pairs_intervals_are_over_users_alone() -> None:
    (method, _), (vrf, _) = judged(0), judged(1, sigma=True)
    found = tercile_rows(method, vrf, IDENTITY, "default", {}, {})
    assert len(found) == 6 and set(found["resampled"]) == {"users"} and found["low_items"].isna().all()


def test_users_whom_vrf_doubts_alike_are_not_sorted() -> None:
    (method, single), (vrf, _) = judged(0), judged(1, sigma=True)
    for alike in (vrf.assign(uncertainty_sigma=0.3), vrf.assign(uncertainty_sigma=np.nan), judged(1)[0]):
        assert len(tercile_rows(method, alike, IDENTITY, "default", single)) == 0


def test_pairs_of_others_are_refused() -> None:
    (method, single), (vrf, of_vrf) = judged(0), judged(1, sigma=True)
    other = {at: found.of_users(np.arange(USERS)[::-1]) for at, found in of_vrf.items()}
    with pytest.raises(InputError, match="different pairs"):
        tercile_rows(method, vrf, IDENTITY, "default", single, other)
