"""The page: every section that has a table and no other, nothing loaded, nobody's id, texts only where asked for."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from prefactor.reporting.generation.page import write_page
from prefactor.reporting.generation.report import GenerationReport
from tests.reporting.generation.made_up import SECRET, made_up

SECTIONS = 13  # with two judges


@pytest.fixture(scope="module")
def report() -> GenerationReport:
    return made_up(users=6, prompts=5)


def page(tmp_path: Path, report: GenerationReport, examples: int = 0) -> str:
    write_page(tmp_path / "page.html", report, examples)
    return (tmp_path / "page.html").read_text()


def titles(text: str) -> list[str]:
    return re.findall(r"<h3>(.*?)</h3>", text)


def test_all_sections_stand_on_a_page_that_loads_nothing(report: GenerationReport, tmp_path: Path) -> None:
    text = page(tmp_path, report, examples=2)
    assert text == page(tmp_path, report, examples=2)
    assert len(titles(text)) == SECTIONS + 4  # claims, texts, what was left out, what it was made with
    assert not re.search(r"<img|<link(?! rel=\"icon\" href=\"data:)|https?://(?!www.w3.org)|url\((?!#)|@import", text)
    anchors = re.findall(r'<section id="(.*?)"', text)
    assert set(re.findall(r'<a href="#(.*?)"', text)) == set(anchors) and len(set(anchors)) == len(anchors)
    assert SECRET not in text and "PPO" in text and "sampling.top_p" in text


def test_texts_are_there_only_where_asked_for(report: GenerationReport, tmp_path: Path) -> None:
    with_texts, without = page(tmp_path, report, 1), page(tmp_path, report)
    assert "Answer 0 to user by drift" in with_texts and "User 1</h4>" in with_texts
    assert "Answer 0" not in without and "How should I begin" not in without and "Texts to read" not in without


def test_no_text_that_answers_peoples_own_words_is_shown(report: GenerationReport, tmp_path: Path) -> None:
    for source in ("prism", "files", ""):
        text = page(tmp_path, replace(report, source=source), 2)
        assert "Answer 0" not in text and "How should I begin" not in text and "of stylebench alone" in text


def test_two_datasets_with_the_same_topic_shift_are_on_one_page(report: GenerationReport, tmp_path: Path) -> None:
    shifted = report.results[report.results["setting"].str.contains("topic_shift")]
    other = shifted.assign(dataset="prism", setting="format_check=1;" + shifted["setting"])
    text = page(tmp_path, replace(report, results=pd.concat([report.results, other], ignore_index=True)))
    assert "EXACT, retrieved, prism, topic shift off, format check" in text and "these figures show" not in text
    assert titles(text) == titles(page(tmp_path, report))


def test_words_of_texts_are_text(report: GenerationReport, tmp_path: Path) -> None:
    evil = report.examples.assign(response="<script>alert('x')</script>")
    text = page(tmp_path, replace(report, examples=evil), 1)
    assert "&lt;script&gt;alert" in text and text.count("<script") == 1


def test_a_report_without_tables_says_so(tmp_path: Path) -> None:
    text = page(tmp_path, GenerationReport("stylebench"), 3)
    assert "Nothing has been generated yet" in text and not titles(text)


@pytest.mark.parametrize(
    ("name", "title"), [("attributes", "What single users seem to want"), ("speed", "What it costs")]
)
def test_a_section_stands_with_its_table(report: GenerationReport, tmp_path: Path, name: str, title: str) -> None:
    table: pd.DataFrame = getattr(report, name)
    assert title in titles(page(tmp_path, report))
    assert title not in titles(page(tmp_path, replace(report, **{name: table[:0]})))
    assert titles(page(tmp_path, GenerationReport("stylebench", **{name: table})))[0] == title


def test_a_format_check_finds_nothing(report: GenerationReport, tmp_path: Path) -> None:
    text = page(tmp_path, replace(report, about={"format_check": True}))
    assert "<h1>Personal generation on stylebench, a format check.</h1>" in text
    assert "these figures show that everything runs" in text and 'class="verdict"' not in text
