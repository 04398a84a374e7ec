"""The page: every section that has figures and no other, nothing loaded, nobody's id, the same bytes again."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.reporting.diagnosis import summary, write_page
from tests.reporting.diagnosis.made_up import SECRET, figures, made_up, rules

TITLES = [
    *("What more candidates bring", "The diagnosis in words", "What N is worth paying for"),
    *("The law beside what was observed", "The four quantities", "The correlations of single queries"),
    *("Do the law&#39;s assumptions hold?", "Models against one another"),
]
FURTHER = ["Other rules than the greatest score", "With fewer known pairs"]
FOOTER = "What this was made with"
OPTIONS = {"rules": rules({"mean - c std": 0.1}), "cost": 0.05}


def page(tmp_path: Path, **options: object) -> str:
    write_page(tmp_path / "page.html", "a world", made_up(), fewer={3: made_up()}, **options)  # type: ignore[arg-type]
    return (tmp_path / "page.html").read_text()


def titles(text: str) -> list[str]:
    return re.findall(r"<h3>(.*?)</h3>", text)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page(tmp_path_factory.mktemp("page"), **OPTIONS)


def test_all_sections_stand_on_a_page_that_loads_nothing(everything: str) -> None:
    assert titles(everything) == [*TITLES, *FURTHER, FOOTER]
    assert not re.search(
        r"<img|<link(?! rel=\"icon\" href=\"data:)|https?://(?!www.w3.org)|url\((?!#)|@import", everything
    )
    anchors = re.findall(r'<section id="(.*?)"', everything)
    assert set(re.findall(r'<a href="#(.*?)"', everything)) == set(anchors) and len(set(anchors)) == len(anchors)
    assert SECRET not in everything and "prefers-color-scheme: dark" in everything


def test_the_same_figures_give_the_same_bytes(everything: str, tmp_path: Path) -> None:
    assert page(tmp_path, **OPTIONS) == everything


def test_every_model_has_its_pictures_and_words(everything: str) -> None:
    for name in ("VRF", "Prob", "Det", "mine"):
        assert f"<figcaption>{name}: gain, sd</figcaption>" in everything and f"<p><b>{name}</b> " in everything
        assert re.search(rf"<figcaption>{name}: [0-9.]+\N{{NO-BREAK SPACE}}% below zero", everything)


def test_the_head_says_who_gains_and_what_fails_with_whom(everything: str) -> None:
    (head,) = re.findall(r"<h1>(.*?)</h1>", everything)
    assert head.startswith("On a world, choosing among 8 candidates brings most by VRF: 1.")
    assert re.search(r"users collapse with [^,;]*Prob", head) and re.search(r"queries are hacked with [^,;]*Det", head)


def test_a_cost_is_on_the_page(everything: str) -> None:
    assert "A candidate costs 0.05 sd" in everything and "Made from" not in everything


def test_what_was_made_from_samples_says_so_above_all_figures(tmp_path: Path) -> None:
    about = {**made_up().about, "made from": "sample files: <these> say nothing"}
    write_page(tmp_path / "page.html", "a world", replace(made_up(), about=about))
    text = (tmp_path / "page.html").read_text()
    assert text.count("sample files") == 1, "not among the facts too"
    assert text.index("<b>Made from sample files</b>: &lt;these&gt; say nothing.") < text.index('<div class="numbers">')


def test_what_is_not_there_has_no_section(tmp_path: Path) -> None:
    bare = figures({**made_up().figures.iloc[0].to_dict(), "model": "x", "metric": "gain", "n": 8})
    empty = replace(
        made_up(), figures=bare, correlations=made_up().correlations[:0], about={"left_out": {"vpl": "broke"}}
    )
    write_page(tmp_path / "page.html", "a world", empty)
    found = titles((tmp_path / "page.html").read_text())
    assert found == [TITLES[0], TITLES[1], TITLES[2], TITLES[4], "What was left out, and why"]
    write_page(tmp_path / "page.html", "a world", replace(empty, figures=made_up().figures[:0]))
    assert "Nothing has been scored yet" in (tmp_path / "page.html").read_text()


def test_names_are_text(tmp_path: Path) -> None:
    table = made_up().figures.replace({"model": {"mine": "<script>x</script>"}})
    write_page(tmp_path / "page.html", "<b>world</b>", replace(made_up(), figures=table))
    text = (tmp_path / "page.html").read_text()
    assert text.count("<script") == 1 and "&lt;b&gt;world" in text


def test_a_figure_twice_and_a_cost_of_nothing_are_refused(tmp_path: Path) -> None:
    twice = pd.concat([made_up().figures, made_up().figures[:1]])
    with pytest.raises(InputError, match="one figure twice"):
        write_page(tmp_path / "page.html", "a world", replace(made_up(), figures=twice))
    for cost in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="give a number above 0"):
            page(tmp_path, cost=cost)
    assert not list(tmp_path.iterdir())


def test_the_summary_has_a_few_lines_for_each_model() -> None:
    lines = summary(made_up())
    assert lines[0] == "24 users, 6 queries, 144 sets of candidates" and lines[1].startswith("oracle: gains +1.")
    starts = [line.partition(":")[0] for line in lines[2::3]]
    assert starts[0] == "vrf" and set(starts) == {"vrf", "prob", "det", "mine"}
    assert sum("of noise alone" in line for line in lines) == 4 and all("N worth" in line for line in lines[4::3])
    assert not any(SECRET in line for line in lines)
