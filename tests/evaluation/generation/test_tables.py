"""The files of generation: what is written comes back, what does not fit is named, folders are read as one."""

from pathlib import Path

import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.evaluation.generation.tables import (
    SCHEMAS,
    read_about,
    read_table,
    write_about,
    write_table,
)

EXAMPLE = {"user": 1, "prompt": "p", "method": "drift", "response": "r", "utility": None, "about": "{}"}


def test_tables_come_back_from_several_folders(tmp_path: Path) -> None:
    for name, response in (("a", "first"), ("b", "second")):
        write_table(tmp_path / name, "examples", pd.DataFrame([{**EXAMPLE, "response": response, "more": 1}]))
    found = read_table([tmp_path / "a", tmp_path / "nobody", tmp_path / "b"], "examples")
    assert found["response"].tolist() == ["first", "second"] and list(found.columns) == SCHEMAS["examples"].names
    assert found["user"].dtype == "int32" and found["utility"].isna().all()


@pytest.mark.parametrize("name", SCHEMAS)
def test_where_nothing_was_written_there_are_no_rows(tmp_path: Path, name: str) -> None:
    found = read_table([tmp_path], name)
    assert not len(found) and list(found.columns) == SCHEMAS[name].names
    write_table(tmp_path, name, found)
    assert not len(read_table([tmp_path], name))


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"examples lacks column\(s\) \['about'\]"):
        write_table(tmp_path, "examples", pd.DataFrame([EXAMPLE]).drop(columns="about"))
    with pytest.raises(InputError, match="cannot take its schema") as error:
        write_table(tmp_path, "examples", pd.DataFrame([{**EXAMPLE, "user": "secret"}]))
    assert "secret" not in str(error.value)
    pd.DataFrame([EXAMPLE]).drop(columns="user").to_parquet(tmp_path / "examples.parquet")
    with pytest.raises(InputError, match="expected"):
        read_table([tmp_path], "examples")
    (tmp_path / "examples.parquet").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="cannot be read"):
        read_table([tmp_path], "examples")


def test_what_all_was_made_with(tmp_path: Path) -> None:
    assert read_about([tmp_path]) == {"format_check": False, "left_out": {}}
    write_about(tmp_path / "a", {"users": 10, "format_check": True, "left_out": {"PPO": "dear"}})
    write_about(tmp_path / "b", {"users": 12, "left_out": {"DPA": "dear too"}})
    found = read_about([tmp_path / "a", tmp_path / "b"])
    assert found == {"users": 12, "format_check": True, "left_out": {"PPO": "dear", "DPA": "dear too"}}
