"""The source ``files``: good data in every format, bad data named precisely, real data whole."""

import csv
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.datasets import SOURCES, load
from prefactor.datasets.files import FilesParameters
from prefactor.datasets.files import read as read_with_places
from prefactor.errors import InputError
from prefactor.preferences import Preferences, content_id

Row = dict[str, Any]
Writer = Callable[[Path, list[Row]], Path]

PAIRS: list[Row] = [
    {"user_id": "anna", "prompt": "Hello?", "chosen": "Hi, you.", "rejected": 'A "quoted", long\nanswer'},
    {"user_id": "anna", "prompt": "Why?", "chosen": "Because.", "rejected": "No idea é😀"},
    {"user_id": "ben", "prompt": "Hello?", "chosen": 'A "quoted", long\nanswer', "rejected": "Hi, you."},
]
SCORES: list[Row] = [
    {"user_id": "anna", "prompt": "Hello?", "response": "good", "score": 9.0},
    {"user_id": "anna", "prompt": "Hello?", "response": "middling", "score": 5.0},
    {"user_id": "anna", "prompt": "Hello?", "response": "bad", "score": 1.5},
    {"user_id": "anna", "prompt": "Why?", "response": "one", "score": 4.0},
    {"user_id": "anna", "prompt": "Why?", "response": "two", "score": 4.0},
    {"user_id": "ben", "prompt": "Why?", "response": "one", "score": 2.0},
]


def write_parquet(path: Path, rows: list[Row]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path := path.with_suffix(".parquet"))
    return path


def write_jsonl(path: Path, rows: list[Row]) -> Path:
    path = path.with_suffix(".jsonl")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_csv(path: Path, rows: list[Row]) -> Path:
    path = path.with_suffix(".csv")
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


WRITERS = [write_parquet, write_jsonl, write_csv]
every_format = pytest.mark.parametrize("write", WRITERS, ids=["parquet", "jsonl", "csv"])


def read(path: Path, **options: Any) -> Preferences:
    return load("files", options, path, "datasets.own.options")


def resolved(preferences: Preferences) -> list[tuple[str, str, str, str]]:
    """(user, prompt, chosen, rejected) of every pair, through its ids."""
    texts = {row["text_id"]: (row["prompt"], row["response"]) for row in preferences.texts.to_pylist()}
    pairs = preferences.pairs.to_pylist()
    assert all(texts[pair["chosen"]][0] == texts[pair["rejected"]][0] for pair in pairs)
    return [(pair["user_id"], *texts[pair["chosen"]], texts[pair["rejected"]][1]) for pair in pairs]


def changed(row: int, **values: Any) -> list[Row]:
    return [{**old, **values} if index == row else old for index, old in enumerate(PAIRS)]


def complaint(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(path, **options)
    return str(caught.value)


@every_format
def test_pairs_come_back_as_they_were_written(tmp_path: Path, write: Writer) -> None:
    found = read(write(tmp_path / "own", PAIRS))
    assert resolved(found) == [tuple(row.values()) for row in PAIRS]
    assert found.users["user_id"].to_pylist() == ["anna", "ben"]
    assert len(found.texts) == 4, "the two texts of 'Hello?' are shared by both users"
    assert found.pairs["margin"].null_count == found.pairs["order"].null_count == 3
    assert found.source["dropped"] == {"duplicate_pairs": 0}
    assert found.source["noted"] == {"contradictory_pairs": 0}, "two users may disagree"


@every_format
def test_ids_are_content_hashes_and_the_prompt_is_the_group(tmp_path: Path, write: Writer) -> None:
    found = read(write(tmp_path / "own", PAIRS))
    for row in found.texts.to_pylist():
        assert row["text_id"] == content_id(row["prompt"], row["response"])
    for pair, row in zip(found.pairs.to_pylist(), PAIRS, strict=True):
        assert pair["pair_id"] == content_id(pair["user_id"], pair["chosen"], pair["rejected"])
        assert pair["group_id"] == content_id(row["prompt"])


@every_format
def test_optional_columns_are_kept_mapped_and_whole_ids_become_strings(tmp_path: Path, write: Writer) -> None:
    rows = [
        {"rater": 7, "prompt": "p", "chosen": "a", "rejected": "b", "talk": 12, "order": 3, "margin": 0.5},
        {"rater": 8, "prompt": "p", "chosen": "a", "rejected": "c", "talk": 13, "order": None, "margin": None},
    ]
    found = read(write(tmp_path / "own", rows), columns={"user_id": "rater", "group_id": "talk"})
    assert found.pairs["user_id"].to_pylist() == ["7", "8"]
    assert found.pairs["group_id"].to_pylist() == ["12", "13"]
    assert found.pairs["order"].to_pylist() == [3, None]
    assert found.pairs["margin"].to_pylist() == [0.5, None]
    assert found.source["columns"]["user_id"]["column"] == "rater"


@every_format
def test_equal_pairs_are_dropped_and_opposite_ones_kept(tmp_path: Path, write: Writer) -> None:
    opposite = {**PAIRS[0], "chosen": PAIRS[0]["rejected"], "rejected": PAIRS[0]["chosen"]}
    path = write(tmp_path / "own", [*PAIRS, PAIRS[1], opposite, PAIRS[1]])
    found = read(path)
    assert len(found.pairs) == 4
    assert found.source["dropped"] == {"duplicate_pairs": 2}
    assert found.source["noted"] == {"contradictory_pairs": 1}
    message = complaint(path, strict=True)
    assert "1 pair(s) with opposite labels" in message
    assert "row 5 against row 1 (user 'anna')" in message


@every_format
def test_scores_become_the_highest_against_the_lowest(tmp_path: Path, write: Writer) -> None:
    found = read(write(tmp_path / "own", SCORES))
    assert resolved(found) == [("anna", "Hello?", "good", "bad")]
    assert found.pairs["margin"].to_pylist() == [7.5]
    assert len(found.texts) == 2, "texts that no pair uses are left out"
    assert found.source["dropped"] == {
        "duplicate_pairs": 0,
        "lone_responses": 1,
        "tied_scores": 1,
        "below_minimum_margin": 0,
        "duplicate_ratings": 0,
        "users_without_pairs": 1,
    }


def test_sets_below_the_minimum_margin_are_dropped(tmp_path: Path) -> None:
    close = [
        {"user_id": "ben", "prompt": "Hello?", "response": "x", "score": 2.0},
        {"user_id": "ben", "prompt": "Hello?", "response": "y", "score": 3.0},
    ]
    path = write_parquet(tmp_path / "own", SCORES + close)
    assert len(read(path, minimum_margin=1.0).pairs) == 2
    found = read(path, minimum_margin=1.1)
    assert len(found.pairs) == 1
    assert found.source["dropped"]["below_minimum_margin"] == 1
    assert "no pair is left" in complaint(path, minimum_margin=50)
    assert "minimum_margin is for scored responses" in complaint(write_csv(tmp_path / "p", PAIRS), minimum_margin=1.0)


def test_a_response_scored_twice_counts_once_by_its_mean(tmp_path: Path) -> None:
    again = [{**SCORES[0], "score": -9.0}, SCORES[1]]
    found = read(write_parquet(tmp_path / "own", SCORES + again))
    assert resolved(found) == [("anna", "Hello?", "middling", "good")], "(9 - 9) / 2 = 0 is below 1.5"
    assert found.pairs["margin"].to_pylist() == [5.0]
    assert found.source["noted"]["conflicting_ratings"] == 1
    assert found.source["dropped"]["duplicate_ratings"] == 1


def test_given_groups_keep_the_sets_of_one_prompt_apart(tmp_path: Path) -> None:
    rows = [{**row, "group_id": f"g{index // 2}"} for index, row in enumerate(SCORES[:4])]
    rows[3] = {**rows[3], "prompt": "Hello?"}
    found = read(write_parquet(tmp_path / "own", rows))
    assert resolved(found) == [("anna", "Hello?", "good", "middling"), ("anna", "Hello?", "one", "bad")]
    assert found.pairs["group_id"].to_pylist() == ["g0", "g1"]


def test_what_was_left_out_has_places(tmp_path: Path) -> None:
    """Rows from 1, in the file they are in; of users without pairs their ids. Nothing of it is in source.json."""
    close = [{**SCORES[5], "response": "two", "score": 2.5}, {**SCORES[0]}, {**SCORES[3], "score": 4.5}]
    lonely = [{"user_id": f"lone {row}", "prompt": "p", "response": "r", "score": 1.0} for row in range(4)]
    (folder := tmp_path / "parts").mkdir()
    write_jsonl(folder / "a", SCORES)
    write_jsonl(folder / "b", close + lonely)
    reading = read_with_places(FilesParameters(minimum_margin=1.0), folder)
    dropped, noted = reading.preferences.source["dropped"], reading.preferences.source["noted"]
    assert {reason: count for reason, count in (dropped | noted).items() if count} == {
        "lone_responses": 4,
        "below_minimum_margin": 2,
        "duplicate_ratings": 1,
        "users_without_pairs": 5,
        "conflicting_ratings": 1,
    }
    assert {reason: places for reason, places in reading.places.items() if places} == {
        "lone_responses": ("b.jsonl row 4", "b.jsonl row 5", "b.jsonl row 6"),
        "below_minimum_margin": ("a.jsonl row 4", "a.jsonl row 6"),
        "duplicate_ratings": ("b.jsonl row 2",),
        "users_without_pairs": ("'ben'", "'lone 0'", "'lone 1'"),
        "conflicting_ratings": ("b.jsonl row 3",),
    }
    assert "row" not in json.dumps([dropped, noted])


@every_format
def test_pairs_left_out_or_noted_have_places(tmp_path: Path, write: Writer) -> None:
    opposite = {**PAIRS[0], "chosen": PAIRS[0]["rejected"], "rejected": PAIRS[0]["chosen"]}
    rows = [
        {**row, "margin": margin} for row, margin in zip([*PAIRS, PAIRS[1], opposite], [1, 2, -1, 1, -2], strict=True)
    ]
    reading = read_with_places(FilesParameters(), write(tmp_path / "own", rows))
    assert reading.places == {
        "duplicate_pairs": ("row 4",),
        "contradictory_pairs": ("row 5",),
        "negative_margins": ("row 3", "row 5"),
    }
    assert reading.preferences.pairs.equals(read(tmp_path / f"own.{write.__name__.removeprefix('write_')}").pairs)


scored = st.tuples(st.sampled_from("uvw"), st.sampled_from("pq"), st.sampled_from("abcd"), st.integers(0, 3))


@settings(max_examples=8, deadline=None)
@given(st.lists(scored, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_the_order_of_rows(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, str, str, int]], shuffler: random.Random
) -> None:
    anchor = [("z", "p", "a", 0), ("z", "p", "b", 1)]
    rows = [dict(zip(("user_id", "prompt", "response", "score"), row, strict=True)) for row in anchor + drawn]
    shuffled = shuffler.sample(rows, len(rows))
    folder = tmp_path_factory.mktemp("scores")
    first, second = (read(write_parquet(folder / "own", given)) for given in (rows, shuffled))
    for name in ("texts", "pairs", "users"):
        one, other = (sorted(map(repr, getattr(item, name).to_pylist())) for item in (first, second))
        assert one == other
    assert {k: v for k, v in first.source.items() if k not in ("sha256", "parts")} == {
        k: v for k, v in second.source.items() if k not in ("sha256", "parts")
    }


paired = st.tuples(st.sampled_from("uv"), st.sampled_from("pq"), st.sampled_from(["ab", "ba", "bc", "cb", "ac"]))


@settings(max_examples=8, deadline=None)
@given(st.lists(paired, min_size=1, max_size=30))
def test_pairs_match_a_plain_count(tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, str, str]]) -> None:
    rows = [{"user_id": u, "prompt": p, "chosen": two[0], "rejected": two[1]} for u, p, two in drawn]
    found = read(write_parquet(tmp_path_factory.mktemp("pairs") / "own", rows))
    unique = list(dict.fromkeys(drawn))
    assert resolved(found) == [(u, p, two[0], two[1]) for u, p, two in unique]
    assert found.source["dropped"]["duplicate_pairs"] == len(drawn) - len(unique)
    both_ways = sum((u, p, two[::-1]) in unique for u, p, two in unique) // 2
    assert found.source["noted"]["contradictory_pairs"] == both_ways
    assert len(found.texts) == len({(p, one) for _, p, two in drawn for one in two})


def test_a_folder_is_the_rows_of_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    write_csv(folder / "b", PAIRS[2:])
    write_csv(folder / "a", PAIRS[:2])
    (folder / "README.md").write_text("what this is")
    found = read(folder)
    assert resolved(found) == [tuple(row.values()) for row in PAIRS]
    assert [(part["file"], part["rows"]) for part in found.source["parts"]] == [("a.csv", 2), ("b.csv", 1)]
    write_csv(folder / "b", [{**PAIRS[2], "chosen": " "}])
    assert "1 row(s) with an empty chosen: b.csv row 1 (a text of 1 characters)" in complaint(folder)
    write_parquet(folder / "c", PAIRS)
    assert "several formats (csv, parquet)" in complaint(folder)


def test_source_names_the_file_without_its_folder_and_by_its_content(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    found, again = read(write_csv(here / "own", PAIRS)), read(write_csv(there / "own", PAIRS))
    other = read(write_csv(there / "own", PAIRS[:2]))
    assert found.source == again.source
    assert found.source["sha256"] != other.source["sha256"]
    assert str(tmp_path) not in json.dumps(found.source)
    assert {"name": "files", "file": "own.csv", "rows": 3}.items() <= found.source.items()
    assert {"scorers": [], "truth": False, "empty_prompts": False}.items() <= found.source.items()


def test_saved_tables_are_read_back_equal(tmp_path: Path) -> None:
    found = read(write_parquet(tmp_path / "own", PAIRS))
    found.save(tmp_path / "prepared")
    for name in ("texts", "pairs", "users"):
        assert pq.read_table(tmp_path / "prepared" / f"{name}.parquet").equals(getattr(found, name))
    assert json.loads((tmp_path / "prepared" / "source.json").read_text()) == found.source
    assert not (tmp_path / "prepared" / "candidates.parquet").exists()


def test_empty_prompts_are_legal_where_declared_and_the_two_texts_are_the_group(tmp_path: Path) -> None:
    rows = [
        {"user_id": "u", "prompt": "", "chosen": "a", "rejected": "b"},
        {"user_id": "v", "prompt": "", "chosen": "b", "rejected": "a"},
        {"user_id": "u", "prompt": "", "chosen": "a", "rejected": "c"},
    ]
    path = write_csv(tmp_path / "own", rows)
    none = "(a text of 0 characters)"
    assert f"3 row(s) with an empty prompt: row 1 {none}, row 2 {none}, row 3 {none}" in complaint(path)
    groups = read(path, empty_prompts=True).pairs["group_id"].to_pylist()
    assert groups[0] == groups[1] != groups[2]


FAULTS = [
    ({"chosen": ""}, "row(s) with an empty chosen: row 2 (a text of 0 characters)"),
    ({"rejected": " \t\n"}, "row(s) with an empty rejected: row 2 (a text of 3 characters)"),
    ({"user_id": "  "}, "row(s) with an empty user_id: row 2 ('  ')"),
    ({"prompt": "\u2003"}, "row(s) with an empty prompt: row 2 (a text of 1 characters)"),
    ({"chosen": "No idea é😀"}, "row(s) with chosen equal to rejected: row 2 (a text of 10 characters)"),
    ({"prompt": "a\x1fb"}, "row(s) with the control character U+001F in prompt: row 2 (a text of 3 characters)"),
]


@every_format
@pytest.mark.parametrize(
    ("fault", "expected"), FAULTS, ids=[next(iter(fault)) + str(i) for i, (fault, _) in enumerate(FAULTS)]
)
def test_bad_values_are_named_with_their_row(tmp_path: Path, write: Writer, fault: Row, expected: str) -> None:
    path = write(tmp_path / "own", changed(1, **fault))
    assert complaint(path).startswith(f"{path}: 1 {expected}")


@pytest.mark.parametrize("write", [write_parquet, write_jsonl], ids=["parquet", "jsonl"])
@pytest.mark.parametrize("name", ["user_id", "prompt", "chosen", "rejected"])
def test_null_is_named_with_its_row(tmp_path: Path, write: Writer, name: str) -> None:
    path = write(tmp_path / "own", changed(2, **{name: None}))
    assert complaint(path, empty_prompts=True).startswith(f"{path}: 1 row(s) with no {name} (null): row 3 (None)")


def test_an_empty_group_column_is_left_out_unless_it_was_asked_for(tmp_path: Path) -> None:
    rows = [{**row, "group_id": None} for row in PAIRS]
    path = write_parquet(tmp_path / "own", rows)
    assert read(path).pairs["group_id"][0].as_py() == content_id("Hello?")
    assert "3 row(s) with no group_id (null)" in complaint(path, columns={"group_id": "group_id"})


def test_many_faults_are_counted_and_three_are_shown(tmp_path: Path) -> None:
    rows = [{**PAIRS[0], "user_id": "" if index % 2 else "anna"} for index in range(12)]
    message = complaint(write_csv(tmp_path / "own", rows))
    assert "6 row(s)" in message
    assert "row 2 (''), row 4 (''), row 6 (''), ...;" in message


@every_format
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_scores_must_be_finite(tmp_path: Path, write: Writer, value: float) -> None:
    path = write(tmp_path / "own", [*SCORES[:2], {**SCORES[2], "score": value}])
    assert f"1 row(s) with a score that is not a finite number: row 3 ({value})" in complaint(path)


@every_format
def test_a_missing_score_is_refused(tmp_path: Path, write: Writer) -> None:
    assert "1 row(s) with no score (null): row 3" in complaint(
        write(tmp_path / "own", [*SCORES[:2], {**SCORES[2], "score": None}, *SCORES[3:]])
    )


@every_format
def test_missing_and_misnamed_columns_name_the_nearest(tmp_path: Path, write: Writer) -> None:
    rows = [{("choosen" if name == "chosen" else name): value for name, value in row.items()} for row in PAIRS]
    path = write(tmp_path / "own", rows)
    assert complaint(path).startswith(f"{path} has no column 'chosen'; did you mean 'choosen'?")
    assert resolved(read(path, columns={"chosen": "choosen"})) == [tuple(row.values()) for row in PAIRS]
    assert "no column 'speaker'" in complaint(path, columns={"user_id": "speaker", "chosen": "choosen"})
    assert "no column 'talk'" in complaint(path, columns={"group_id": "talk", "chosen": "choosen"})


@every_format
def test_a_file_of_neither_layout_says_what_it_has(tmp_path: Path, write: Writer) -> None:
    message = complaint(write(tmp_path / "own", [{"question": "a", "answer": "b"}]))
    assert "neither columns chosen and rejected nor response and score, but question, answer" in message


def test_options_are_checked(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "own", PAIRS)
    assert "unknown key 'colums'; did you mean 'columns'?" in complaint(path, colums={})
    assert "unknown name 'user'; did you mean 'user_id'?" in complaint(path, columns={"user": "rater"})
    assert "minimum_margin must be a number of 0 or more" in complaint(path, minimum_margin=-1)
    assert "either chosen and rejected, or response and score" in complaint(
        path, columns={"chosen": "chosen", "score": "prompt"}
    )


WRONG_TYPES = [
    ("user_id", 1.5, "must be text or a whole number"),
    ("user_id", ["anna"], "must be text or a whole number"),
    ("user_id", True, "must be text or a whole number"),
    ("chosen", 17, "must be text"),
    ("prompt", {"role": "user"}, "must be text"),
    ("order", 1.5, "must be a whole number"),
    ("margin", "high", "must be a number"),
]


@pytest.mark.parametrize("write", [write_parquet, write_jsonl], ids=["parquet", "jsonl"])
@pytest.mark.parametrize(("name", "value", "expected"), WRONG_TYPES)
def test_wrong_types_are_named(tmp_path: Path, write: Writer, name: str, value: object, expected: str) -> None:
    message = complaint(write(tmp_path / "own", [{**row, name: value} for row in PAIRS]))
    assert repr(name) in message
    assert {dict: "a record", list: "a list"}.get(type(value), repr(value)) in message
    assert expected in message


def test_numbers_in_csv_are_parsed_and_their_faults_named(tmp_path: Path) -> None:
    rows = [{**row, "score": score} for row, score in zip(SCORES[:3], [" 9 ", "1e0", "5,5"], strict=True)]
    path = write_csv(tmp_path / "own", rows)
    assert complaint(path).startswith(f"{path}, row 3: column 'score' holds '5,5'")
    assert read(write_csv(tmp_path / "own", rows[:2])).pairs["margin"].to_pylist() == [8.0]


def test_jsonl_ids_of_two_types_name_both_lines(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "own", changed(2, user_id=7))
    assert f"{path}, line 3: 'user_id' is 7 but 'anna' on line 1" in complaint(path)


def test_malformed_jsonl_names_the_line(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "own", PAIRS)
    good = path.read_text()
    for bad, expected in [
        ('{"user_id": "anna", "prompt": \n', "malformed JSON"),
        ('["anna", "Hello?"]\n', "holds a list, not an object"),
        ('{"user_id": "a", "user_id": "b"}\n', "key 'user_id' is given twice"),
        ('{"user_id": "\\ud800", "prompt": "p", "chosen": "a", "rejected": "b"}\n', "half of a surrogate pair"),
    ]:
        path.write_text(good + "\n" + bad + good)
        assert complaint(path).startswith(f"{path}, line 5: "), bad
        assert expected in complaint(path)


def test_ragged_csv_names_its_rows(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "own", PAIRS)
    path.write_text(path.read_text() + "ben,Why?,yes\nben,Why?,yes,no\nben,Why?,yes,no,maybe\n")
    message = complaint(path)
    assert message.startswith(f"{path}: 2 row(s) without the header's 4 cells: row 4 has 3, row 6 has 5;")


def test_an_unclosed_quote_does_not_swallow_rows(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text('user_id,prompt,chosen,rejected\nu,p,a,b\nu,q,a,"b\nu,r,a,b\n')
    assert "unexpected end of data" in complaint(path) and "close every double quote" in complaint(path)
    assert "row 2" in complaint(path)


def test_two_stray_quotes_do_not_swallow_the_rows_between(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text('user_id,prompt,chosen,rejected\nu,p,a,"b\nu,q,c,d\nu,r,e,"f\nu,s,g,h\n')
    assert "row 1" in complaint(path) and "close every double quote" in complaint(path)


def test_a_quote_in_the_middle_of_a_cell_is_text(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text('user_id,prompt,chosen,rejected\nu,p,a 5" nail,b\n')
    assert 'a 5" nail' in read(path).texts["response"].to_pylist()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_invalid_utf8_names_line_and_byte(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"own{suffix}"
    path.write_bytes(b"first line\n" + "é".encode() + b"ab\xffcd\n")
    assert complaint(path) == f"{path}, line 2: byte 15 is not valid UTF-8: save the file as UTF-8"
    path.write_bytes(b"cut \xf0\x9f\x98")
    assert f"{path}, line 1: byte 4 is not" in complaint(path)


def test_utf8_is_checked_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefactor.datasets.inputs.BLOCK_BYTES", 3)
    path = write_csv(tmp_path / "own", PAIRS)
    assert resolved(read(path)) == [tuple(row.values()) for row in PAIRS]
    content = path.read_bytes()
    for cut in range(1, 4):
        place = content.index("😀".encode())
        path.write_bytes(content[: place + cut] + b"x" + content[place + 4 :])
        assert f"line 4: byte {place} is not" in complaint(path)


def test_invalid_utf8_in_parquet_names_column_and_row(tmp_path: Path) -> None:
    bad = pa.array([b"good", b"b\xffd", b"good"], pa.binary()).view(pa.string())
    table = pa.Table.from_pylist(PAIRS)
    path = tmp_path / "own.parquet"
    pq.write_table(table.set_column(2, "chosen", bad), path)
    assert complaint(path).startswith(f"{path}, row 2: column 'chosen' holds bytes that are not valid UTF-8")


def test_a_truncated_parquet_is_named(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "own", PAIRS)
    whole = path.read_bytes()
    for length in (3, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert complaint(path).startswith(f"{path} is truncated or not a parquet file")


def test_parquet_damaged_inside_is_named(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "own", PAIRS * 50)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(300) + whole[304:])
    assert complaint(path).startswith(f"{path} is truncated or not a parquet file")


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".ndjson", ".csv"])
def test_empty_and_missing_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"own{suffix}"
    assert complaint(path) == f"{path} does not exist: check the dataset's input in params.yaml"
    path.touch()
    assert complaint(path) == f"{path} is empty (0 bytes): write it again"
    assert "does not exist" in complaint(tmp_path / f"own{suffix}" / f"below{suffix}")


@every_format
def test_a_file_without_rows(tmp_path: Path, write: Writer) -> None:
    path = write(tmp_path / "own", PAIRS)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(PAIRS).slice(0, 0), path)
    else:
        path.write_text(path.read_text().split("\n")[0] + "\n" if path.suffix == ".csv" else "\n\n")
    assert "no rows" in complaint(path)


def test_unknown_suffixes_and_folders_without_data(tmp_path: Path) -> None:
    (tmp_path / "own.xlsx").write_text("x")
    assert "unknown suffix '.xlsx': use one of .parquet, .jsonl, .ndjson, .csv" in complaint(tmp_path / "own.xlsx")
    assert "holds no data file" in complaint(tmp_path)


def test_a_column_named_twice(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("user_id,prompt,chosen,rejected,prompt\nu,p,a,b,q\n")
    assert f"{path} has 2 columns named 'prompt'" in complaint(path)


@pytest.mark.parametrize("folder", [False, True])
def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: bool) -> None:
    target = tmp_path if folder else write_csv(tmp_path / "own", PAIRS)
    # Root may read everything, so the answer of the system is replaced, not the bits.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != target)
    assert complaint(target) == f"no permission to read {target}: change its permissions or its owner"


def test_permission_bits_are_respected(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read any file, whatever its permission bits")
    path = write_csv(tmp_path / "own", PAIRS)
    path.chmod(0)
    assert "no permission to read" in complaint(path)
    path.chmod(0o600)
    tmp_path.chmod(0)
    try:
        assert "no permission to read" in complaint(path)
    finally:
        tmp_path.chmod(0o700)


def test_an_unknown_source_names_the_nearest() -> None:
    with pytest.raises(InputError, match="unknown source 'file'; did you mean 'files'"):
        load("file", {}, "own.csv", "datasets.own.options")
    assert SOURCES["files"].Parameters is FilesParameters


def test_real_pairs_are_read_whole(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "prism-partial" / "pairs.parquet"
    found = read(path, columns={"group_id": "interaction_id"})
    raw = pq.read_table(path).to_pylist()
    names = ("user_id", "prompt", "chosen", "rejected")
    assert found.source["rows"] == len(raw) == 5104
    assert found.source["dropped"] == {"duplicate_pairs": 4}, "two interactions were recorded twice"
    assert resolved(found) == list(dict.fromkeys(tuple(row[name] for name in names) for row in raw))
    assert len(found.pairs) == 5100
    assert len(found.users) == 176
    assert len(set(found.pairs["pair_id"].to_pylist())) == 5100
    assert len(set(found.texts["text_id"].to_pylist())) == len(found.texts)
    assert set(found.pairs["group_id"].to_pylist()) <= {row["interaction_id"] for row in raw}
    found.save(tmp_path / "prepared")
    assert pq.read_metadata(tmp_path / "prepared" / "pairs.parquet").num_rows == 5100
