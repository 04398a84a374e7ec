"""The split of real human preferences: several pairs an interaction, few interactions a user."""

import os
from collections import Counter, defaultdict
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from prefactor.splitting import SplitParameters, split


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """prism-partial as normalized tables."""
    if not (data := os.environ.get("PREFACTOR_REAL_DATA")):
        pytest.skip("PREFACTOR_REAL_DATA names no folder of real data")
    folder = tmp_path_factory.mktemp("prism-partial")
    source = f"read_parquet('{Path(data) / 'prism-partial' / 'pairs.parquet'}')"
    text_id = "substr(sha256(prompt || chr(31) || {0}), 1, 32)"
    chosen, rejected = text_id.format("chosen"), text_id.format("rejected")
    tables = {
        "texts": f"""SELECT DISTINCT {text_id.format("response")} AS text_id, prompt, response
            FROM (SELECT prompt, chosen AS response FROM {source} UNION SELECT prompt, rejected FROM {source})""",
        "pairs": f"""SELECT DISTINCT
            substr(sha256(concat_ws(chr(31), user_id, {chosen}, {rejected})), 1, 32) AS pair_id, user_id,
            interaction_id AS group_id, {chosen} AS chosen, {rejected} AS rejected, NULL::DOUBLE AS margin
            FROM {source}""",
        "users": f"SELECT DISTINCT user_id FROM {source}",
    }
    with duckdb.connect() as connection:
        for name, query in tables.items():
            connection.execute(f"COPY ({query}) TO '{folder / name}.parquet' (FORMAT parquet)")
    return folder


def test_real_users_are_split_by_interaction(prepared: Path, tmp_path: Path) -> None:
    manifest = split(prepared, tmp_path / "out", SplitParameters())
    assert manifest["users"]["total"] == 176
    assert manifest["users"]["dropped"] <= 5
    parts, prompts = defaultdict(set), dict(pq.read_table(prepared / "texts.parquet").select([0, 1]).to_pandas().values)
    rows = pq.read_table(tmp_path / "out" / "pairs.parquet").to_pylist()
    for row in rows:
        parts[row["user_id"], row["group_id"]].add(row["part"])
        parts[row["user_id"], prompts[row["chosen"]]].add(row["part"])
    assert all(len(found) == 1 for found in parts.values())
    counts = Counter((row["role"], row["part"]) for row in rows)
    seen = sum(count for (role, _), count in counts.items() if role == "seen")
    assert counts["seen", "evaluation"] / seen == pytest.approx(0.5, abs=0.05)
    assert counts["seen", "validation"] / seen == pytest.approx(0.1, abs=0.05)


def test_real_prompts_can_be_kept_apart_globally(prepared: Path, tmp_path: Path) -> None:
    manifest = split(prepared, tmp_path / "out", SplitParameters(leakage="global"))
    prompts = dict(pq.read_table(prepared / "texts.parquet").select([0, 1]).to_pandas().values)
    pools = defaultdict(set)
    for row in pq.read_table(tmp_path / "out" / "pairs.parquet").to_pylist():
        pools[prompts[row["chosen"]]].add("train" if row["part"] in ("train", "reference") else row["part"])
    assert all(len(found) == 1 for found in pools.values())
    assert manifest["users"]["dropped"] < 60
