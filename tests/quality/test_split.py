"""The gate of the split: what the splitter makes passes, and each way to break it is found with its rows."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.errors import InputError
from prefactor.quality import QualityParameters, validate_split
from prefactor.quality.validation import load_great_expectations
from tests.jokes import everyone_judges, make_jokes
from tests.quality.small import change, set_leakage

DEFAULT = QualityParameters()
Split = Callable[[Path, str], Path]


def fail(prepared: Path, folder: Path, out: Path) -> dict[str, pd.DataFrame]:
    """The rows that the gate left behind, by file stem without the suite's name for relations."""
    with pytest.raises(InputError, match="did not pass the gate"):
        validate_split(prepared, folder, out, DEFAULT)
    failures = json.loads((out / "result.json").read_text())["failures"]
    return {Path(each["file"]).stem.removeprefix("relations-"): pd.read_csv(out / each["file"]) for each in failures}


@pytest.mark.parametrize("leakage", ["within-user", "global", "pairs"])
def test_what_the_splitter_makes_passes(prepared: Path, make_split: Split, tmp_path: Path, leakage: str) -> None:
    folder = make_split(prepared, leakage)
    result = validate_split(prepared, folder, tmp_path / "docs", DEFAULT)
    assert result["success"] and result["observed"]["leakage"] == leakage
    assert sum(result["observed"]["users"].values()) == result["suites"]["users"]["rows"] == 8
    assert sum(part["pairs"] for part in result["observed"]["pairs"].values()) == result["suites"]["pairs"]["rows"]
    page = (tmp_path / "docs" / "relations.html").read_text()
    assert ("prompt_id = e.prompt_id" in page) == (leakage != "pairs")


def test_faults_are_found_with_their_rows(prepared: Path, make_split: Split, tmp_path: Path) -> None:
    folder = make_split(prepared, "pairs")
    pairs = pd.read_parquet(folder / "pairs.parquet")
    users = pd.read_parquet(folder / "users.parquet").set_index("user_id").role
    seen = pairs[pairs.role == "seen"]
    unseen = pairs[pairs.role == "unseen"]
    foreign, moved, gap, wrong = seen.index[0], unseen.index[0], unseen.index[-1], seen.index[-1]

    def spoil(old: pd.DataFrame) -> pd.DataFrame:
        old.loc[foreign, "group_id"] = "another"
        old.loc[moved, "role"] = "seen"
        old.loc[gap, "rank"] = 99
        old.loc[wrong, "part"] = "reference"
        old.loc[wrong, "rank"] = 0
        return pd.concat([old, old.loc[[foreign]].assign(rank=-1)])

    change(folder / "pairs.parquet", spoil)
    extra = pd.DataFrame({"user_id": ["stranger", "stranger"], "role": ["seen", "guest"]})
    change(folder / "users.parquet", lambda old: pd.concat([old, extra]))
    rows = fail(prepared, folder, tmp_path / "docs")

    twice = pairs.pair_id[foreign]
    assert list(rows["pairs-pair_id-values-to-be-unique"].pair_id) == [twice] * 2
    assert list(rows["pairs-rank-values-to-be-between"].pair_id) == [twice]
    assert list(rows["users-user_id-values-to-be-unique"].user_id) == ["stranger"] * 2
    assert list(rows["users-role-values-to-be-in-set"].role) == ["guest"]
    assert list(rows["prepared-pairs"].pair_id) == [twice] * 2
    assert list(rows["prepared-users"].user_id) == list(rows["users-have-pairs"].user_id) == ["stranger"] * 2
    assert list(rows["one-role"].user_id) == [pairs.user_id[moved]]
    assert list(rows["same-role"].pair_id) == [pairs.pair_id[moved]]
    assert users[pairs.user_id[moved]] == rows["same-role"].user_role[0] == "unseen"
    assert pairs.pair_id[wrong] in set(rows["parts-of-roles"].pair_id)
    spoilt = {(pairs.user_id[row], pairs.part[row]) for row in (foreign, gap)}
    assert spoilt <= set(zip(rows["ranks"].user_id, rows["ranks"].part, strict=True))


def test_a_leak_is_found_under_the_rules_that_forbid_it(prepared: Path, make_split: Split, tmp_path: Path) -> None:
    """A split within users shares prompts between users: legal there, and a leak under the global rule."""
    folder = make_split(prepared, "within-user")
    set_leakage(folder, "global")
    rows = fail(prepared, folder, tmp_path / "docs")
    assert set(rows) == {"unseen-groups", "unseen-prompts"}
    evaluated = pd.read_parquet(folder / "pairs.parquet").query("part == 'evaluation'")
    assert set(rows["unseen-prompts"].pair_id) <= set(evaluated.pair_id)
    assert {"also_in", "for_example", "prompt"} <= set(rows["unseen-prompts"].columns)


def test_a_user_who_trains_on_an_evaluation_prompt_is_found(prepared: Path, make_split: Split, tmp_path: Path) -> None:
    folder = make_split(prepared, "within-user")
    seen = pd.read_parquet(folder / "pairs.parquet").query("role == 'seen'")
    user = seen.user_id.iloc[0]
    trained = seen.query("user_id == @user and part == 'train'").iloc[0]
    evaluated = seen.query("user_id == @user and part == 'evaluation'").iloc[0]
    for path in (prepared / "pairs.parquet", folder / "pairs.parquet"):
        change(
            path,
            lambda old: old.assign(group_id=old.group_id.where(old.pair_id != trained.pair_id, evaluated.group_id)),
        )
    rows = fail(prepared, folder, tmp_path / "docs")
    assert set(rows) == {"whole-groups"}
    assert rows["whole-groups"].to_dict("records") == [
        {"user_id": user, "group_id": evaluated.group_id, "parts": "evaluation, train", "pairs": 2}
    ]


@pytest.fixture
def jokes(tmp_path: Path) -> Path:
    """Thirty users who judge all pairs of twenty items."""
    make_jokes(everyone_judges(30, 20)).save(tmp_path / "data" / "prepared" / "jokes")
    return tmp_path / "data" / "prepared" / "jokes"


@pytest.mark.parametrize("leakage", ["items-within-user", "items-global"])
def test_an_item_that_leaks_is_found(jokes: Path, make_split: Split, tmp_path: Path, leakage: str) -> None:
    """What the splitter makes passes; then a pair with one text of an evaluation pair is moved into a user's train."""
    folder = make_split(jokes, leakage)
    result = validate_split(jokes, folder, tmp_path / "docs", DEFAULT)
    assert result["success"] and result["observed"]["leakage"] == leakage

    pairs, all_pairs = pd.read_parquet(folder / "pairs.parquet"), pd.read_parquet(jokes / "pairs.parquet")
    user = pairs.user_id[pairs.role == "seen"].iloc[0]
    mine = pairs[pairs.user_id == user]
    text = mine.chosen[mine.part == "evaluation"].iloc[0]
    trained = set(mine[mine.part == "train"][["chosen", "rejected"]].stack())
    other = all_pairs[(all_pairs.user_id == user) & ~all_pairs.pair_id.isin(mine.pair_id)]
    planted = other[(other.chosen == text) & other.rejected.isin(trained)].iloc[[0]]
    rank = int((mine.part == "train").sum())
    planted = planted[["pair_id", "user_id", "group_id", "chosen", "rejected"]].assign(
        role="seen", part="train", rank=rank
    )
    change(folder / "pairs.parquet", lambda old: pd.concat([old, planted]))
    rows = fail(jokes, folder, tmp_path / "docs")
    assert set(rows) == {"unseen-items"}
    found = rows["unseen-items"]
    assert set(found.text_id) == {text} and set(found.part) == {"evaluation"}
    assert set(found.also_in) == {"train"} and set(found.for_example) == set(planted.pair_id)
    assert set(found.response) == set(pd.read_parquet(jokes / "texts.parquet").query("text_id == @text").response)
    leaking = pairs[(pairs.part == "evaluation") & ((pairs.chosen == text) | (pairs.rejected == text))]
    if leakage == "items-within-user":
        leaking = leaking[leaking.user_id == user]
    assert sorted(found.pair_id) == sorted(leaking.pair_id)


def test_items_of_a_validation_user_leak_too(jokes: Path, make_split: Split, tmp_path: Path) -> None:
    """A validation user's validation pairs mirror evaluation; those of a seen user may share items with training."""
    folder = make_split(jokes, "items-within-user")
    pairs = pd.read_parquet(folder / "pairs.parquet").query("role == 'validation'")
    moved = pairs[pairs.part == "reference"].sort_values(["user_id", "rank"]).groupby("user_id").tail(1).iloc[0]
    rank = int(((pairs.user_id == moved.user_id) & (pairs.part == "validation")).sum())

    def move(old: pd.DataFrame) -> pd.DataFrame:
        mine = old.pair_id == moved.pair_id
        return old.assign(part=old.part.mask(mine, "validation"), rank=old["rank"].mask(mine, rank))

    change(folder / "pairs.parquet", move)
    found = fail(jokes, folder, tmp_path / "docs")["unseen-items"]
    assert set(found.user_id) == {moved.user_id} and set(found.role) == {"validation"}
    assert moved.pair_id in set(found.pair_id)


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (
            '{"parameters": {"leakage": "none"}}',
            "leakage is 'none', must be one of within-user, global, items-within-user",
        ),
        ('{"parameters": null}', "leakage is None"),
        ('{"parameters": {"leakage": [1]}}', r"leakage is \[1\]"),
        ("[]", "must hold a JSON object"),
        ("{", "not valid JSON"),
        (None, "does not exist: run stage split"),
    ],
)
def test_a_manifest_without_its_rule_is_refused(tmp_path: Path, manifest: str | None, said: str) -> None:
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(InputError, match=said):
        validate_split(tmp_path, tmp_path, tmp_path / "docs", DEFAULT)
    assert not (tmp_path / "docs").exists()


def test_tables_that_the_split_cannot_be_held_against_are_named(
    prepared: Path, make_split: Split, tmp_path: Path
) -> None:
    folder = make_split(prepared, "within-user")
    pd.DataFrame({"text_id": ["a"]}).to_parquet(prepared / "texts.parquet")
    with pytest.raises(InputError, match="prompt"):
        validate_split(prepared, folder, tmp_path / "docs", DEFAULT)


@cache
def _rules(leakage: str) -> dict[str, str]:
    load_great_expectations()
    from prefactor.quality.partition import split_relations

    return {rule.name: rule.query for suite in split_relations(leakage) for rule in suite.rules}


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["u0", "u1", "u2"]),
        st.sampled_from(["g0", "g1", "g2", "g3"]),
        st.sampled_from(["", "p0", "p1", "p2"]),
        st.sampled_from(["train", "validation", "evaluation", "reference"]),
    ),
    max_size=8,
)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(ROWS)
def test_leakage_queries_agree_with_their_definition(rows: list[tuple[str, str, str, str]]) -> None:
    """Which evaluation pairs share a prompt or group with a pair that is not one, by comparing all with all."""
    prompts = sorted({prompt for _, _, prompt, _ in rows})
    texts = pd.DataFrame({"text_id": [f"t{prompt}" for prompt in prompts], "prompt": prompts}, dtype="str")
    pairs = pd.DataFrame(
        [(f"i{n}", u, g, f"t{prompt}", "seen", part) for n, (u, g, prompt, part) in enumerate(rows)],
        columns=["pair_id", "user_id", "group_id", "chosen", "role", "part"],
        dtype="str",
    )

    def leaks(same: Callable[[tuple[str, ...], tuple[str, ...]], bool]) -> set[str]:
        others = [other for other in rows if other[3] != "evaluation"]
        return {f"i{n}" for n, row in enumerate(rows) if row[3] == "evaluation" and any(same(row, o) for o in others)}

    with duckdb.connect() as connection:
        connection.register("texts", texts)
        connection.register("split_pairs", pairs)

        def found(leakage: str, rule: str) -> set[str]:
            query = _rules(leakage)[rule]
            return {row[0] for row in connection.execute(f"SELECT pair_id FROM ({query})").fetchall()}

        assert found("global", "unseen-prompts") == leaks(lambda a, b: a[2] == b[2] != "")
        assert found("global", "unseen-groups") == leaks(lambda a, b: a[1] == b[1])
        assert found("within-user", "unseen-prompts") == leaks(lambda a, b: a[0] == b[0] and a[2] == b[2] != "")


COMPARED = st.lists(
    st.tuples(
        st.sampled_from(["u0", "u1"]),
        st.sampled_from(["seen", "validation"]),
        st.sampled_from(["train", "validation", "evaluation"]),
        st.permutations(["a", "b", "c", "d", "e", "f"]).map(lambda order: frozenset(order[:2])),
    ),
    max_size=6,
)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(COMPARED)
def test_item_queries_agree_with_their_definition(rows: list[tuple[str, str, str, frozenset[str]]]) -> None:
    """Which texts of held-out pairs are in a pair that is not held out, by comparing all with all."""
    texts = pd.DataFrame({"text_id": list("abcdef"), "prompt": "", "response": "A joke."}, dtype="str")
    pairs = pd.DataFrame(
        [(f"i{n}", user, "g", *sorted(both), role, part) for n, (user, role, part, both) in enumerate(rows)],
        columns=["pair_id", "user_id", "group_id", "chosen", "rejected", "role", "part"],
        dtype="str",
    )

    def own(role: str, part: str) -> bool:
        return part == "evaluation" or role == part == "validation"

    def leaks(held_out: Callable[[str, str], bool], anyone: bool) -> set[tuple[str, str]]:
        return {
            (f"i{n}", text)
            for n, (user, role, part, both) in enumerate(rows)
            for other, its_role, where, known in rows
            for text in both & known
            if held_out(role, part) and not held_out(its_role, where) and (anyone or user == other)
        }

    with duckdb.connect() as connection:
        connection.register("texts", texts)
        connection.register("split_pairs", pairs)

        def found(leakage: str) -> set[tuple[str, str]]:
            query = _rules(leakage)["unseen-items"]
            return set(connection.execute(f"SELECT pair_id, text_id FROM ({query})").fetchall())

        assert found("items-within-user") == leaks(own, anyone=False)
        assert found("items-global") == leaks(lambda role, part: part == "evaluation", anyone=True)
