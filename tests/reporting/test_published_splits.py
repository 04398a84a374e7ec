"""VRF's Table 3 beside a run's splits: what must agree, what differs, and what only the published files can tell."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from prefactor.episodes import reference_sizes
from prefactor.reporting import ReportContext, write_report
from prefactor.reporting.context import DatasetFacts
from prefactor.reporting.published_splits import (
    PRISM,
    PUBLISHED_ROWS,
    TLDR,
    Figures,
    SplitRow,
    published_splits,
    reads_published_files,
)

FILES = {
    "personalllm": {"prompts": 9_402, "responses": 75_200},
    "tldr": {"comparisons": 178_944, "annotators": 76},
    "prism": {"utterances": 68_371, "conversations": 8_011, "users": 1_500},
}
NAMES = Figures._fields


def manifest(figures: Figures, train: int | float = 45) -> dict[str, Any]:
    """As the splitter would leave it, had it found these figures."""
    seen, training_c, training_d, evaluation_c, evaluation_d, unseen, unseen_c, unseen_d = figures
    return {
        "parameters": {"pairs": {"train": train}},
        "users": {"seen": seen, "unseen": unseen},
        "averages": {
            "seen training": {"pairs": training_c + training_d},
            "seen evaluation": {"C": evaluation_c, "D": evaluation_d},
            "unseen": {"C": unseen_c, "D": unseen_d},
        },
    }


def counts(figures: Figures) -> tuple[int, ...]:
    """Training pairs of each seen user, as even as they can be."""
    users, pairs = int(figures.seen_users), round(figures.seen_users * (figures.training_c + figures.training_d))
    return tuple(pairs // users + (user < pairs % users) for user in range(users))


def methods(reference: object, **before: object) -> dict[str, Any]:
    """Parameters of a run: VRF, after methods whose episodes take other references."""
    named = {**before, "vrf": reference}
    sections = {name: {"default": {"training": {"episodes": {"reference": own}}}} for name, own in named.items()}
    return {"run": {"methods": list(named), "variants": ["default"]}, "methods": sections}


def row(
    source: str, figures: Figures, parameters: Mapping[str, Any], rows: Mapping[str, int], train: int | float = 45
) -> SplitRow:
    facts = DatasetFacts(
        source={"name": source, "rows": rows}, manifest=manifest(figures, train), training_pairs=counts(figures)
    )
    (found,) = published_splits(ReportContext(datasets={"mine": facts}, parameters=parameters))
    return found


def verdicts(found: SplitRow) -> dict[str, str]:
    return {name: item.verdict for name, item in zip(NAMES, found.verdicts, strict=True)}


PERSONALLLM = Figures(1000, 9.0, 36.0, 45.0, 45.0, 1000, 9.0, 9.0)


def test_what_rules_fix_agrees_whatever_files_were_read() -> None:
    few = {"prompts": 240, "responses": 1_900}
    found = row("personalllm", PERSONALLLM, methods(9), few)
    assert set(verdicts(found).values()) == {"agrees"} and not found.real
    assert (found.title, found.episodes, found.files) == (
        "PersonalLLM",
        "VRF \N{MIDDLE DOT} default",
        "240 prompts, 1,900 responses",
    )
    assert [item.published for item in found.verdicts][:3] == ["1,000", "9.0", "36.0"]


def test_what_rules_fix_differs_whatever_files_were_read() -> None:
    for rows in (FILES["personalllm"], {}):
        found = row("personalllm", PERSONALLLM._replace(seen_users=30, unseen_d=8.94), methods(9), rows)
        wrong = {name: verdict for name, verdict in verdicts(found).items() if verdict != "agrees"}
        assert wrong == {"seen_users": "differs: here 30", "unseen_d": "differs: here 8.9"}


@pytest.mark.parametrize("pairs", [100, 150])
def test_tldr_has_two_rows_and_its_targets_depend_on_the_files(pairs: int) -> None:
    published = TLDR[pairs].figures
    found = row("tldr", published, methods(50), {"comparisons": 2_000}, train=pairs)
    assert found.title == f"TL;DR (n = {pairs})"
    waiting = {name for name, verdict in verdicts(found).items() if verdict == "needs the real files"}
    assert waiting == {"evaluation_d", "unseen_d"}
    real = row("tldr", published._replace(unseen_d=1140.0), methods(50), FILES["tldr"], train=pairs)
    assert real.real and verdicts(real)["evaluation_d"] == "agrees"
    assert verdicts(real)["unseen_d"] == "differs: here 1,140.0"


def test_the_nearest_row_is_taken_for_other_numbers_of_pairs() -> None:
    for train, title in ((20, "TL;DR (n = 100)"), (140, "TL;DR (n = 150)"), (0.5, "TL;DR (n = 100)")):
        assert row("tldr", TLDR[100].figures, methods(50), {}, train).title == title


def test_all_of_prism_depends_on_the_files() -> None:
    few = row("prism", PRISM.figures, methods(0.3333), {"utterances": 900, "conversations": 120})
    assert set(verdicts(few).values()) == {"needs the real files"}
    assert few.verdicts[0].here == "here 623" and few.verdicts[1].here == "here 3.0"
    real = row("prism", PRISM.figures, methods(0.3333), FILES["prism"])
    assert set(verdicts(real).values()) == {"agrees"}


@pytest.mark.parametrize("reference", ["log-uniform", None, 20, 0.2, True, 9.0])
def test_pairs_of_training_are_given_in_all_where_no_method_takes_them_as_published(reference: object) -> None:
    found = row("personalllm", PERSONALLLM, methods(reference), FILES["personalllm"])
    assert verdicts(found)["training_c"] == verdicts(found)["training_d"] == "agrees" and found.episodes == ""
    assert [found.verdicts[place].here for place in (1, 2)] == ["here 45.0 in all"] * 2
    less = row("personalllm", PERSONALLLM._replace(training_d=30), methods(reference), FILES["personalllm"])
    assert verdicts(less)["training_c"] == "differs: here 39.0 in all"


def test_the_first_method_of_the_run_that_takes_them_as_published_is_named() -> None:
    asked = methods(9, vpl="log-uniform", lore=9)
    assert row("personalllm", PERSONALLLM, asked, {}).episodes == "LoRe \N{MIDDLE DOT} default"
    asked["run"]["methods"] = ["vpl", "vrf"]
    assert row("personalllm", PERSONALLLM, asked, {}).episodes == "VRF \N{MIDDLE DOT} default"


def test_files_are_the_published_ones_by_their_rows() -> None:
    for source, rows in FILES.items():
        assert reads_published_files({"name": source, "rows": rows})
        for what in PUBLISHED_ROWS[source]:
            assert not reads_published_files({"name": source, "rows": {**rows, what: rows[what] // 2}})
            assert not reads_published_files({"name": source, "rows": {}})
    for other in ({}, {"name": "stylebench", "rows": {"prompts": 9_402}}, {"name": "prism"}):
        assert not reads_published_files(other)


def test_a_sample_of_the_published_size_is_not_the_published_files() -> None:
    for source, rows in FILES.items():
        assert not reads_published_files({"name": source, "rows": rows, "sample": True})
        assert reads_published_files({"name": source, "rows": rows, "sample": False})


@pytest.mark.parametrize(("reference", "sizes"), [(9, [0, 1, 4, 9, 9]), (0.3333, [0, 1, 2, 3, 10])])
def test_pairs_of_training_are_those_that_episodes_draw_of_uneven_users(
    reference: int | float, sizes: list[int]
) -> None:
    """A user of one pair has nothing to learn from, one of two a single pair; a share is rounded user by user."""
    own = (1, 2, 5, 10, 30)
    assert reference_sizes(torch.tensor(own), reference, torch.Generator()).tolist() == sizes
    source = "personalllm" if reference == 9 else "prism"
    figures = PERSONALLLM._replace(seen_users=5, training_c=0, training_d=sum(own) / 5)
    facts = DatasetFacts(source={"name": source}, manifest=manifest(figures), training_pairs=own)
    (found,) = published_splits(ReportContext(datasets={"mine": facts}, parameters=methods(reference)))
    _, c, d, *_ = found.verdicts
    here = [float((item.here or item.verdict).split("here ")[1]) for item in (c, d)]
    assert here == pytest.approx([sum(sizes) / 5, (sum(own) - sum(sizes)) / 5])


def test_episodes_that_leave_pairs_out_are_not_those_of_the_table() -> None:
    asked = methods(9)
    asked["methods"]["vrf"]["default"]["training"]["episodes"]["apart"] = True
    assert row("personalllm", PERSONALLLM, asked, {}).episodes == ""


def test_other_sources_and_datasets_outside_the_run_have_no_row() -> None:
    whole = {"personalllm": PERSONALLLM, "prism": PRISM.figures}
    facts = {name: DatasetFacts(source={"name": name}, manifest=manifest(own)) for name, own in whole.items()}
    facts["stylebench"] = DatasetFacts(source={"name": "stylebench"}, manifest=manifest(PERSONALLLM))
    facts["tldr"] = DatasetFacts(source={"name": "tldr"})  # not split yet
    found = published_splits(ReportContext(datasets=facts))
    assert [item.dataset for item in found] == ["personalllm", "prism"]
    run = {"run": {"datasets": ["prism", "stylebench", "elsewhere"]}}
    assert [item.dataset for item in published_splits(ReportContext(datasets=facts, parameters=run))] == ["prism"]


def test_the_page_shows_the_table_and_leads_to_it(results: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
    facts = DatasetFacts(source={"name": "prism", "rows": {"utterances": 90}}, manifest=manifest(PRISM.figures))
    out = tmp_path / "index.html"
    write_report(tmp_path, out, results("prism", "minilm", "within-user"), ReportContext(datasets={"prism": facts}))
    page = out.read_text()
    assert '<article id="published-splits">' in page and '<a href="#published-splits">' in page
    assert page.count("needs the real files") == 8 and "read 90 utterances, which are not the published files" in page
    write_report(tmp_path, out, results(), ReportContext())
    assert "published-splits" not in out.read_text()
