"""The source ``tldr``: pairs are the annotators' choices, annotators are counted and drawn, bad records are named."""

import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefactor.datasets import load, tldr
from prefactor.datasets.samples import write_sample
from prefactor.datasets.samples.tldr import SCHEMA
from prefactor.errors import InputError
from prefactor.preferences import Preferences, TextBatches, content_id
from prefactor.quality import QualityParameters, validate_tables
from tests.datasets.conftest import TLDR

Record = dict[str, Any]
MARKER = "Strictly-Private"


@pytest.fixture(scope="module")
def folder(sample_files: dict[str, Path]) -> Path:
    return sample_files["tldr"]


@pytest.fixture(scope="module")
def records(folder: Path) -> list[Record]:
    paths = sorted((folder / "comparisons").iterdir())
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Preferences:
    return read(folder)


def read(folder: Path, **options: Any) -> Preferences:
    return load("tldr", options, folder, "datasets.tldr.options")


def texts(preferences: Preferences) -> dict[str, tuple[str, str]]:
    assert isinstance(preferences.texts, TextBatches)
    rows = preferences.texts.table().to_pylist()
    assert len({row["text_id"] for row in rows}) == len(rows)
    return {row["text_id"]: (row["prompt"], row["response"]) for row in rows}


def resolved(preferences: Preferences) -> set[tuple[str, ...]]:
    """(user, group, prompt, chosen, rejected) of every pair, through its ids."""
    found = texts(preferences)
    rows = preferences.pairs.to_pylist()
    assert set(found) == {row[side] for row in rows for side in ("chosen", "rejected")}
    assert all(row["pair_id"] == content_id(row["user_id"], row["chosen"], row["rejected"]) for row in rows)
    assert all(found[row["chosen"]][0] == found[row["rejected"]][0] for row in rows)
    assert all(row["margin"] is None and row["order"] is None for row in rows)
    return {(row["user_id"], row["group_id"], *found[row["chosen"]], found[row["rejected"]][1]) for row in rows}


def judged(record: Record) -> tuple[str, ...] | None:
    """The pair that a record is, by the rules of the source; None for one that cannot be used."""
    info, summaries = record["info"], [summary["text"] for summary in record["summaries"]]
    if "article" in info:
        prompt = f"TITLE: {info['title']}\nARTICLE: {info['article']}\nTL;DR:"
    else:
        prompt = f"SUBREDDIT: r/{info['subreddit']}\nTITLE: {info['title']}\nPOST: {info['post']}\nTL;DR:"
    if not info.get("post", info.get("article")).strip() or summaries[0] == summaries[1]:
        return None
    if not all(summary.strip() for summary in summaries):
        return None
    chosen, rejected = summaries[record["choice"]], summaries[1 - record["choice"]]
    return record["worker"], info.get("id") or content_id(info["post"]), prompt, chosen, rejected


def posts(records: list[Record]) -> list[Record]:
    return [record for record in records if "article" not in record["info"]]


def annotations(records: list[Record]) -> Counter[str]:
    return Counter(record["worker"] for record in records if judged(record))


def expected(records: list[Record], minimum: int = 50) -> set[tuple[str, ...]]:
    made = annotations(records)
    return {pair for record in records if (pair := judged(record)) and made[record["worker"]] >= minimum}


def test_pairs_are_the_choices_of_who_made_enough(records: list[Record], loaded: Preferences) -> None:
    assert resolved(loaded) == expected(posts(records))
    assert len(resolved(loaded)) == len(loaded.pairs)


def test_users_are_annotators_with_their_annotations(records: list[Record], loaded: Preferences) -> None:
    made = annotations(posts(records))
    found = {row["user_id"]: row["annotations"] for row in loaded.users.to_pylist()}
    assert found == {worker: count for worker, count in made.items() if count >= 50}
    assert loaded.source["minimum_annotations"] == 50
    assert loaded.source["dropped"]["annotators_with_too_few_annotations"] == len(made) - len(found) > 0


@pytest.mark.parametrize("minimum", [1, 20, 60])
def test_the_minimum_is_inclusive(records: list[Record], folder: Path, minimum: int) -> None:
    least = max(minimum, min(count for count in annotations(posts(records)).values() if count >= minimum))
    assert resolved(read(folder, minimum_annotations=least)) == expected(posts(records), least)


def test_every_awkward_case_is_met_and_counted(records: list[Record], loaded: Preferences) -> None:
    dropped, pairs = loaded.source["dropped"], resolved(loaded)
    assert dropped["articles"] == len(records) - len(posts(records)) > 0
    assert (dropped["blank_posts"], dropped["blank_summaries"], dropped["equal_summaries"]) == (1, 1, 1)
    kept = [pair for record in posts(records) if (pair := judged(record)) in pairs]
    assert dropped["duplicate_pairs"] == len(kept) - len(set(kept)) > 0
    both_ways = {(user, *sorted((chosen, rejected)), prompt) for user, _, prompt, chosen, rejected in kept}
    assert loaded.source["noted"]["contradictory_pairs"] == len(set(kept)) - len(both_ways)
    prompts = [prompt for prompt, _ in texts(loaded).values()]
    assert any("日本語" in prompt for prompt in prompts) and max(map(len, prompts)) > 50_000
    assert loaded.source["rows"] == {"comparisons": len(records), "annotators": TLDR.annotators}
    parts = {part["file"]: part["rows"] for part in loaded.source["parts"]}
    batches = Counter(record["batch"] for record in records)
    assert parts == {f"comparisons/{name}.json": count for name, count in batches.items()}


def test_articles_are_taken_where_they_are_asked_for(records: list[Record], folder: Path) -> None:
    preferences = read(folder, articles=True)
    assert resolved(preferences) == expected(records)
    assert any("\nARTICLE: " in prompt for _, _, prompt, _, _ in resolved(preferences))
    assert preferences.source["dropped"]["articles"] == 0


def test_confidence_is_a_bound(records: list[Record], folder: Path) -> None:
    sure = [record for record in posts(records) if record["extra"].get("confidence", 0) >= 5]
    preferences = read(folder, minimum_confidence=5, minimum_annotations=1)
    assert resolved(preferences) == expected(sure, 1)
    usable = sum(1 for record in posts(records) if judged(record))
    assert preferences.source["dropped"]["below_minimum_confidence"] == usable - sum(annotations(sure).values())


def test_annotators_drawn_are_the_same_in_any_order(records: list[Record], folder: Path, tmp_path: Path) -> None:
    drawn = read(folder, annotators=3)
    assert len(drawn.users) == 3
    assert resolved(drawn) == {pair for pair in expected(posts(records)) if pair[0] in names(drawn)}
    assert drawn.source["dropped"]["annotators_not_drawn"] == len(names(read(folder))) - 3
    (tmp_path / "one.json").write_text("".join(json.dumps(record) + "\n" for record in reversed(records)))
    assert names(read(tmp_path, annotators=3)) == names(drawn)
    assert names(read(folder, annotators=2)) < names(drawn)
    assert any(names(read(folder, annotators=3, seed=seed)) != names(drawn) for seed in range(1, 4))


def names(preferences: Preferences) -> set[str]:
    return set(preferences.users["user_id"].to_pylist())


def test_the_hubs_files_are_the_batches(loaded: Preferences, tmp_path: Path) -> None:
    write_sample("tldr", tmp_path / "hub", replace(TLDR, layout="hub"))
    from_hub = read(tmp_path / "hub")
    files = [f"comparisons/{part}/0000.parquet" for part in ("train", "validation")]
    assert [part["file"] for part in from_hub.source["parts"]] == files
    assert resolved(from_hub) == resolved(loaded)
    assert sorted(from_hub.users.to_pylist(), key=str) == sorted(loaded.users.to_pylist(), key=str)
    assert from_hub.source["dropped"] == loaded.source["dropped"]


def test_the_folder_of_comparisons_alone_will_do(folder: Path, loaded: Preferences, tmp_path: Path) -> None:
    shutil.copytree(folder / "comparisons", tmp_path / "somewhere")
    assert read(tmp_path / "somewhere").pairs.equals(loaded.pairs)
    shutil.copytree(folder, tmp_path / "all")
    (tmp_path / "all" / "axis").mkdir()
    (tmp_path / "all" / "axis" / "policy.json").write_text("{}\n")
    assert read(tmp_path / "all").pairs.equals(loaded.pairs)


def test_batch_size_does_not_matter(folder: Path, loaded: Preferences, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tldr, "ROWS_AT_ONCE", 50)
    small = read(folder)
    assert small.pairs.equals(loaded.pairs) and small.users.equals(loaded.users)
    assert isinstance(small.texts, TextBatches)
    sizes = [len(batch) for batch in small.texts]
    assert len(sizes) > 5 and max(sizes) <= 2 * 50
    assert list(texts(small).items()) == list(texts(loaded).items())


def test_the_tables_pass_the_gate(loaded: Preferences, tmp_path: Path) -> None:
    loaded.save(tmp_path / "tldr")
    result = validate_tables(tmp_path / "tldr", tmp_path / "docs", QualityParameters())
    assert result["observed"]


def record(**changed: Any) -> Record:
    """A sound record."""
    info = {"id": "t3_a", "post": f"{MARKER} post", "title": f"{MARKER} title", "subreddit": "test"}
    summaries = [{"text": f" {MARKER} {name}", "policy": "ref", "note": None} for name in ("first", "second")]
    return {"info": info, "summaries": summaries, "choice": 0, "worker": "anna", "extra": {}, **changed}


def info(**changed: Any) -> Record:
    return record(info={**record()["info"], **changed})


def write(folder: Path, *given: Record | str) -> Path:
    lines = [each if isinstance(each, str) else json.dumps(each) for each in given]
    (folder / "batch3.json").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def omit(name: str) -> Record:
    return {key: value for key, value in record().items() if key != name}


THIRD = {"text": f"{MARKER} third"}
BAD_RECORDS: dict[str, tuple[Record | str, str]] = {
    "no choice": (omit("choice"), "there is no field 'choice', but info, summaries, worker, extra: add it"),
    "no worker": (omit("worker"), "there is no field 'worker'"),
    "a summary without text": (
        record(summaries=[{"policy": "a"}, THIRD]),
        "no field 'summaries.0.text', but policy",
    ),
    "choice 2": (record(choice=2), "field 'choice' is 2, but must be 0 or 1: correct it"),
    "choice -1": (record(choice=-1), "field 'choice' is -1, but must be 0 or 1"),
    "a choice in words": (record(choice="1"), "field 'choice' is '1', but must be a valid integer: correct it"),
    "a choice that is true": (record(choice=True), "field 'choice' is True, but must be a valid integer"),
    "a huge choice": (record(choice=10**3000), r"field 'choice' is 10+\.\.\., but must be 0 or 1"),
    "three summaries": (
        record(summaries=[*record()["summaries"], THIRD]),
        "field 'summaries' holds 3 summaries, but a comparison has 2: correct it",
    ),
    "summaries as texts": (
        record(summaries=[f"{MARKER} a", f"{MARKER} b"]),
        "field 'summaries.0' is a text of 18 characters, but must be an object: correct it",
    ),
    "info as text": (record(info=MARKER), "field 'info' is a text of 16 characters, but must be an object"),
    "summaries as an object": (record(summaries={}), "field 'summaries' is a record, but must be a valid array"),
    "a number for a text": (info(post=5), "field 'info.post' is 5, but must be a valid string"),
    "confidence in words": (record(extra={"confidence": "high"}), "field 'extra.confidence' is 'high', but must be"),
    "empty worker": (record(worker=" "), "field 'worker' is empty: fill it in or remove the line"),
    "control character": (info(title=f"{MARKER}\x1f"), r"control character U\+001F in field 'info.title': remove"),
    "control character in an article": (info(post=None, article="a\x1f"), r"U\+001F in field 'info.article'"),
    "a list": ("[1, 2]", "holds a list, not an object: write one object a line"),
    "cut off": (
        json.dumps(record())[:-20],
        r"malformed JSON, EOF while parsing .* at column \d+: write one",
    ),
    "no JSON": (f"{MARKER}, and more", "malformed JSON, expected value at column 1: write"),
    "keys that are text": ({f"{MARKER} is a key": 1}, "there is no field 'info': add it"),
}


@pytest.mark.parametrize(("bad", "words"), BAD_RECORDS.values(), ids=BAD_RECORDS)
def test_bad_records_are_refused(tmp_path: Path, bad: Record | str, words: str) -> None:
    write(tmp_path, record(), "", bad)
    with pytest.raises(InputError, match=words) as caught:
        read(tmp_path, minimum_annotations=1)
    assert str(caught.value).startswith(f"{tmp_path / 'batch3.json'}, line 3: ")
    assert MARKER not in str(caught.value)


NESTED = {
    "three summaries": ({"summaries": [THIRD] * 3}, "row 2: field 'summaries' holds 3 summaries"),
    "no choice": ({"choice": None}, "row 2: field 'choice' is None, but must be a valid integer: correct it"),
    "choice 2": ({"choice": 2}, "row 2: field 'choice' is 2, but must be 0 or 1"),
    "empty worker": ({"worker": ""}, "row 2: field 'worker' is empty"),
}


@pytest.mark.parametrize(("changed", "words"), NESTED.values(), ids=NESTED)
def test_bad_rows_of_parquet_are_refused(tmp_path: Path, changed: Record, words: str) -> None:
    rows = [record(), record(**changed)]
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), tmp_path / "0000.parquet")
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        read(tmp_path, minimum_annotations=1)
    assert "0000.parquet, " in str(caught.value) and MARKER not in str(caught.value)


def test_columns_of_other_types_are_refused(tmp_path: Path) -> None:
    rows = {"worker": pa.array([b"anna"]), "choice": pa.array([0])}
    rows |= {name: pa.array([record()[name]], SCHEMA.field(name).type) for name in ("info", "summaries")}
    pq.write_table(pa.table(rows), tmp_path / "0000.parquet")
    with pytest.raises(InputError, match="row 1: field 'worker' is of type bytes, but must be a valid string"):
        read(tmp_path)
    pq.write_table(pa.table({"something": [1]}), tmp_path / "0000.parquet")
    with pytest.raises(InputError, match=r"0000\.parquet"):
        read(tmp_path)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "batch3.json").write_bytes(json.dumps(record()).encode() + b'\n{"info": "\xff"}\n')
    with pytest.raises(InputError, match=r"batch3\.json, line 2: byte \d+ is not valid UTF-8"):
        read(tmp_path)
    (tmp_path / "batch3.json").unlink()
    with pytest.raises(
        InputError, match=r"holds no \.json or \.jsonl or \.parquet file: put the published comparisons"
    ):
        read(tmp_path)
    pq.write_table(pa.Table.from_pylist([record()], SCHEMA), tmp_path / "0000.parquet")
    (tmp_path / "0000.parquet").write_bytes((tmp_path / "0000.parquet").read_bytes()[:-9])
    with pytest.raises(InputError, match=r"0000\.parquet is truncated or not a parquet file"):
        read(tmp_path)


def test_mixed_formats_are_refused(tmp_path: Path) -> None:
    write(tmp_path, record())
    pq.write_table(pa.Table.from_pylist([record()], SCHEMA), tmp_path / "0000.parquet")
    with pytest.raises(InputError, match=r"several formats \(jsonl, parquet\): leave one"):
        read(tmp_path)


def test_too_few_annotators_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 of 10 annotators have 5000 annotations: lower minimum_annotations"):
        read(folder, minimum_annotations=5000)
    with pytest.raises(InputError, match="8 of 10 annotators have 50 annotations, and annotators asks for 9: lower"):
        read(folder, annotators=9)


@pytest.mark.parametrize("option", [{"minimum_annotations": 0}, {"annotators": 0}, {"minimum_confidence": -1}])
def test_impossible_options_are_refused(folder: Path, option: dict[str, int]) -> None:
    with pytest.raises(InputError, match=next(iter(option))):
        read(folder, **option)


def test_a_lone_pair_is_enough(tmp_path: Path) -> None:
    preferences = read(write(tmp_path, record(extra={"confidence": None})), minimum_annotations=1)
    prompt = f"SUBREDDIT: r/test\nTITLE: {MARKER} title\nPOST: {MARKER} post\nTL;DR:"
    assert resolved(preferences) == {("anna", "t3_a", prompt, f" {MARKER} first", f" {MARKER} second")}
