"""Arrays are read record by record, however they are cut into blocks, and faults are named without their words."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from prefactor.datasets.inputs import examine
from prefactor.datasets.lamp import json_array
from prefactor.datasets.lamp.json_array import read_array, read_whole
from prefactor.errors import InputError


@dataclass(frozen=True)
class Record:
    id: str
    tags: list[str]


RECORDS = [{"id": f"{n}]", "tags": ["[", '"', "é", "\\"] * n, "more": {"a": [1]}} for n in range(7)]


def written(folder: Path, text: str) -> list[tuple[str, Record]]:
    path = folder / "array.json"
    path.write_text(text, encoding="utf-8")
    return list(read_array(examine(path, "jsonl"), Record))


@pytest.mark.parametrize("size", [1, 7, 1 << 22])
@pytest.mark.parametrize("indent", [None, 2])
def test_records_do_not_depend_on_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, indent: int | None
) -> None:
    monkeypatch.setattr(json_array, "CHARACTERS", size)
    found = written(tmp_path, " \n" * (size == 1 << 22) + json.dumps(RECORDS, indent=indent) + "\n")
    assert [(one.id, one.tags) for _, one in found] == [(one["id"], one["tags"]) for one in RECORDS]
    assert found[2][0] == f"{tmp_path / 'array.json'}, record 3"
    assert written(tmp_path, "[]") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"id": 1}', "does not begin with '\\['"),
        ('[{"id": "secret", "tags": []}, {"id": "sec', "record 2: malformed or cut off"),
        ('[{"id": "secret", "tags": []}', "record 2: malformed or cut off"),
        ('[{"id": "secret"}]', "record 1: there is no field 'tags', but id: add it"),
        ('[{"id": "secret", "tags": "secret words"}]', "record 1: field 'tags' is a text of 12 characters"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        written(tmp_path, text)
    assert "secret" not in str(error.value)


def test_one_object(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text('{"id": "a", "tags": []}')
    assert read_whole(examine(path, "jsonl"), Record) == Record("a", [])
    path.write_text('{"id": "a", "tags": [}')
    with pytest.raises(InputError, match=r"one\.json: malformed JSON"):
        read_whole(examine(path, "jsonl"), Record)
