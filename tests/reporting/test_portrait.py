"""The portrait on the page: every number of the stage's tables, colours for the bases most used, nothing without it."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prefactor import layout
from prefactor.errors import InputError
from prefactor.reporting import collect, write_report
from prefactor.reporting.portrait import NoTaste, Portrait, read_portrait, view_of_portrait
from prefactor.reporting.portrait_figures import COLOURED, Oval, _ellipse

BASES = 9


def make_portrait(bases: int = BASES, kind: str = "scorer") -> Portrait:
    noise = np.random.default_rng(0)
    groups = []
    for split, shots in (("seen", None), ("unseen", None), ("unseen", 9)):
        share = noise.dirichlet(np.ones(bases))
        columns = {"split": split, "shots": shots, "basis": np.arange(bases), "share": share}
        groups.append(
            pd.DataFrame({**columns, "largest": np.arange(bases) * 3, "n_users": 200}).astype({"shots": "Int64"})
        )
    rows = [("basis", number, *noise.normal(size=2), 0.2, 0.05, 0.1) for number in range(bases)]
    rows += [("seen", number % bases, *noise.normal(size=2), 0.1, 0.0, 0.1) for number in range(20)]
    space = pd.DataFrame(rows, columns=["kind", "basis", "x", "y", "xx", "xy", "yy"])
    labels = [(n, rank, kind, ["warm", "terse"][rank], [0.61, -0.42][rank]) for n in range(bases) for rank in (0, 1)]
    person = {"scarce": True, "pairs": 3, "diversity": "low", "entropy": 0.42}
    person |= {"weight": [0.9, 0.1, *[0.0] * (bases - 2)], "explained": [2, 0, 1, *[0] * (bases - 3)]}
    about = {"seed": 0, "run": "0123456789abcdef", "explained": [0.5, 0.25], "people": [person]}
    return Portrait(
        pd.concat(groups, ignore_index=True),
        space,
        pd.DataFrame(labels, columns=["basis", "rank", "kind", "label", "value"]),
        about,
    )


def with_powers(powers: dict[str, list[float]]) -> Portrait:
    found = make_portrait()
    return replace(found, about={**found.about, "powers": powers})


def leave(found: Portrait, folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("coverage", "space", "labels"):
        getattr(found, name).to_parquet(folder / f"{name}.parquet")
    (folder / "portraits.json").write_text(json.dumps(found.about))
    return folder


def test_bases_most_used_come_first_and_have_colours() -> None:
    view = view_of_portrait(make_portrait(), "a")
    assert [line.basis.number for line in view.lines] == list(range(BASES, 0, -1))
    colours = [line.basis.colour for line in view.lines]
    assert colours[: len(COLOURED)] == list(COLOURED) and set(colours[len(COLOURED) :]) == {"grey"}


def test_the_table_has_all_shares_and_counts() -> None:
    found = make_portrait()
    view = view_of_portrait(found, "a")
    assert view.groups == ("seen", "unseen", "unseen, 9 pairs")
    for line in view.lines:
        mine = found.coverage[found.coverage["basis"] == line.basis.number - 1]
        shares = [f"{share * 100:.1f}" for share in mine["share"]]
        assert line.cells == (*shares, *(str(count) for count in mine["largest"]))


def test_labels_carry_signs_and_figures() -> None:
    view = view_of_portrait(make_portrait(), "a")
    assert (view.lines[0].basis.short, view.lines[0].basis.label) == ("+warm, −terse", "warm +0.61, terse −0.42")
    assert view.by == "scorer" and view_of_portrait(make_portrait(kind="word"), "a").by == "word"


def test_a_person_shows_large_shares_and_bases_that_explain_a_pair() -> None:
    (person,) = view_of_portrait(make_portrait(), "a").people
    assert person.title == "A: 3 pairs known, low diversity, 0.42 nats"
    names = re.findall(r">(\d)  \+warm", person.drawing)
    assert names == ["1", "2", "3"]


def test_pairs_that_no_basis_explains_are_counted_above_a_person() -> None:
    found = make_portrait()
    found.about["people"][0]["none"] = 2
    (person,) = view_of_portrait(found, "a").people
    assert person.title.endswith("0.42 nats; 2 that no basis explains best")


def test_marked_users_have_the_letters_of_their_bars() -> None:
    found = make_portrait()
    people = [found.about["people"][0] | {"entropy": entropy} for entropy in (0.1, 0.2, 0.3)]
    rows = found.space[found.space["kind"] == "seen"].head(3).assign(kind="person")
    marked = Portrait(found.coverage, pd.concat([found.space, rows]), found.labels, {**found.about, "people": people})
    view = view_of_portrait(marked, "a")
    assert [person.title[:2] for person in view.people] == ["A:", "B:", "C:"]
    assert view.space is not None and re.findall(r">([A-Z])</text>", view.space) == ["A", "B", "C"]
    assert view.drawn == view_of_portrait(found, "a").drawn == 20


@pytest.mark.parametrize(
    ("powers", "said"),
    [
        ({"0": [1.0, 0.0], "2": [1.0, 0.0]}, "not at all: the encoder alone (seeds 0, 2)."),
        ({"0": [0.0, 1.0], "1": [1.0, 0.25]}, "Bayes' rule alone (seed 0); encoder 1 and Bayes' rule 0.25 (seed 1)."),
    ],
)
def test_the_powers_of_encoder_and_evidence_are_said_by_seed(powers: dict[str, list[float]], said: str) -> None:
    assert view_of_portrait(with_powers(powers), "a").powers.endswith(said)


def test_without_powers_to_choose_none_are_said() -> None:
    """Nor of a portrait from before they were handed over."""
    assert view_of_portrait(with_powers({}), "a").powers == "" == view_of_portrait(make_portrait(), "a").powers


def test_a_basis_without_a_word_has_its_number_alone() -> None:
    found = make_portrait(kind="word")
    labels = found.labels[found.labels["rank"] == 0].assign(label="no word stands out", value=np.nan)
    view = view_of_portrait(Portrait(found.coverage, found.space, labels, found.about), "a")
    assert {(line.basis.short, line.basis.label) for line in view.lines} == {("", "no word stands out")}


def test_without_a_direction_of_taste_the_page_says_so_and_draws_nothing(
    make_run: Callable[[Path], None], results: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    make_run(tmp_path)
    folder = tmp_path / layout.portrait("stylebench", "minilm")
    folder.mkdir(parents=True)
    (folder / "portraits.json").write_text(json.dumps({"seed": 3, "run": "0", "directions": 0}))
    found = read_portrait(folder)
    assert found is not None and view_of_portrait(found, "a") == NoTaste("3")
    out = tmp_path / "reports" / "index.html"
    write_report(tmp_path, out, results(), collect(tmp_path))
    page = out.read_text()
    assert "trained with seed 3, found no direction of taste" in page
    assert "Which bases are used" not in page and "Four unseen users" not in page


def test_the_space_numbers_the_bases_that_are_used() -> None:
    found = make_portrait()
    unused = found.coverage["basis"] == 3
    found.coverage.loc[unused, "share"] = 0.0
    drawn = view_of_portrait(found, "a").space
    assert drawn is not None
    most = found.coverage.groupby("basis")["share"].max()
    numbers = set(re.findall(r">(\d+)</text>", drawn))
    assert numbers == {str(number + 1) for number in most.index[most >= 0.01]} and "4" not in numbers


def test_the_space_is_left_out_where_there_is_none() -> None:
    found = make_portrait()
    empty = Portrait(found.coverage, found.space[:0], found.labels[:0], {**found.about, "explained": []})
    view = view_of_portrait(empty, "a")
    assert view.space is None and view.by == "" and view.lines[0].basis.label == ""


def test_an_ellipse_has_the_covariance_it_is_made_of() -> None:
    """Its points x satisfy x' S^-1 x = 1."""
    covariance = np.array([[0.5, -0.3], [-0.3, 0.4]])
    turn = np.linspace(0, 2 * np.pi, 50)
    oval = _ellipse(Oval(1.0, 2.0, (0.5, -0.3, 0.4), "blue"))
    circle = np.column_stack([np.cos(turn), np.sin(turn)])
    points = oval.get_patch_transform().transform(circle) - np.array([1.0, 2.0])
    distance = np.einsum("ni,ij,nj->n", points, np.linalg.inv(covariance), points)
    np.testing.assert_allclose(distance, 1)


def test_the_page_shows_a_portrait_only_where_the_stage_left_one(
    make_run: Callable[[Path], None], results: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    make_run(tmp_path)
    out = tmp_path / "reports" / "index.html"
    write_report(tmp_path, out, results(), collect(tmp_path))
    assert "Inside VRF" not in out.read_text()
    (tmp_path / layout.portrait("stylebench", "empty")).mkdir(parents=True)  # of a run without the model
    leave(with_powers({"0": [0.5, 0.5]}), tmp_path / layout.portrait("stylebench", "minilm"))
    context = collect(tmp_path)
    assert set(context.datasets["stylebench"].portraits) == {"minilm"}
    write_report(tmp_path, out, results(), context)
    page = out.read_text()
    assert "Inside VRF" in page and "warm +0.61, terse −0.42" in page and "which hold 50.0 and 25.0 %" in page
    assert "encoder 0.5 and Bayes&#39; rule 0.5 (seed 0)." in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_a_judges_labels_are_marked_escaped_and_stand_beside_what_was_measured(
    make_run: Callable[[Path], None], results: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    found = make_portrait()
    written = pd.DataFrame(
        {"basis": range(BASES), "rank": 0, "kind": "judge", "label": "<b>kind & brief", "value": np.nan}
    )
    labels = pd.concat([found.labels, written], ignore_index=True)
    judged = Portrait(found.coverage, found.space, labels, {**found.about, "judge": "<i>small"})
    view = view_of_portrait(judged, "a")
    assert (view.by, view.judge) == ("scorer", "<i>small") and view_of_portrait(found, "a").judge == ""
    assert view.lines[0].basis.short == "<b>kind & brief"
    assert view.lines[0].basis.label == "<b>kind & brief (by the judge); warm +0.61, terse −0.42"
    make_run(tmp_path)
    leave(judged, tmp_path / layout.portrait("stylebench", "minilm"))
    out = tmp_path / "reports" / "index.html"
    write_report(tmp_path, out, results(), collect(tmp_path))
    page = out.read_text()
    assert "<b>kind" not in page and "<i>small" not in page
    assert "&lt;b&gt;kind &amp; brief (by the judge); warm" in page and "a judge model, &lt;i&gt;small, that" in page


def test_a_broken_table_is_named(tmp_path: Path) -> None:
    folder = leave(make_portrait(), tmp_path / "one")
    (folder / "space.parquet").write_text("not a table")
    with pytest.raises(InputError, match="rerun stage portrait"):
        read_portrait(folder)
