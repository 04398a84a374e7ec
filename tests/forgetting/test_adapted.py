"""Users who were adapted to in bulk, and sweeps: who is forgotten leaves their tables, and nobody else does."""

import fcntl
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefactor.adaptation.told import writer
from prefactor.atomic import write_json
from prefactor.errors import InputError
from prefactor.forgetting.adapted import in_adapted
from prefactor.forgetting.forgetting import forget
from tests.forgetting.project import PEOPLE, found_in, seen
from tests.forgetting.test_command import run

GROUPS = 2  # of rows, in a part


def write_part(path: Path, user_ids: list[str], pairs: int = 3) -> pa.Table:
    """A part as the bulk adaptation writes it; the whole of it, too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weight = np.random.default_rng(len(user_ids)).normal(size=(len(user_ids), 2)).astype(np.float32)
    table = pa.table(
        {
            "user_id": user_ids,
            "pairs": pa.array([pairs] * len(user_ids), pa.int64()),
            "weight": pa.array(weight.tolist(), pa.list_(pa.float32())),
            "state": pa.array([b"\0state"] * len(user_ids), pa.large_binary()),
        }
    )
    with writer(path, table.schema) as out:
        for rows in np.array_split(np.arange(len(user_ids)), GROUPS):
            out.write_table(table.take(rows))
    return table


@pytest.fixture
def adapted(root: Path) -> Path:
    """All people in two parts."""
    folder = root / "data" / "adapted" / "talks"
    write_part(folder / "part-00000.parquet", [*PEOPLE[:5]])
    write_part(folder / "part-00001.parquet", [*PEOPLE[5:]])
    write_json(folder / "adaptation.json", {"users": len(PEOPLE), "pairs": 3 * len(PEOPLE), "parts": 2, "job": "x"})
    return folder


def people_in(folder: Path) -> list[str]:
    return pq.read_table(sorted(folder.glob("*.parquet")))["user_id"].to_pylist()


def test_rows_of_theirs_leave_and_all_else_stays(root: Path, adapted: Path) -> None:
    user = PEOPLE[1]
    before = {path.name: pq.read_table(path) for path in sorted(adapted.glob("*.parquet"))}
    forget(root, user, everywhere=True)
    first, second = (pq.read_table(adapted / name) for name in before)
    assert first.equals(before["part-00000.parquet"].filter(pa.array(name != user for name in PEOPLE[:5])))
    assert second.equals(before["part-00001.parquet"])
    about = json.loads((adapted / "adaptation.json").read_text())
    assert about == {"users": len(PEOPLE) - 1, "pairs": 3 * (len(PEOPLE) - 1), "parts": 2, "job": "x"}
    assert not found_in(root, {user})


def test_of_another_dataset_they_stay(root: Path, adapted: Path) -> None:
    forget(root, "7", dataset="tunes")
    assert people_in(adapted) == [*PEOPLE]


def test_whom_only_an_adaptation_knows_is_found(root: Path) -> None:
    folder = root / "data" / "adapted" / "talks"
    write_part(folder / "part-00000.parquet", ["mia-0001", "tom-0002"])
    write_json(folder / "adaptation.json", {"users": 2, "pairs": 6})
    code, said = run("mia-0001", "--root", str(root))
    assert code == 0 and "data/adapted/talks" in said and "the user's rows" in said
    assert people_in(folder) == ["tom-0002"]


def test_a_part_of_theirs_alone_is_left_with_no_rows(root: Path) -> None:
    folder = root / "data" / "adapted" / "talks"
    schema = write_part(folder / "part-00000.parquet", ["mia-0001"]).schema
    write_json(folder / "adaptation.json", {"users": 1, "pairs": 3})
    forget(root, "mia-0001")
    assert pq.read_table(folder / "part-00000.parquet").num_rows == 0
    assert pq.read_schema(folder / "part-00000.parquet").equals(schema)


def test_work_that_was_begun_goes_whole(root: Path, adapted: Path) -> None:
    work = root / "data" / "adapted" / ".talks.parts" / "0123456789abcdef"
    write_part(work / "part-00000.parquet", [*PEOPLE[:2]])
    (work.parent / "lock").touch()
    forget(root, PEOPLE[0], everywhere=True)
    assert not work.parent.exists() and people_in(adapted) == [*PEOPLE[1:]]


def test_while_users_are_adapted_to_nobody_is_forgotten(root: Path, adapted: Path) -> None:
    lock = root / "data" / "adapted" / ".talks.parts" / "lock"
    lock.parent.mkdir()
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(InputError, match=r"are being adapted to in .*talks.parts: wait for its end"):
            forget(root, PEOPLE[0], everywhere=True)
    assert people_in(adapted) == [*PEOPLE] and found_in(root, {PEOPLE[0]})
    forget(root, PEOPLE[0], everywhere=True)
    assert people_in(adapted) == [*PEOPLE[1:]]


def test_one_with_a_damaged_table_goes_whole(root: Path, adapted: Path) -> None:
    part = adapted / "part-00001.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    forget(root, PEOPLE[0], everywhere=True)
    assert not adapted.exists()


@pytest.mark.parametrize("stop", [0, 1])
def test_stopped_between_its_files_it_is_gone_on_with(
    root: Path, adapted: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    user = seen(root)[0]
    part = next(
        path for path in sorted(adapted.glob("*.parquet")) if user in pq.read_table(path)["user_id"].to_pylist()
    )
    [removal] = in_adapted(root, "talks", [part], [user])
    name = ("prefactor.forgetting.adapted.write_json", "prefactor.forgetting.adapted._cut")[stop]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(name, _stopped)
        removal.do()
    [again] = in_adapted(root, "talks", [part], [user])
    again.do()
    assert user not in people_in(adapted)
    assert json.loads((adapted / "adaptation.json").read_text())["users"] == len(PEOPLE) - 1


def test_sweeps_that_mention_them_or_were_judged_by_them_go_whole_and_others_stay(root: Path) -> None:
    mentions, silent = f"user_id '{PEOPLE[0]}' has no pairs", "out of memory"
    for name, dataset, reason in (("one", "others", mentions), ("two", "others", silent), ("three", "talks", silent)):
        folder = root / "data" / "sweeps" / name
        write_json(folder / "sweep.json", {"dataset": dataset})
        write_json(folder / "trials" / "00000.json", {"number": 0, "state": "failed", "reason": reason})
        write_json(folder / "orders" / "00000.json", {"number": 0})
    forget(root, PEOPLE[0], everywhere=True)
    assert [path.name for path in (root / "data" / "sweeps").iterdir()] == ["two"]


def _stopped(*_: object) -> None:
    raise KeyboardInterrupt
