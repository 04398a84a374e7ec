"""The page and the printed tables: all figures, nothing loaded, nothing of the data obeyed."""

import re
from pathlib import Path

import pytest

from prefactor.inspection.console import plain, printed, visible
from prefactor.inspection.page import write_page
from prefactor.inspection.summary import Summary, read_examples, summarise
from prefactor.inspection.tables import Table, everything
from prefactor.reporting.examples import Example
from tests.inspection.small import prepare
from tests.quality.small import make_preferences

EVIL = "<script>alert('x')</script>\x1b[2J"


@pytest.fixture
def summary(tmp_path: Path) -> Summary:
    """Of a few users who judged the same pairs, with margins and turns."""
    rows = [(f"u{u}", f"p{p}", f"{p} {'word ' * (u + p)}", f"{p} short") for u in range(4) for p in range(1, 9)]
    rows += [(f"v{u}", f"p{p}", f"{p} short", f"{p} {'word ' * (u + p)}") for u in range(3) for p in range(1, 9)]
    rows.append(("v0", "p9", "one more", "pair"))
    margins, order = [float(number) for number in range(len(rows))], [number % 3 for number in range(len(rows))]
    return summarise(prepare(tmp_path / "few", rows, margin=margins, order=order), "few")


def test_the_page_has_every_cell_and_loads_nothing(summary: Summary, tmp_path: Path) -> None:
    for out in (tmp_path / "a.html", tmp_path / "b.html"):
        write_page(out, summary, ())
    page = (tmp_path / "a.html").read_text()
    assert page == (tmp_path / "b.html").read_text()
    assert not re.search(
        r"<script|<img|<link(?! rel=\"icon\" href=\"data:)|https?://(?!www.w3.org)|url\((?!#)|@import", page
    )
    shown = re.sub(r"<[^>]+>", "\n", page).split("\n")
    for table in filter(None, everything(summary).values()):
        for row in table.rows:
            assert all(cell in shown or cell in page for cell in row), (table.title, row)
    assert page.count("<svg") == 3, (
        "held against a coin, words of responses, pairs per user; prompts are of one word each"
    )
    assert summary.agreement is not None and "Two users agree" in page


def test_words_of_the_data_are_text(summary: Summary, tmp_path: Path) -> None:
    example = Example(EVIL, EVIL, f"two\nlines {EVIL}")
    write_page(tmp_path / "page.html", summary, (example,))
    page = (tmp_path / "page.html").read_text()
    assert "&lt;script&gt;alert" in page and "<script" not in page
    text = printed(summary, (example,))
    assert "\x1b" not in text and "    two\n    lines <script>" in text


@pytest.mark.parametrize("empty_prompts", [False, True])
def test_what_is_unknown_is_left_out(tmp_path: Path, empty_prompts: bool) -> None:
    folder = tmp_path / "small"
    make_preferences(empty_prompts).save(folder)
    found = summarise(folder, "small")
    write_page(tmp_path / "page.html", found, read_examples(folder, 2))
    page, text = (tmp_path / "page.html").read_text(), printed(found, read_examples(folder, 2))
    for content in (page, text):
        assert "Margins" not in content and "turn" not in content
        assert ("There are no prompts: all are empty." in content) == empty_prompts
    assert text.count("Example ") == 2


def test_columns_are_lined_up() -> None:
    lines = plain(
        Table("Title", ("least", "most"), (("a", "1", "2,000"), ("longer", "12", "3")), "How to read.")
    ).splitlines()
    assert lines == [
        "Title",
        "          least   most",
        "  a           1  2,000",
        "  longer     12      3",
        "  How to read.",
    ]
    assert plain(Table("None", ("",), (), "Nothing.")) == "None\n  Nothing."


def test_only_line_breaks_are_obeyed() -> None:
    assert visible("a\x1b[31m\tb\r\nc\x07é😀") == "a [31m b \nc é😀"
