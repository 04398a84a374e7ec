"""The gate of the normalized tables: sound ones pass, and each fault is found with the rows it is in."""

import json
import logging
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from prefactor.datasets.files import FilesParameters, load
from prefactor.errors import InputError
from prefactor.preferences import content_id
from prefactor.quality import QualityParameters, validate_split, validate_tables
from prefactor.splitting import SplitParameters, split
from tests.quality.small import change, make_preferences, pair, text

DEFAULT = QualityParameters()


def fail(prepared: Path, out: Path, parameters: QualityParameters = DEFAULT) -> tuple[str, dict[str, pd.DataFrame]]:
    """The gate's message, and the rows it left behind under 'suite expectation-file-stem'."""
    with pytest.raises(InputError) as caught:
        validate_tables(prepared, out, parameters)
    result = json.loads((out / "result.json").read_text())
    assert not result["success"]
    rows = {}
    for failure in result["failures"]:
        rows[Path(failure["file"]).stem] = pd.read_csv(out / failure["file"], keep_default_na=False)
        assert failure["file"] in str(caught.value) and failure["fix"] in str(caught.value)
    return str(caught.value), rows


def pages(out: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(out.glob("*.html"))}


def test_sound_tables_pass_and_say_what_they_hold(
    prepared: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And the docs show their queries, load nothing, and are the same bytes wherever and whenever they are made."""
    first, moved = tmp_path / "docs", tmp_path / "elsewhere" / "docs"
    with caplog.at_level(logging.WARNING):
        result = validate_tables(prepared, first, DEFAULT)
    assert not caplog.records, "Great Expectations logs what it cannot render"
    assert result == json.loads((first / "result.json").read_text())
    assert result["success"] and not result["failures"] and not (first / "failed").exists()
    assert result["observed"]["pairs"] == {"rows": 96, "groups": 12, "users": 8}
    assert result["observed"]["pairs_per_user"]["mean"] == 12
    assert set(pages(first)) == {"index.html", *(f"{name}.html" for name in result["suites"])}
    assert all(counts["failed"] == counts["skipped"] == 0 < counts["passed"] for counts in result["suites"].values())

    shutil.copytree(prepared, tmp_path / "copy" / "small")
    validate_tables(tmp_path / "copy" / "small", moved, DEFAULT)
    assert pages(first) == pages(moved)
    assert (first / "result.json").read_bytes() == (moved / "result.json").read_bytes()
    everything = "".join(pages(first).values()) + (first / "result.json").read_text()
    assert not re.search(r"<script|<img|<link(?! rel=\"icon\" href=\"data:)|https?:|url\(|@import", everything)
    assert str(tmp_path) not in everything
    relations = pages(first)["relations.html"]
    assert "ANTI JOIN texts t ON t.text_id = p.chosen" in relations and "sha256(prompt" in relations
    assert "LEFT JOIN pairs p ON p.user_id = u.user_id" in pages(first)["judgements.html"]


def test_faults_of_values_are_found_with_their_rows(prepared: Path, tmp_path: Path) -> None:
    sound = make_preferences()
    texts, pairs = sound.texts.to_pandas(), sound.pairs.to_pandas()
    blank, long = text("Blank?", " \n"), text("Long?", "x" * 60)
    same = pair("u0", "g0", texts.text_id[0], texts.text_id[0])
    unknown = pair("u1", "g1", texts.text_id[3], "0" * 32)
    nobody = pair("nobody", "g1", texts.text_id[3], texts.text_id[4])
    crossed = pair("u2", "g2", texts.text_id[6], texts.text_id[9])
    infinite = {**pair("u3", pairs.group_id[3], pairs.rejected[3], pairs.chosen[3]), "margin": float("inf")}
    planted = [same, unknown, nobody, crossed, infinite]

    change(prepared / "texts.parquet", lambda old: pd.concat([old, pd.DataFrame([blank, long, texts.iloc[0]])]))
    change(prepared / "pairs.parquet", lambda old: pd.concat([old, pd.DataFrame([*planted, pairs.iloc[7]])]))
    change(prepared / "users.parquet", lambda old: pd.concat([old, pd.DataFrame([{"user_id": "idle"}])]))
    change(prepared / "candidates.parquet", lambda old: pd.concat([old, old.iloc[:1].assign(kind=None)]))
    _, rows = fail(prepared, tmp_path / "docs", QualityParameters(maximum_characters=50))

    found = {name: sorted(frame.iloc[:, 0].astype(str)) for name, frame in rows.items() if "judgements" not in name}
    assert found == {
        "texts-text_id-values-to-be-unique": [texts.text_id[0]] * 2,
        "texts-response_blank-values-to-be-in-set": [blank["text_id"]],
        "texts-response_characters-values-to-be-between": [long["text_id"]],
        "pairs-pair_id-values-to-be-unique": [pairs.pair_id[7]] * 2,
        "pairs-margin-values-to-be-between": [infinite["pair_id"]],
        "candidates-kind-values-to-not-be-null": ["g0"],
        "relations-chosen-differs": [same["pair_id"]],
        "relations-known-texts": [unknown["pair_id"]],
        "relations-known-users": [nobody["pair_id"]],
        "relations-one-prompt": [crossed["pair_id"]],
        "relations-candidates-once": ["g0"],
        "relations-true-weights": ["idle"],
    }
    assert list(rows["judgements-pairs-values-to-be-between"].user_id) == ["idle"]


def test_ids_that_are_no_hashes_are_found(prepared: Path, tmp_path: Path) -> None:
    """As after a prompt was edited by hand: the ids still fit each other, but name something else."""
    change(prepared / "texts.parquet", lambda old: old.assign(response=old.response.where(old.index != 4, "Edited.")))
    change(prepared / "pairs.parquet", lambda old: old.assign(user_id=old.user_id.where(old.index != 9, "u0")))
    _, rows = fail(prepared, tmp_path / "docs")
    assert set(rows) == {"relations-text-ids", "relations-pair-ids"}
    assert list(rows["relations-text-ids"].response) == ["Edited."]
    assert list(rows["relations-pair-ids"].user_id) == ["u0"]


def test_null_values_are_found_with_their_rows(prepared: Path, tmp_path: Path) -> None:
    users = pd.DataFrame({"user_id": ["u0", None], "weight": [[1.0], [1.0]]})
    users.to_parquet(prepared / "users.parquet")
    _, rows = fail(prepared, tmp_path / "docs")
    assert len(rows["users-user_id-values-to-not-be-null"]) == 1
    assert set(rows["relations-known-users"].user_id) == {f"u{u}" for u in range(1, 8)}


@pytest.mark.parametrize("longest_first", [True, False])
def test_one_sided_labels_are_found(prepared: Path, tmp_path: Path, longest_first: bool) -> None:
    texts = make_preferences().texts.to_pandas()
    key = dict(zip(texts.text_id, texts.response.str.len() if longest_first else texts.text_id, strict=True))

    def sort(old: pd.DataFrame) -> pd.DataFrame:
        swapped = old.chosen.map(key) < old.rejected.map(key)
        sides = zip(old.chosen.where(~swapped, old.rejected), old.rejected.where(~swapped, old.chosen), strict=True)
        return pd.DataFrame(
            [pair(user, group, *both) for user, group, both in zip(old.user_id, old.group_id, sides, strict=True)]
        ).drop_duplicates("pair_id")

    change(prepared / "pairs.parquet", sort)
    message, rows = fail(prepared, tmp_path / "docs", QualityParameters(chosen_longer=(0.02, 0.98)))
    column = "chosen_longer" if longest_first else "chosen_first"
    assert set(rows) == {f"judgements-{column}-mean-to-be-between"}
    assert f"observed {1 if longest_first else 0}" in message
    assert set(rows[f"judgements-{column}-mean-to-be-between"][column]) == {1 if longest_first else 0}


def test_a_wrong_schema_ends_the_gate_before_queries(prepared: Path, tmp_path: Path) -> None:
    pd.DataFrame({"text_id": ["a"], "answer": ["b"]}).to_parquet(prepared / "texts.parquet")
    change(prepared / "pairs.parquet", lambda old: old)
    pairs = pd.read_parquet(prepared / "pairs.parquet")
    pairs.assign(margin="much").to_parquet(prepared / "pairs.parquet")
    out = tmp_path / "docs"
    _, rows = fail(prepared, out)
    assert set(rows) == {
        "texts-table-columns-to-match-ordered-list",
        "pairs-margin-values-to-be-of-type",
        "pairs-order-values-to-be-of-type",
    }
    assert list(rows["texts-table-columns-to-match-ordered-list"].column) == ["text_id", "answer"]
    assert not (out / "relations.html").exists()
    assert "not looked at, because the schema comes first" in pages(out)["texts.html"]
    assert "Traceback" not in "".join(pages(out).values())


def test_rows_are_limited_in_files_and_text_in_docs(prepared: Path, tmp_path: Path) -> None:
    """All rows are counted though not all are written; and markup in the data is no markup of the page."""
    evil = "<script>alert('x')</script><b>"
    twice = pd.DataFrame([{**text(evil, evil), "text_id": evil}] * 2)
    change(prepared / "texts.parquet", lambda old: pd.concat([twice, old]))
    message, rows = fail(prepared, tmp_path / "docs", QualityParameters(maximum_characters=5, failing_rows=4))
    assert len(rows["texts-response_characters-values-to-be-between"]) == 4
    assert "max_value 5): 38 row(s)" in message
    page = pages(tmp_path / "docs")["texts.html"]
    assert "&lt;script&gt;alert" in page and "<script" not in page and "<b>" not in page


def test_failed_texts_are_told_by_id_and_length_without_their_words(prepared: Path, tmp_path: Path) -> None:
    long = text("Secret question?", "secret " * 9)
    change(prepared / "texts.parquet", lambda old: pd.concat([old, pd.DataFrame([long])]))
    message, rows = fail(prepared, tmp_path / "docs", QualityParameters(maximum_characters=60))
    assert set(rows) == {"texts-response_characters-values-to-be-between"} and "observed 63" in message
    row = rows["texts-response_characters-values-to-be-between"].iloc[0]
    assert (row.text_id, row.prompt_characters, row.response_characters) == (long["text_id"], 16, 63)
    written = [path for path in (tmp_path / "docs").rglob("*") if path.is_file()]
    assert not any("secret" in path.read_text().lower() for path in written)


def test_characters_and_blanks_are_what_python_takes_them_for(prepared: Path, tmp_path: Path) -> None:
    """DuckDB counts them, whose white space is that of ASCII unless it is told."""
    odd = [chr(point) for point in range(1, 0x3100)] + ["\U0001f986", "e\u0301", "\u00a0\u3000"]
    change(prepared / "texts.parquet", lambda old: pd.concat([old, pd.DataFrame([text("Odd?", each) for each in odd])]))
    parameters = QualityParameters(maximum_characters=1000, failing_rows=1000)
    _, rows = fail(prepared, tmp_path / "docs", parameters)
    assert set(rows) == {"texts-response_blank-values-to-be-in-set"}
    found = rows["texts-response_blank-values-to-be-in-set"].set_index("text_id").response_characters.to_dict()
    assert found == {content_id("Odd?", each): len(each) for each in odd if not re.search(r"\S", each)}


def test_texts_of_other_types_and_null_texts_are_found(prepared: Path, tmp_path: Path) -> None:
    texts = pd.read_parquet(prepared / "texts.parquet")
    nulls = texts.assign(response=texts.response.where(texts.index != 5))
    nulls.to_parquet(prepared / "texts.parquet")
    _, rows = fail(prepared, tmp_path / "nulls")
    (found,) = rows["texts-response_characters-values-to-not-be-null"].text_id
    assert found == texts.text_id[5]
    texts.assign(response=5).to_parquet(prepared / "texts.parquet")
    _, rows = fail(prepared, tmp_path / "numbers")
    assert set(rows) == {"texts-response-values-to-be-of-type"}
    assert list(rows["texts-response-values-to-be-of-type"].column) == ["text_id", "prompt", "response"]
    texts.iloc[:0].to_parquet(prepared / "texts.parquet")
    _, rows = fail(prepared, tmp_path / "none")
    assert "texts-table-row-count-to-be-between" in rows


def test_empty_prompts_pass_only_where_the_source_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "jokes"
    make_preferences(empty_prompts=True).save(folder)
    assert validate_tables(folder, tmp_path / "docs", DEFAULT)["success"]
    source = json.loads((folder / "source.json").read_text())
    (folder / "source.json").write_text(json.dumps({**source, "empty_prompts": False}))
    _, rows = fail(folder, tmp_path / "docs")
    assert len(rows["texts-prompt_characters-values-to-be-between"]) == 36


@pytest.mark.parametrize("name", ["texts.parquet", "source.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_unreadable_files_leave_what_was_there(prepared: Path, tmp_path: Path, name: str, damage: str) -> None:
    out = tmp_path / "docs"
    out.mkdir()
    (out / "index.html").write_text("before")
    path = prepared / name
    content = path.read_bytes()
    path.unlink()
    if damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=rf"{name}.*run stage prepare"):
        validate_tables(prepared, out, DEFAULT)
    assert [path.name for path in out.iterdir()] == ["index.html"] and (out / "index.html").read_text() == "before"


def test_real_preferences_pass_both_gates(real_data: Path, tmp_path: Path) -> None:
    columns = {"group_id": "interaction_id"}
    prepared, divided = tmp_path / "prism-partial", tmp_path / "split"
    load(FilesParameters(columns=columns), real_data / "prism-partial" / "pairs.parquet").save(prepared)
    observed = validate_tables(prepared, tmp_path / "tables", DEFAULT)["observed"]
    assert observed["pairs"]["users"] == 176
    assert observed["label_balance"]["chosen_longer"] == pytest.approx(0.59, abs=0.005)
    split(prepared, divided, SplitParameters(), threads=1)
    assert validate_split(prepared, divided, tmp_path / "docs", DEFAULT)["success"]
