"""A trial says what the pipeline would do to a file, with places but without anyone's words, and leaves nothing."""

import csv
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prefactor.datasets.samples import write_sample
from prefactor.errors import InputError
from prefactor.inspection.dataset import own_file
from prefactor.inspection.findings import found
from prefactor.inspection.trial import Trial, attempt
from prefactor.quality import QualityParameters

MARKER = "quagga"
Row = dict[str, Any]


def scored() -> list[Row]:
    """Ten users who score three responses to a dozen prompts each, and what may be wrong with it."""
    chance = random.Random(0)
    rows: list[Row] = []
    for user in range(10):
        for prompt in range(12):
            texts = [f"{MARKER} {prompt} {'word ' * chance.randint(1, 9)}{answer}." for answer in range(3)]
            base = {"user_id": f"u{user}", "prompt": f"What of the {MARKER} {prompt}?"}
            rows += [base | {"response": text, "score": 10 * chance.random()} for text in texts]
    tied = [{"user_id": "u0", "prompt": f"{MARKER}?", "response": f"{MARKER} {n}", "score": 3.0} for n in range(2)]
    alone = [{"user_id": "lonely", "prompt": f"{MARKER}!", "response": f"the {MARKER}", "score": 5.0}]
    return [*rows, *tied, *alone, rows[4]]


def write(path: Path, rows: list[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def tried(path: Path, docs: Path | None = None, split: Row | None = None, **options: Any) -> Trial:
    before = sorted(path.parent.rglob("*"))
    trial = attempt(replace(own_file(path, options), split=split), QualityParameters(), docs)
    assert docs is not None or sorted(path.parent.rglob("*")) == before, "nothing is left behind"
    assert MARKER not in found(trial, docs)
    return trial


def test_reasons_places_and_what_a_split_leaves_unused(tmp_path: Path) -> None:
    share = {"pairs": {"train": 3, "validation": 1, "evaluation": 3, "reference": 3}}
    trial = tried(write(tmp_path / "own.jsonl", scored()), split=share)
    assert trial.passed and (trial.read, trial.users) == ({"rows": 364}, 10)
    text = found(trial, None)
    for line in (
        "own.jsonl: 364 rows make 120 pairs of 10 users",
        "  1 tied scores (highest and lowest score are the same): row 361",
        "  1 lone responses (one response in a set is not a pair): row 363",
        "  1 duplicate ratings (the same score of the same response again): row 364",
        "  1 users without pairs (nothing of theirs is left): 'lonely'",
        "Kept and noted\n  Nothing.",
        "  rule within-user, seed 0",
    ):
        assert line in text
    assert trial.manifest is not None and trial.manifest["pairs"]["unused"]["spare"] > 0
    assert (
        f"  {trial.manifest['pairs']['unused']['spare']} pairs unused: beyond what their user's parts ask for" in text
    )
    assert text.count("passed all") == 2


def test_a_gate_that_is_not_passed_names_suite_rows_and_fix(tmp_path: Path) -> None:
    rows = [
        {"user_id": f"u{user}", "prompt": f"{MARKER} {prompt}", "chosen": f"{MARKER} and more", "rejected": MARKER}
        for user in range(4)
        for prompt in range(5)
    ]
    rows[0]["chosen"] = "x" * 100_001
    trial = tried(write(tmp_path / "own.jsonl", rows))
    assert not trial.passed and trial.split is None and trial.manifest is None
    long, one_sided = trial.tables.failures
    assert (long.suite, long.rows) == ("texts", 1) and long.ids[0].startswith("text_id '")
    assert (one_sided.suite, one_sided.observed) == ("judgements", "1")
    text = found(trial, None)
    assert "fix: mend the texts" in text and "first: user_id 'u0', user_id 'u1', user_id 'u2', ..." in text
    assert "not tried: the tables come first" in text and "with --docs FOLDER" in text


def test_docs_are_left_where_they_are_asked_for(tmp_path: Path) -> None:
    path, docs = write(tmp_path / "own.jsonl", scored()), tmp_path / "docs"
    trial = tried(path, docs)
    assert sorted(item.name for item in docs.iterdir()) == ["split", "tables"]
    assert all(json.loads((docs / gate / "result.json").read_text())["success"] for gate in ("tables", "split"))
    assert f"see {docs / 'split' / 'index.html'}" in found(trial, docs)

    worse = [*scored(), {**scored()[0], "prompt": "Long?", "response": "x" * 100_001}]
    worse.append({**worse[-1], "response": "short", "score": 1.0})
    trial = tried(write(path, worse), docs)
    assert [item.name for item in docs.iterdir()] == ["tables"], "what was there before is replaced as a whole"
    (failure,) = trial.tables.failures
    with (docs / failure.file).open(newline="") as lines:
        csv.field_size_limit(1 << 20)
        assert len(list(csv.DictReader(lines))) == 1
    assert f"rows: {docs / failure.file}" in found(trial, docs)


def test_other_files_are_not_replaced_by_docs(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("Dear")
    with pytest.raises(InputError, match="holds other files, which Data Docs would replace"):
        tried(write(tmp_path / "own.jsonl", scored()), tmp_path / "home")
    assert (tmp_path / "home" / "letter.txt").exists()


def test_a_split_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", scored())
    trial = tried(path, split={"users": {"seen": 100, "validation": 1, "unseen": 1}})
    assert not trial.passed and not trial.tables.failures and trial.split is None
    assert "refused: split.users asks for seen 100" in found(trial, None)
    few = write(path, scored()[:9])  # one user
    trial = tried(few)
    assert trial.passed and trial.refusal and "that was the default split" in found(trial, None)
    trial = tried(few, split={})
    assert not trial.passed and "default split" not in found(trial, None)
    with pytest.raises(InputError, match=r"split: unknown key 'sed'.*did you mean 'seed'"):
        tried(path, split={"sed": 1})


def test_users_with_pseudonyms_are_counted_and_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_TRIALS", "0123456789abcdef" * 4)
    dataset = own_file(write(tmp_path / "own.jsonl", scored()), {})
    trial = attempt(replace(dataset, root=tmp_path, key_variable="KEY_OF_TRIALS"), QualityParameters())
    text = found(trial, None)
    assert "  1 users without pairs (nothing of theirs is left)\n" in text and "lonely" not in text
    assert "row 363" in text


def test_what_was_read_is_said_by_what_it_is(tmp_path: Path) -> None:
    write_sample("prism", tmp_path / "prism")
    trial = attempt(own_file(tmp_path / "prism", {}, "prism"), QualityParameters())
    assert len(trial.read) > 1 and "rows" not in trial.read
    first = found(trial, None).splitlines()[0]
    assert all(f"{count:,} {what}" in first for what, count in trial.read.items())


def test_what_cannot_be_read_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    path, docs = write(tmp_path / "own.jsonl", scored()), tmp_path / "docs"
    path.write_text(path.read_text()[:-30])
    with pytest.raises(InputError, match="line 364: malformed JSON"):
        tried(path, docs)
    assert not docs.exists()
    with pytest.raises(InputError, match="no pair is left"):
        tried(write(path, scored()), minimum_margin=50.0)
