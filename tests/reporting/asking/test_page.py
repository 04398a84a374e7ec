"""The page of interviews: a section for what there is, nothing loaded, the same bytes again."""

import re
from pathlib import Path

import pandas as pd
import pytest

from prefactor.evaluation.results import in_schema
from prefactor.reporting.asking import write_page
from prefactor.reporting.asking.found import Found, Model

ABOUT = {"users": 1000, "training seeds": [0, 1]}


def rows(together: bool = True) -> pd.DataFrame:
    """VRF in both readings and PReF, by information and at random."""
    found = []

    def add(method: str, shares: str, asked: str, count: int, metric: str, number: int, value: float) -> None:
        setting = f"asked={asked};shares={shares};together={count}"
        figures = {"value": value, "ci_low": value - 0.01, "ci_high": value + 0.01}
        shared = {"low_items": value - 0.02, "high_items": value + 0.02, "n_users": 9, "n_pairs": 90}
        who = {"method": method, "variant": "default", "setting": setting, "seed": "all", "split": "unseen"}
        found.append({**who, **figures, **shared, "metric": metric, "shots": number})

    for method, shares in (("vrf", "evidence"), ("vrf", "trained"), ("pref", "trained")):
        for asked, gain in (("information", 0.04), ("random", 0.02), ("given", 0.05)):
            for number in (0, 1, 5):
                add(method, shares, asked, 1, "accuracy", number, 0.6 + gain * number)
                if asked == "information":
                    add(method, shares, asked, 1, "accuracy_minus_random", number, 0.02 * number)
                if shares == "evidence":
                    add(method, shares, asked, 1, "accuracy_minus_trained", number, 0.01 * number)
                    add(method, shares, asked, 1, "weight_entropy", number, 2 - 0.1 * number)
    if together:
        add("vrf", "evidence", "information", 5, "accuracy", 5, 0.75)
        add("vrf", "evidence", "information", 5, "accuracy_minus_one_by_one", 5, -0.05)
    return in_schema(pd.DataFrame(found))


def page(folder: Path, table: pd.DataFrame) -> str:
    write_page(folder / "page.html", "a world", table, ABOUT)
    return (folder / "page.html").read_text()


def titles(text: str) -> list[str]:
    return re.findall(r"<h3>(.*?)</h3>", text)


def test_there_is_a_section_for_whatever_was_found(tmp_path: Path) -> None:
    whole, less = page(tmp_path, rows()), page(tmp_path, rows(together=False))
    models = ["VRF, by answers alone", "VRF, as trained", "PReF"]
    assert titles(whole) == [
        *models,
        "Without the encoder",
        "5 at a time",
        "How uncertain users are",
        titles(whole)[-1],
    ]
    assert set(titles(whole)) - set(titles(less)) == {"5 at a time"}


def test_the_head_and_the_sentences_say_what_information_gains(tmp_path: Path) -> None:
    text = page(tmp_path, rows())
    (head,) = re.findall(r"<h1>(.*?)</h1>", text)
    assert head == ("a world: 5 questions chosen by information make 80.0 % of choices foreseen, at random 70.0 %.")
    assert "That less at random: +10.0 points [+8.0 to +12.0]." in text


def test_the_page_loads_nothing_and_the_same_figures_give_the_same_bytes(tmp_path: Path) -> None:
    text = page(tmp_path, rows())
    assert not re.search(r"<img|<link(?! rel=\"icon\" href=\"data:)|https?://(?!www.w3.org)|url\((?!#)|@import", text)
    assert page(tmp_path, rows()) == text


def test_without_a_comparison_the_head_is_a_title(tmp_path: Path) -> None:
    table = rows()
    few = table[~table["setting"].str.contains("random")]
    assert "Questions put to users of a world." in page(tmp_path, few)


@pytest.mark.parametrize("number", [0, 1, 5])
def test_figures_are_found_by_who_asked_how(number: int) -> None:
    found = Found.of(rows())
    assert found.curve(Model("vrf", "evidence"), "random")[number].value == pytest.approx(0.6 + 0.02 * number)
    assert found.several == [5] and found.questions == [0, 1, 5]
    assert [model.name for model in found.models] == ["VRF, by answers alone", "VRF, as trained", "PReF"]
