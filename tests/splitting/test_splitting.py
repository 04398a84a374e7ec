"""Splits keep units together, count what they promise, and depend on nothing but content, parameters and seed."""

import json
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefactor.errors import InputError
from prefactor.parameters import build
from prefactor.preferences import PAIRS, TEXTS, USERS, content_id
from prefactor.splitting import Leakage, PairShares, Pools, SplitParameters, UserShares, split

EVALUATED = {"evaluation", "validation"}
FRACTIONS = SplitParameters()
MOSTLY_SEEN = SplitParameters(users=UserShares(seen=1.0, validation=1, unseen=1))
COUNTS = SplitParameters(
    users=UserShares(seen=4, validation=2, unseen=3), pairs=PairShares(train=3, validation=2, evaluation=3, reference=2)
)
few_examples = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Row:
    """A pair by its user, group and the prompts of its two responses."""

    user: str
    group: str
    prompt: str
    number: int
    other_prompt: str | None = None

    def texts(self) -> list[tuple[str, str]]:
        other = self.prompt if self.other_prompt is None else self.other_prompt
        return [(self.prompt, f"good {self.number}"), (other, f"bad {self.number}")]


def plain_rows(users: int, pairs: int) -> list[Row]:
    """Every user judges the same prompts, each a group of its own."""
    return [Row(f"u{u}", f"g{n}", f"prompt {n}", n) for u in range(users) for n in range(pairs)]


def prepare(folder: Path, rows: list[Row], idle_users: tuple[str, ...] = ()) -> Path:
    """Write the prepared tables of some rows."""
    texts = {content_id(*text): text for row in rows for text in row.texts()}
    pairs = []
    for row in rows:
        chosen, rejected = (content_id(*text) for text in row.texts())
        pairs.append((content_id(row.user, chosen, rejected), row.user, row.group, chosen, rejected, None, None))
    users = [(user,) for user in dict.fromkeys([*(row.user for row in rows), *idle_users])]
    folder.mkdir(parents=True, exist_ok=True)
    write_table(folder / "pairs.parquet", pairs, PAIRS)
    write_table(folder / "texts.parquet", [(key, *text) for key, text in texts.items()], TEXTS)
    write_table(folder / "users.parquet", users, USERS)
    return folder


def write_table(path: Path, rows: list[tuple], schema: pa.Schema) -> None:
    columns = [[row[index] for row in rows] for index in range(len(schema))]
    pq.write_table(pa.table(columns, schema=schema), path)


def rows_of(folder: Path, name: str = "pairs") -> list[dict]:
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def prompts_of(prepared: Path) -> dict[str, str]:
    return {row["text_id"]: row["prompt"] for row in rows_of(prepared, "texts")}


def assert_no_leak(prepared: Path, out: Path, scope: str) -> None:
    """No group and no non-empty prompt of a scope lies in two parts of which one is evaluated."""
    prompts, found = prompts_of(prepared), defaultdict(set)
    for row in rows_of(out):
        where = row["user_id"] if scope == "user" else ""
        found[where, "group", row["group_id"]].add(row["part"])
        for prompt in {prompts[row["chosen"]], prompts[row["rejected"]]} - {""}:
            found[where, "prompt", prompt].add(row["part"])
    leaks = {key: parts for key, parts in found.items() if len(parts) > 1 and parts & EVALUATED}
    assert not leaks


@st.composite
def datasets(draw: st.DrawFn, prompts: int = 12) -> list[Row]:
    """A few users with pairs in random groups of random prompts, some empty: units of many shapes."""
    rows = []
    for user in range(draw(st.integers(3, 6))):
        for number in range(draw(st.integers(4, 14))):
            group = f"g{draw(st.integers(0, 40))}"
            prompt = draw(st.sampled_from(["", *(f"prompt {n}" for n in range(prompts))]))
            rows.append(Row(f"u{user}", group, prompt, 100 * user + number))
    return rows


@few_examples
@given(rows=datasets(), seed=st.integers(0, 99))
def test_units_stay_together_within_a_user(
    rows: list[Row], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("split")
    prepared = prepare(folder / "prepared", rows)
    parameters = replace(MOSTLY_SEEN, seed=seed)
    try:
        manifest = split(prepared, folder / "out", parameters, threads=1)
    except InputError as error:  # legal where chance left too few users two units
        assert "users have enough pairs" in str(error)
        return
    assert_no_leak(prepared, folder / "out", "user")
    kept = rows_of(folder / "out")
    assert manifest["pairs"]["unused"]["spare"] == 0  # fractions that sum to one use every pair of a user
    assert len(kept) + manifest["pairs"]["unused"]["dropped_users"] == len(rows)
    for user in {row["user_id"] for row in kept if row["role"] == "seen"}:
        assert {"train", "evaluation"} <= {row["part"] for row in kept if row["user_id"] == user}


@few_examples
@given(rows=datasets(prompts=200), seed=st.integers(0, 99))
def test_no_evaluation_prompt_anywhere_in_training_under_the_global_rule(
    rows: list[Row], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("split")
    unconnected = [replace(row, group=f"{row.group} of {row.prompt or row.number}") for row in rows]
    prepared = prepare(folder / "prepared", unconnected)
    parameters = SplitParameters(
        seed=seed, leakage="global", users=UserShares(1.0, 1, 1), pairs=PairShares(1.0, 1.0, 1.0, 1.0)
    )
    try:
        split(prepared, folder / "out", parameters, threads=1)
    except InputError as error:
        assert "users have enough pairs" in str(error)
        return
    assert_no_leak(prepared, folder / "out", "all")


def test_components_equal_union_find(tmp_path: Path) -> None:
    """A chain of groups and prompts, in an order that propagation does not like, is one unit; others stay apart."""
    rows = []
    for user in ("u0", "u1", "u2"):
        rows += [Row(user, f"g{n // 2}", f"prompt {(n + 1) // 2}", n) for n in range(60)]
        rows += [Row(user, f"single {n}", "", 100 + n) for n in range(5)]
    manifest = split(prepare(tmp_path / "prepared", rows), tmp_path / "out", MOSTLY_SEEN)
    parts = defaultdict(set)
    for row in rows_of(tmp_path / "out"):
        parts[row["user_id"], row["group_id"].startswith("single")].add(row["part"])
    assert all(len(parts[user, False]) == 1 for user in ("u0", "u1", "u2"))
    assert manifest["units"] == {"total": 18, "largest": 60}


def test_the_rejected_response_connects_too(tmp_path: Path) -> None:
    rows = []
    for user in ("u0", "u1", "u2"):
        rows += [Row(user, f"g{n}", f"prompt {n}", n, other_prompt=f"prompt {n + 1}") for n in range(3)]
        rows += [Row(user, "far", "elsewhere", 9)]
    manifest = split(prepare(tmp_path / "in", rows), tmp_path / "out", MOSTLY_SEEN)
    assert manifest["units"] == {"total": 6, "largest": 3}


def test_pairs_rule_separates_single_pairs_only(tmp_path: Path) -> None:
    rows = [Row(user, "same", "same", n) for user in ("u0", "u1", "u2") for n in range(20)]
    manifest = split(prepare(tmp_path / "prepared", rows), tmp_path / "out", replace(MOSTLY_SEEN, leakage="pairs"))
    assert manifest["pairs"]["seen"] == {"train": 8, "validation": 2, "evaluation": 10}
    assert len({row["pair_id"] for row in rows_of(tmp_path / "out")}) == 60


@pytest.mark.parametrize("group_size", [1, 2, 5])
def test_counts_cap_exactly_and_the_rest_is_counted(tmp_path: Path, group_size: int) -> None:
    rows = [Row(f"u{u}", f"g{n // group_size}", "", n) for u in range(12) for n in range(40)]
    manifest = split(prepare(tmp_path / "prepared", rows, ("idle",)), tmp_path / "out", COUNTS)
    parts = Counter((row["user_id"], row["role"], row["part"]) for row in rows_of(tmp_path / "out"))
    expected = {
        "seen": {"train": 3, "validation": 2, "evaluation": 3},
        "validation": {"reference": 2, "validation": 3},
        "unseen": {"reference": 2, "evaluation": 3},
    }
    assert all(count == expected[role][part] for (_, role, part), count in parts.items())
    assert len(parts) == 4 * 3 + 2 * 2 + 3 * 2
    used = sum(parts.values())
    assert manifest["users"] == {"total": 13, "seen": 4, "validation": 2, "unseen": 3, "dropped": 1, "unused": 3}
    unused = {"dropped_users": 0, "unused_users": 3 * 40, "spare": 9 * 40 - used}
    assert manifest["pairs"] == {
        "total": 480,
        "seen": {"train": 12, "validation": 8, "evaluation": 12},
        "validation": {"validation": 6, "reference": 4},
        "unseen": {"evaluation": 9, "reference": 6},
        "unused": unused,
    }


def test_counts_go_first_and_fractions_share_the_rest(tmp_path: Path) -> None:
    parameters = SplitParameters(
        users=UserShares(1.0, 1, 1), pairs=PairShares(train=10, validation=0, evaluation=1.0, reference=5)
    )
    manifest = split(prepare(tmp_path / "prepared", plain_rows(5, 31)), tmp_path / "out", parameters)
    assert manifest["pairs"]["seen"] == {"train": 30, "evaluation": 63}


def test_validation_pairs_are_up_to_their_count(tmp_path: Path) -> None:
    rows = plain_rows(12, 7)  # 3 + 3 needed of a seen user leave 1 of the 2; a validation user needs 2, has 5 left
    manifest = split(prepare(tmp_path / "prepared", rows), tmp_path / "out", COUNTS)
    assert manifest["pairs"]["seen"] == {"train": 12, "validation": 4, "evaluation": 12}
    assert manifest["pairs"]["validation"] == {"validation": 6, "reference": 4}


def test_fractions_are_kept_over_many_users_of_uneven_units(tmp_path: Path) -> None:
    """Rounding to whole units favours no part: taking every unit that begins before its end would be 7 % off."""
    sizes = random.Random(0)
    groups = [[f"g{unit}" for unit in range(30) for _ in range(sizes.randint(1, 6))][:30] for _ in range(60)]
    rows = [Row(f"u{u}", group, "", n) for u, of_user in enumerate(groups) for n, group in enumerate(of_user)]
    split(prepare(tmp_path / "prepared", rows), tmp_path / "out", MOSTLY_SEEN)
    parts = Counter(row["part"] for row in rows_of(tmp_path / "out") if row["role"] == "seen")
    assert parts["evaluation"] / parts.total() == pytest.approx(0.5, abs=0.03)
    assert parts["train"] / parts.total() == pytest.approx(0.4, abs=0.03)
    assert parts["validation"] / parts.total() == pytest.approx(0.1, abs=0.04)


def test_a_large_fraction_leaves_a_unit_to_the_other_part(tmp_path: Path) -> None:
    parameters = replace(MOSTLY_SEEN, pairs=PairShares(train=0.1, validation=0, evaluation=0.9, reference=0.1))
    manifest = split(prepare(tmp_path / "prepared", plain_rows(7, 3)), tmp_path / "out", parameters)
    assert manifest["pairs"]["seen"] == {"train": 5, "evaluation": 10}


def test_one_users_prompts_connect_no_other_users_groups(tmp_path: Path) -> None:
    joined = [Row("u0", "g0", "same", 0), Row("u0", "g1", "same", 1), Row("u0", "g2", "", 2)]
    apart = [Row(user, f"g{n}", "", 10 + n) for user in ("u1", "u2") for n in range(3)]
    manifest = split(prepare(tmp_path / "prepared", joined + apart), tmp_path / "out", MOSTLY_SEEN)
    assert manifest["units"] == {"total": 8, "largest": 2}


def test_roles_are_disjoint_and_users_table_agrees(tmp_path: Path) -> None:
    split(prepare(tmp_path / "prepared", plain_rows(40, 8)), tmp_path / "out", FRACTIONS)
    roles = {row["user_id"]: row["role"] for row in rows_of(tmp_path / "out", "users")}
    assert Counter(roles.values()) == {"seen": 20, "validation": 4, "unseen": 16}
    assert {(row["user_id"], row["role"]) for row in rows_of(tmp_path / "out")} == set(roles.items())


def test_parts_follow_the_role(tmp_path: Path) -> None:
    split(prepare(tmp_path / "prepared", plain_rows(20, 20)), tmp_path / "out", FRACTIONS)
    found = defaultdict(set)
    for row in rows_of(tmp_path / "out"):
        found[row["role"]].add(row["part"])
    assert found == {
        "seen": {"train", "validation", "evaluation"},
        "validation": {"reference", "validation"},
        "unseen": {"reference", "evaluation"},
    }


def test_ranks_count_up_from_zero_in_every_part(tmp_path: Path) -> None:
    rows = [replace(row, group=f"g{row.number // 3}", prompt="") for row in plain_rows(10, 24)]
    split(prepare(tmp_path / "prepared", rows), tmp_path / "out", FRACTIONS)
    ranks = defaultdict(list)
    for row in rows_of(tmp_path / "out"):
        ranks[row["user_id"], row["part"]].append(row["rank"])
    assert all(found == list(range(len(found))) for found in ranks.values())
    assert pq.read_schema(tmp_path / "out" / "pairs.parquet").field("rank").type == pa.int32()


def test_margins_stay_with_their_pairs(tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "prepared", plain_rows(10, 24))
    pairs = pq.read_table(prepared / "pairs.parquet").drop_columns(["margin"])
    margin = pa.array([None if n % 7 == 0 else n / 2 for n in range(len(pairs))], pa.float64())
    pq.write_table(pairs.append_column("margin", margin), prepared / "pairs.parquet")
    split(prepared, tmp_path / "out", FRACTIONS)
    expected = dict(zip(pairs["pair_id"].to_pylist(), margin.to_pylist(), strict=True))
    found = {row["pair_id"]: row["margin"] for row in rows_of(tmp_path / "out")}
    assert found and found.items() <= expected.items()


@pytest.mark.parametrize("leakage", ["within-user", "global", "pairs"])
def test_same_bytes_whatever_row_order_and_threads(tmp_path: Path, leakage: str) -> None:
    shares = {"train": 4, "validation": 0.1, "evaluation": 4, "reference": 4}  # the second unit of a count is cut
    parameters = build(SplitParameters, {"leakage": leakage, "pairs": shares}, "split")
    rows = [Row(f"u{u}", f"g{n // 3}", "", n) for u in range(15) for n in range(30)]
    first = split(prepare(tmp_path / "a", rows, ("idle",)), tmp_path / "one", parameters, threads=1)
    second = split(prepare(tmp_path / "b", rows[::-1], ("idle",)), tmp_path / "two", parameters, threads=3)
    assert first == second
    for name in ("pairs.parquet", "users.parquet", "manifest.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_another_seed_is_another_split(tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "prepared", plain_rows(20, 10))
    first = split(prepared, tmp_path / "one", FRACTIONS)
    second = split(prepared, tmp_path / "two", replace(FRACTIONS, seed=1))
    assert first["checksums"]["written"] != second["checksums"]["written"]
    assert first["checksums"]["input"] == second["checksums"]["input"]


def test_input_fingerprint_sees_a_changed_pair(tmp_path: Path) -> None:
    rows = plain_rows(5, 10)
    first = split(prepare(tmp_path / "a", rows), tmp_path / "one", FRACTIONS)
    changed = [*rows[:-1], replace(rows[-1], group="another")]
    second = split(prepare(tmp_path / "b", changed), tmp_path / "two", FRACTIONS)
    assert first["checksums"]["input"]["pairs"] != second["checksums"]["input"]["pairs"]
    assert first["checksums"]["input"]["users"] == second["checksums"]["input"]["users"]


def test_a_new_user_changes_no_other_users_order(tmp_path: Path) -> None:
    parameters = MOSTLY_SEEN
    rows = plain_rows(6, 12)
    split(prepare(tmp_path / "a", rows), tmp_path / "one", parameters)
    newcomer = [Row("aaa", f"g{n}", f"prompt {n}", n) for n in range(9)]
    split(prepare(tmp_path / "b", newcomer + rows), tmp_path / "two", parameters)
    before, after = rows_of(tmp_path / "one"), rows_of(tmp_path / "two")
    roles = [{row["user_id"]: row["role"] for row in rows} for rows in (before, after)]
    same = {user for user, role in roles[0].items() if roles[1][user] == role}
    assert len(same) >= 3  # of the six, the newcomer can push one out of validation and one out of unseen
    assert [row for row in before if row["user_id"] in same] == [row for row in after if row["user_id"] in same]


@pytest.mark.parametrize("leakage", ["within-user", "global"])
def test_users_have_orders_of_their_own(tmp_path: Path, leakage: Leakage) -> None:
    """Users who judge the same prompts must not all be evaluated on the same ones."""
    parameters = replace(MOSTLY_SEEN, leakage=leakage, pairs=PairShares(3, 0, 8, 3))
    split(prepare(tmp_path / "prepared", plain_rows(6, 50)), tmp_path / "out", parameters)
    evaluated = defaultdict(set)
    for row in rows_of(tmp_path / "out"):
        if row["part"] == "evaluation":
            evaluated[row["user_id"]].add(row["group_id"])
    assert all(one != other for one, other in combinations(evaluated.values(), 2))


def test_large_units_come_no_earlier_than_small_ones(tmp_path: Path) -> None:
    """The order of units is uniform: not the smallest draw among a unit's pairs, which would favour large units."""
    rows = [Row(f"u{u}", "large" if n < 20 else f"g{n}", "", n) for u in range(200) for n in range(40)]
    parameters = replace(MOSTLY_SEEN, pairs=PairShares(1, 0, 1, 1))
    split(prepare(tmp_path / "prepared", rows), tmp_path / "out", parameters)
    first = [row["group_id"] for row in rows_of(tmp_path / "out") if row["part"] == "evaluation"]
    assert first.count("large") / len(first) < 0.15  # 1 of 21 units; by pairs it would be 1/2


def test_pools_take_their_fractions_of_prompts(tmp_path: Path) -> None:
    parameters = SplitParameters(
        leakage="global",
        users=UserShares(seen=10, validation=4, unseen=6),
        pairs=PairShares(train=20, validation=9, evaluation=15, reference=20),
        pools=Pools(train=0.6, validation=0.1, evaluation=0.3),
    )
    prepared = prepare(tmp_path / "prepared", plain_rows(20, 100))
    manifest = split(prepared, tmp_path / "out", parameters)
    assert {pool: found["units"] for pool, found in manifest["pools"].items()} == {
        "train": 60,
        "validation": 10,
        "evaluation": 30,
    }
    assert manifest["pairs"]["seen"] == {"train": 200, "validation": 90, "evaluation": 150}
    assert manifest["pairs"]["validation"] == {"validation": 40, "reference": 80}  # all ten of the pool, not fifteen
    assert_no_leak(prepared, tmp_path / "out", "all")


def test_manifest_has_the_averages_of_vrf_table_3(tmp_path: Path) -> None:
    manifest = split(prepare(tmp_path / "prepared", plain_rows(12, 40)), tmp_path / "out", COUNTS)
    assert manifest["averages"] == {
        "seen training": {"pairs": 3.0},
        "seen evaluation": {"C": 3.0, "D": 3.0},
        "validation": {"C": 2.0, "D": 3.0},
        "unseen": {"C": 2.0, "D": 3.0},
    }
    assert manifest["per_user"]["unseen"]["evaluation"] == {"mean": 3.0, "min": 3, "median": 3.0, "max": 3}
    assert json.loads((tmp_path / "out" / "manifest.json").read_text()) == manifest


def test_users_with_too_few_pairs_are_dropped_or_named(tmp_path: Path) -> None:
    rows = [*plain_rows(10, 10), Row("poor", "g0", "", 0), Row("stuck", "g", "", 1), Row("stuck", "g", "", 2)]
    prepared = prepare(tmp_path / "prepared", rows)
    manifest = split(prepared, tmp_path / "out", FRACTIONS)
    assert manifest["users"]["dropped"] == 2
    assert manifest["pairs"]["unused"]["dropped_users"] == 3
    with pytest.raises(InputError, match=r"2 user\(s\).*poor \(1 pair\(s\) in 1 unit\(s\)\), stuck \(2 pair"):
        split(prepared, tmp_path / "refused", replace(FRACTIONS, too_few="error"))
    assert not (tmp_path / "refused").exists()


def test_roles_are_drawn_from_one_population(tmp_path: Path) -> None:
    """A user who could be unseen but not seen is dropped: else seen users would be the busier ones."""
    rows = [*plain_rows(9, 10), *(Row("short", f"g{n}", "", n) for n in range(5))]
    manifest = split(prepare(tmp_path / "prepared", rows), tmp_path / "out", COUNTS)
    assert manifest["users"]["dropped"] == 1
    assert "short" not in {row["user_id"] for row in rows_of(tmp_path / "out", "users")}


def test_more_users_asked_for_than_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"seen 4, validation 2, unseen 3, but only 5 of 5 users"):
        split(prepare(tmp_path / "prepared", plain_rows(5, 40)), tmp_path / "out", COUNTS)
    assert [path.name for path in tmp_path.iterdir()] == ["prepared"]


def test_one_giant_component_is_refused_under_the_global_rule(tmp_path: Path) -> None:
    rows = [Row(f"u{u}", f"g{n}", f"prompt {n if n % 3 else u}", n) for u in range(6) for n in range(12)]
    with pytest.raises(InputError, match="hang together through shared groups or prompts"):
        split(prepare(tmp_path / "prepared", rows), tmp_path / "out", SplitParameters(leakage="global"))


def test_missing_and_broken_tables(tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "prepared", plain_rows(5, 10))
    texts = pq.read_table(prepared / "texts.parquet")
    pq.write_table(texts.slice(1), prepared / "texts.parquet")
    with pytest.raises(InputError, match=r"5 of 50 pairs name a text that .* lacks"):
        split(prepared, tmp_path / "out", FRACTIONS)
    pq.write_table(texts.drop_columns(["prompt"]), prepared / "texts.parquet")
    with pytest.raises(InputError, match=r"lacks column\(s\) \['prompt'\]"):
        split(prepared, tmp_path / "out", FRACTIONS)
    (prepared / "texts.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match="cannot be read as parquet"):
        split(prepared, tmp_path / "out", FRACTIONS)
    (prepared / "texts.parquet").unlink()
    with pytest.raises(InputError, match="does not exist: run stage prepare"):
        split(prepared, tmp_path / "out", FRACTIONS)
    assert [path.name for path in tmp_path.iterdir()] == ["prepared"]


def test_an_older_split_survives_a_failure(tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "prepared", plain_rows(12, 40))
    before = split(prepared, tmp_path / "out", COUNTS)
    with pytest.raises(InputError):
        split(prepared, tmp_path / "out", replace(COUNTS, users=UserShares(500, 1, 1)))
    assert json.loads((tmp_path / "out" / "manifest.json").read_text()) == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "manifest.json",
        "pairs.parquet",
        "users.parquet",
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pairs": {"train": 45.0}}, "written without a point"),
        ({"pairs": {"train": 0}}, "at least 1"),
        ({"pairs": {"train": 0.6}}, "exceed 1"),
        ({"users": {"seen": 0.7}}, "exceed 1"),
        ({"users": {"validation": 0}}, "validation must be at least 1, is 0"),
        ({"users": {"unseen": 0}}, "unseen must be at least 1, is 0"),
        ({"leakage": "items-within-user", "pairs": {"train": 0.95}}, "train 0.95 \\+ pairs.validation 0.1"),
        ({"pools": {"train": 0.9}}, "exceed 1"),
        ({"leakage": "globe"}, "split.leakage"),
        ({"users": {"sen": 0.7}}, "did you mean 'seen'"),
    ],
)
def test_parameters_that_cannot_be_meant(values: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(SplitParameters, values, "split")


def test_memory_limit_that_is_no_amount(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'lots' is no amount of memory"):
        split(prepare(tmp_path / "in", plain_rows(5, 9)), tmp_path / "out", replace(FRACTIONS, memory_limit="lots"))


def test_two_splits_from_both_ends_make_every_user_unseen_once(tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "prepared", plain_rows(40, 12))
    users = UserShares(seen=0.4, validation=0.1, unseen=0.5)
    unseen = []
    for reverse in (False, True):
        out = tmp_path / f"split-{reverse}"
        split(prepared, out, SplitParameters(users=users, reverse=reverse))
        unseen.append({row["user_id"] for row in rows_of(out, "users") if row["role"] == "unseen"})
    assert not unseen[0] & unseen[1]
    assert len(unseen[0] | unseen[1]) == 40


def test_users_outside_validate_and_do_nothing_else(tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "prepared", plain_rows(20, 8))
    users = pq.read_table(prepared / "users.parquet")
    inside = pa.array([number % 4 != 0 for number in range(len(users))])
    pq.write_table(users.append_column("balanced", inside), prepared / "users.parquet")
    shares = UserShares(seen=0.5, validation=1.0, unseen=0.5)
    split(prepared, tmp_path / "out", SplitParameters(users=shares, within="balanced"))
    roles = {row["user_id"]: row["role"] for row in rows_of(tmp_path / "out", "users")}
    outside = {user for user, is_in in zip(users["user_id"].to_pylist(), inside.to_pylist(), strict=True) if not is_in}
    assert {user for user, role in roles.items() if role == "validation"} == outside
    assert Counter(roles.values()) == {"validation": 5, "seen": 7, "unseen": 8}


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array(["yes"] * 6), "must be true or false"),
        (pa.array([True, None, True, True, True, False]), "user 'u1' has no 'balanced'"),
        (None, "has no column 'balanced'"),
    ],
)
def test_a_column_that_tells_nobody_apart_is_refused(tmp_path: Path, column: pa.Array | None, words: str) -> None:
    prepared = prepare(tmp_path / "prepared", plain_rows(6, 8))
    if column is not None:
        users = pq.read_table(prepared / "users.parquet").append_column("balanced", column)
        pq.write_table(users, prepared / "users.parquet")
    with pytest.raises(InputError, match=words):
        split(prepared, tmp_path / "out", SplitParameters(within="balanced"))
    assert not (tmp_path / "out").exists()


def test_fractions_of_users_exceed_a_whole_only_where_there_are_two() -> None:
    shares = UserShares(seen=0.5, validation=1.0, unseen=0.5)
    assert SplitParameters(users=shares, within="balanced").users == shares
    with pytest.raises(ValueError, match="exceed 1"):
        SplitParameters(users=shares)


def test_unseen_users_may_be_evaluated_on_another_number_of_pairs(tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "prepared", plain_rows(20, 12))
    pairs = PairShares(train=5, validation=0, evaluation=6, reference=3, unseen_evaluation=2)
    split(prepared, tmp_path / "out", SplitParameters(users=COUNTS.users, pairs=pairs))
    sizes = {(row["user_id"], row["role"]): Counter() for row in rows_of(tmp_path / "out", "users")}
    for row in rows_of(tmp_path / "out"):
        sizes[row["user_id"], row["role"]][row["part"]] += 1
    for (_, role), found in sizes.items():
        expected = {"seen": {"train": 5, "evaluation": 6}, "unseen": {"reference": 3, "evaluation": 2}}
        assert found == expected.get(role, {"reference": 3, "validation": 2})
