"""The source ``personalllm``: people choose by w . r, awkward rows are counted, bad files are named."""

import math
import re
import shutil
import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefactor.datasets import load, personalllm
from prefactor.datasets.personalllm import RESPONSES, SCORERS, SCORES
from prefactor.datasets.samples import write_sample
from prefactor.errors import InputError
from prefactor.preferences import Preferences, TextBatches, content_id
from prefactor.quality import QualityParameters, validate_tables
from tests.datasets.conftest import PERSONALLLM

Row = dict[str, Any]
Pools = dict[str, dict[str, list[float]]]  # group_id -> text_id -> the ten scores
PEOPLE = {"users": 12, "pairs_per_user": 20, "alpha": 0.1}
TRAIN = "data/train-00000-of-00001.parquet"
TOLERANCE = 1e-8
MARKER = "Strictly-Private"


@pytest.fixture(scope="module")
def folder(sample_files: dict[str, Path]) -> Path:
    return sample_files["personalllm"]


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Preferences:
    return read(folder)


def read(folder: Path, **options: Any) -> Preferences:
    return load("personalllm", {**PEOPLE, **options}, folder, "datasets.personalllm.options")


def texts(preferences: Preferences) -> dict[str, tuple[str, str]]:
    assert isinstance(preferences.texts, TextBatches)
    rows = preferences.texts.table().to_pylist()
    assert len({row["text_id"] for row in rows}) == len(rows)
    return {row["text_id"]: (row["prompt"], row["response"]) for row in rows}


def candidates(preferences: Preferences) -> list[Row]:
    assert preferences.candidates is not None
    return preferences.candidates.to_pylist()


def same(one: Preferences, other: Preferences) -> bool:
    return (
        one.pairs.equals(other.pairs)
        and one.users.equals(other.users)
        and candidates(one) == candidates(other)
        and list(texts(one).items()) == list(texts(other).items())
    )


def usable(rows: list[Row]) -> tuple[Pools, Counter[str]]:
    """What the file's rows leave by the rules of the source, and why the rest is left out."""
    pools: Pools = {}
    dropped: Counter[str] = Counter()
    for row in rows:
        group = content_id(row["prompt"])
        if group in pools:
            dropped["repeated_prompts"] += 1
            continue
        pool: dict[str, list[float]] = {}
        for response in RESPONSES:
            text_id, scores = content_id(row["prompt"], row[response]), [row[f"{response}_{name}"] for name in SCORERS]
            if not row[response].strip():
                dropped["blank_responses"] += 1
            elif text_id in pool:
                dropped["duplicate_responses"] += 1
            elif None in scores:
                dropped["responses_without_score"] += 1
            else:
                pool[text_id] = scores
        if len(pool) > 1:
            pools[group] = pool
        else:
            dropped["prompts_with_one_response"] += 1
    return pools, dropped


def check_choices(preferences: Preferences, pools: Pools) -> None:
    """Every pair holds a response that its user likes best against one that they like least."""
    taste = {row["user_id"]: row["weight"] for row in preferences.users.to_pylist()}
    for pair in preferences.pairs.to_pylist():
        weight, pool = taste[pair["user_id"]], pools[pair["group_id"]]
        worth = {text: math.fsum(w * r for w, r in zip(weight, scores, strict=True)) for text, scores in pool.items()}
        assert worth[pair["chosen"]] == pytest.approx(max(worth.values()), abs=TOLERANCE)
        assert worth[pair["rejected"]] == pytest.approx(min(worth.values()), abs=TOLERANCE)
        assert pair["margin"] == pytest.approx(max(worth.values()) - min(worth.values()), abs=TOLERANCE)
        assert pair["pair_id"] == content_id(pair["user_id"], pair["chosen"], pair["rejected"])
        assert pair["order"] is None


def test_people_choose_the_best_against_the_worst(folder: Path, loaded: Preferences) -> None:
    pools, _ = usable(pq.read_table(folder / TRAIN).to_pylist())
    check_choices(loaded, pools)
    prompts = Counter((pair["user_id"], pair["group_id"]) for pair in loaded.pairs.to_pylist())
    assert set(prompts.values()) == {1}
    assert set(Counter(user for user, _ in prompts).values()) == {PEOPLE["pairs_per_user"]}
    assert {user for user, _ in prompts} == set(loaded.users["user_id"].to_pylist())


def test_candidates_and_texts_are_those_of_the_file(folder: Path, loaded: Preferences) -> None:
    rows = pq.read_table(folder / TRAIN).to_pylist()
    pools, _ = usable(rows)
    found: Pools = {}
    for row in candidates(loaded):
        found.setdefault(row["group_id"], {})[row["text_id"]] = [row[name] for name in SCORERS]
    assert found == pools
    written = {content_id(row["prompt"], row[name]): (row["prompt"], row[name]) for row in rows for name in RESPONSES}
    assert texts(loaded) == {text_id: written[text_id] for pool in pools.values() for text_id in pool}


def test_every_awkward_case_is_met_and_counted(folder: Path, loaded: Preferences) -> None:
    rows = pq.read_table(folder / TRAIN).to_pylist()
    pools, dropped = usable(rows)
    reasons = ("repeated_prompts", "prompts_with_one_response", "duplicate_responses", "responses_without_score")
    assert all(dropped[reason] for reason in (*reasons, "blank_responses"))
    assert loaded.source["dropped"] == {"blank_prompts": 0, "no_preference": 0, **dropped}
    assert loaded.source["rows"] == {"prompts": len(rows), "responses": sum(map(len, pools.values()))}
    kept = [text for pair in texts(loaded).values() for text in pair]
    assert any("日本語" in text for text in kept) and max(map(len, kept)) > 50_000
    assert [part["file"] for part in loaded.source["parts"]] == [TRAIN]
    assert [part["rows"] for part in loaded.source["parts"]] == [len(rows)]


def test_weights_are_on_the_simplex_and_true(loaded: Preferences) -> None:
    for row in loaded.users.to_pylist():
        assert len(row["weight"]) == 10 and min(row["weight"]) >= 0
        assert sum(row["weight"]) == pytest.approx(1)
        assert row["utility"] == row["weight"]
    assert loaded.source["truth"] is True and loaded.source["scorers"] == list(SCORERS)


@pytest.mark.parametrize(("alpha", "low", "high"), [(1e-6, 0.999, 1.0), (0.001, 0.95, 1.0), (1e5, 0.1, 0.11)])
def test_small_alpha_means_one_reward_model_each(folder: Path, alpha: float, low: float, high: float) -> None:
    users = read(folder, users=300, pairs_per_user=1, alpha=alpha).users
    largest = statistics.fmean(max(row["weight"]) for row in users.to_pylist())
    assert low < largest <= high


def test_standardised_scores_have_unit_variance(folder: Path) -> None:
    pools, _ = usable(pq.read_table(folder / TRAIN).to_pylist())
    preferences = read(folder, standardised=True)
    scored = {row["text_id"]: [row[name] for name in SCORERS] for row in candidates(preferences)}
    for place in range(10):
        raw = {text_id: scores[place] for pool in pools.values() for text_id, scores in pool.items()}
        mean, spread = statistics.fmean(raw.values()), statistics.pstdev(raw.values())
        assert all(scored[text_id][place] == pytest.approx((value - mean) / spread) for text_id, value in raw.items())
    standard: Pools = {group: {text_id: scored[text_id] for text_id in pool} for group, pool in pools.items()}
    check_choices(preferences, standard)


def test_fewer_people_are_the_first_of_more(folder: Path, loaded: Preferences) -> None:
    fewer = read(folder, users=5)
    assert fewer.users.equals(loaded.users.slice(0, 5))
    assert fewer.pairs.equals(loaded.pairs.slice(0, len(fewer.pairs)))


def test_draws_depend_on_the_seed_alone(folder: Path, loaded: Preferences) -> None:
    assert same(loaded, read(folder))
    other = read(folder, seed=1)
    assert other.users["weight"] != loaded.users["weight"]
    assert not other.pairs.equals(loaded.pairs)
    assert candidates(other) == candidates(loaded)


def test_parts_are_those_asked_for(folder: Path, loaded: Preferences) -> None:
    by_part = {
        part: read(folder, prompts=part, pairs_per_user=1).source["rows"]["prompts"] for part in ("test", "both")
    }
    assert by_part == {"test": PERSONALLLM.test, "both": PERSONALLLM.train + PERSONALLLM.test}
    train = {row["group_id"] for row in candidates(loaded)}
    test = {row["group_id"] for row in candidates(read(folder, prompts="test", pairs_per_user=1))}
    both = {row["group_id"] for row in candidates(read(folder, prompts="both"))}
    assert both == train | test and not train & test


def test_a_part_is_a_word_of_the_name(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / TRAIN, tmp_path / "latest_trained.parquet")
    assert read(tmp_path, prompts="test").source["rows"]["prompts"] == PERSONALLLM.train


def test_csv_is_parquet(loaded: Preferences, tmp_path: Path) -> None:
    write_sample("personalllm", tmp_path / "csv", replace(PERSONALLLM, format="csv"))
    from_csv = read(tmp_path / "csv")
    assert same(loaded, from_csv)
    assert {**from_csv.source, "parts": None, "sha256": None} == {**loaded.source, "parts": None, "sha256": None}


def test_batch_size_does_not_matter(folder: Path, loaded: Preferences, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(personalllm, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr(personalllm, "NUMBERS_AT_ONCE", 1)
    small = read(folder)
    assert same(loaded, small)
    assert isinstance(small.texts, TextBatches)
    sizes = [len(batch) for batch in small.texts]
    assert len(sizes) == math.ceil(PERSONALLLM.train / 7) and max(sizes) <= 7 * len(RESPONSES)


def test_large_strings_and_whole_numbers_are_read_too(folder: Path, loaded: Preferences, tmp_path: Path) -> None:
    table = pq.read_table(folder / TRAIN)
    types = {name: pa.large_string() for name in ("prompt", *RESPONSES)}
    fields = [field.with_type(types.get(field.name, field.type)) for field in table.schema]
    pq.write_table(table.cast(pa.schema(fields)), tmp_path / "train.parquet")
    assert same(loaded, read(tmp_path))
    whole = {name: [10 * number for number in range(PERSONALLLM.train)] for name in SCORES}
    for place, name in enumerate(SCORES):
        whole[name] = [value + place // 10 for value in whole[name]]
    write(tmp_path, {**table.to_pydict(), **whole})
    assert set(read(tmp_path).pairs["margin"].to_pylist()) == {7.0}


def test_the_tables_pass_the_gate(loaded: Preferences, tmp_path: Path) -> None:
    loaded.save(tmp_path / "personalllm")
    result = validate_tables(tmp_path / "personalllm", tmp_path / "docs", QualityParameters())
    assert result["observed"]


def valid(prompts: int = 3) -> dict[str, list[Any]]:
    """A small sound file, by columns."""
    columns: dict[str, list[Any]] = {"prompt": [f"{MARKER} prompt {number}" for number in range(prompts)]}
    columns |= {name: [f"{MARKER} {name} of {number}" for number in range(prompts)] for name in RESPONSES}
    return columns | {
        name: [float(place % 7 + place // 10 + number) for number in range(prompts)]
        for place, name in enumerate(SCORES)
    }


def write(folder: Path, columns: dict[str, Any], name: str = "train.parquet") -> Path:
    pq.write_table(pa.table(columns), folder / name)
    return folder


def without(*names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda columns: {name: values for name, values in columns.items() if name not in names}


def having(**changed: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda columns: {**columns, **changed}


SCORE = "response_2_beaver_7b"
BAD_TABLES = {
    "no prompt": (without("prompt"), "train.parquet has no column prompt: use the published files"),
    "no scores": (without(*SCORES[:5]), "has no column response_1_gemma_2b, .*mistral_raft and 2 more: use"),
    "infinite score": (
        having(**{SCORE: [0.0, math.inf, 0.0]}),
        f"train.parquet, row 2: {SCORE} is inf, but must be a finite number, or nothing: correct it",
    ),
    "text in a number": (
        having(**{SCORE: ["1", "2", "many"]}),
        f"row 3: {SCORE} is 'many', but must be a finite number, or nothing: correct it",
    ),
    "lists for numbers": (
        having(**{SCORE: [[1.0], [2.0], [3.0]]}),
        rf"column '{SCORE}' is of type list<.*>, but must hold numbers: convert it",
    ),
    "numbers for text": (having(response_3=[1, 2, 3]), "column 'response_3' is of type int64, but must be text"),
    "control character": (
        having(prompt=[f"{MARKER} a", f"{MARKER}\x1fb", f"{MARKER} c"]),
        r"train.parquet, row 2: the control character U\+001F in prompt: remove the character",
    ),
    "blank prompts": (having(prompt=[" ", "\n", ""]), "no prompt has two responses with all ten scores"),
    "not UTF-8": (
        having(response_1=pa.array([b"a", b"\xff", b"c"]).view(pa.string())),
        "row 2: column 'response_1' holds bytes that are not valid UTF-8: write the text again as UTF-8",
    ),
}


@pytest.mark.parametrize(("change", "words"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_bad_tables_are_refused(tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]], words: str) -> None:
    write(tmp_path, change(valid()))
    with pytest.raises(InputError, match=words) as caught:
        read(tmp_path, pairs_per_user=1)
    assert str(tmp_path) in str(caught.value) and MARKER not in str(caught.value)


def test_rows_are_counted_by_file_and_over_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(personalllm, "ROWS_AT_ONCE", 2)
    scores = [*[0.0] * 4, math.inf]
    write(tmp_path, valid(7), "train-0.parquet")
    write(tmp_path, {**valid(5), SCORE: scores}, "train-1.parquet")
    with pytest.raises(InputError, match=re.escape("train-1.parquet, row 5: ")):
        read(tmp_path)


def test_a_column_twice_is_refused(folder: Path, tmp_path: Path) -> None:
    table = pq.read_table(folder / TRAIN)
    pq.write_table(table.append_column("prompt", table["prompt"]), tmp_path / "train.parquet")
    with pytest.raises(InputError, match=r"train\.parquet has 2 columns named 'prompt': keep one"):
        read(tmp_path)


def test_damaged_files_are_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    path.write_bytes((folder / TRAIN).read_bytes()[:-100])
    with pytest.raises(InputError, match=r"train\.parquet is truncated or not a parquet file"):
        read(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        read(tmp_path)


CSV_FAULTS = {
    "a column twice": (
        ",".join(("prompt", *RESPONSES, *SCORES, SCORES[3])).encode() + b"\n1\n",
        f"has 2 columns named '{SCORES[3]}': keep one",
    ),
    "a cell too few": (b"prompt,response_1\na,b\nc\n", "no column response_2"),
    "not UTF-8": (b"prompt,response_1\na,\xff\n", "line 2: byte 20 is not valid UTF-8: save the file as UTF-8"),
    "only a header": (",".join(("prompt", *RESPONSES, *SCORES)).encode() + b"\n", "no prompt has two responses"),
}


@pytest.mark.parametrize(("content", "words"), CSV_FAULTS.values(), ids=CSV_FAULTS)
def test_bad_csv_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "train.csv").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read(tmp_path)


def test_text_in_a_number_of_a_csv_is_refused(folder: Path, tmp_path: Path) -> None:
    write_sample("personalllm", tmp_path / "csv", replace(PERSONALLLM, train=8, test=1, awkward=False, format="csv"))
    path = tmp_path / "csv" / "data" / "train-00000-of-00001.csv"
    lines = path.read_text().splitlines()
    lines[-1] = lines[-1].rpartition(",")[0] + ",much"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=rf"row 8: {SCORES[-1]} is 'much', but must be a finite number"):
        read(tmp_path / "csv", pairs_per_user=1)


@pytest.mark.parametrize("option", [{"users": 0}, {"pairs_per_user": 0}, {"alpha": 0.0}, {"alpha": math.nan}])
def test_impossible_options_are_refused(folder: Path, option: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(option))):
        read(folder, **option)


def test_more_prompts_than_there_are_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="pairs_per_user is 29, but there are 28 prompts"):
        read(folder, pairs_per_user=29)


def test_a_part_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file of the split 'test', but train"):
        read(write(tmp_path, valid()), prompts="test")


def test_level_responses_are_no_preference(tmp_path: Path) -> None:
    columns = valid()
    for name in SCORES:
        columns[name][1] = 3.0
    preferences = read(write(tmp_path, columns), pairs_per_user=3)
    level = content_id(columns["prompt"][1])
    assert preferences.source["dropped"]["no_preference"] == PEOPLE["users"]
    assert level not in preferences.pairs["group_id"].to_pylist()
    assert level in {row["group_id"] for row in candidates(preferences)}
