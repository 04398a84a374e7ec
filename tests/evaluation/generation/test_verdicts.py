"""Verdicts: from utility with ties and missing ones, as a judge answered, and what cannot be a verdict."""

import numpy as np
import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.evaluation.generation.verdicts import verdict_of, verdicts_by_judge, verdicts_by_utility

NAN = float("nan")


def texts(*rows: tuple[str, str, str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user_id", "group_id", "method", "response", "utility"])


BASE = [("u", "g", "base", "plain", 1.0), ("u", "h", "base", "other", 2.0), ("v", "g", "base", "third", NAN)]


def test_utility_decides_and_equal_texts_are_level() -> None:
    found = verdicts_by_utility(
        texts(
            *BASE,
            ("u", "g", "drift", "better", 1.5),
            ("u", "h", "drift", "worse", 1.0),
            ("u", "g", "exact", "level", 1 + 1e-10),
            ("u", "h", "exact", "other", 7.0),  # the same text: a judge that says otherwise is not believed
            ("v", "g", "exact", "third", NAN),  # the same text, of which nobody knows the utility
            ("v", "g", "drift", "unknown", 3.0),
            ("w", "g", "drift", "without a base", 3.0),
        )
    )
    assert found["verdict"].tolist() == pytest.approx([1, 0, 0.5, 0.5, 0.5, NAN, NAN], nan_ok=True)
    assert found["missing"].tolist() == [False] * 5 + [True] * 2 and not found["malformed"].any()
    assert found["raw_gain"].tolist() == pytest.approx([0.5, -1, 0, 0, 0, NAN, NAN], nan_ok=True, abs=1e-9)
    assert (found["setting"] == "").all() and "gain" not in found


def test_gain_in_units_of_the_users_spread() -> None:
    table = texts(*BASE, ("u", "g", "drift", "better", 2.0), ("u", "h", "drift", "worse", 1.0))
    found = verdicts_by_utility(table.assign(scale=[1.0, 1.0, 1.0, 4.0, 0.0]))
    assert found["gain"].tolist() == pytest.approx([0.25, NAN], nan_ok=True)  # a user without spread has no unit
    assert found["verdict"].tolist() == [1, 0] and "raw_gain" not in found


def answers(verdicts: list[float], missing: list[bool], malformed: list[bool]) -> pd.DataFrame:
    keys = {"user_id": "u", "group_id": [f"g{number}" for number in range(len(verdicts))], "method": "drift"}
    return pd.DataFrame({**keys, "verdict": verdicts, "missing": missing, "malformed": malformed})


def test_a_judges_answers() -> None:
    table = answers([1, 0.5, 0, NAN, NAN, NAN], [False] * 3 + [True, False, False], [False] * 4 + [True, False])
    found = verdicts_by_judge(table)
    assert found["missing"].tolist() == [False, False, False, True, False, True]
    assert found["malformed"].tolist() == [False] * 4 + [True, False]
    with pytest.raises(InputError, match=r"a verdict is 1, 0\.5, 0 or missing, got 0\.7"):
        verdicts_by_judge(answers([0.7], [False], [False]))
    with pytest.raises(InputError, match=r"1 judgement\(s\) are missing or malformed"):
        verdicts_by_judge(answers([1.0], [False], [True]))
    with pytest.raises(InputError, match="row 1 twice"):
        verdicts_by_judge(answers([1.0, 1.0], [False] * 2, [False] * 2).assign(group_id="g"))


def test_two_base_texts_of_a_prompt_are_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        verdicts_by_utility(texts(BASE[0], BASE[0]))


def test_verdict_of_utilities() -> None:
    first, second = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0 + 1e-12, 2.0])
    assert verdict_of(first, second).tolist() == [0, 0.5, 1]
    assert (verdict_of(first, second) + verdict_of(second, first) == 1).all()
