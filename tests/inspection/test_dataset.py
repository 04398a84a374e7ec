"""Names are looked for in params.yaml first; what is loaded for a look does not stay."""

from pathlib import Path

import pytest
import yaml

from prefactor.errors import InputError
from prefactor.inspection.dataset import dataset_or_file, named_dataset, own_file, prepared_tables
from prefactor.inspection.summary import summarise
from tests.inspection.small import prepare

ROWS = [("anna", "p", "a", "b"), ("ben", "p", "b", "a")]
CSV = "rater,prompt,chosen,rejected\nanna,p,a,b\nben,p,b,a\nben,p,a,c\n"


@pytest.fixture
def params(tmp_path: Path) -> Path:
    """A project with one dataset, whose input is beside params.yaml."""
    section = {"source": "files", "input": "own.csv", "options": {"columns": {"user_id": "rater"}}, "split": {}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"datasets": {"mine": section}}))
    (tmp_path / "own.csv").write_text(CSV)
    return tmp_path / "params.yaml"


def test_a_dataset_is_loaded_where_it_is_not_prepared(params: Path) -> None:
    """By paths that are relative to params.yaml, into a folder that does not stay."""
    dataset = dataset_or_file("mine", params, {})
    before = sorted(params.parent.rglob("*"))
    with prepared_tables(dataset) as folder:
        assert summarise(folder, "mine").counts["pairs"] == 3
    assert not folder.exists() and sorted(params.parent.rglob("*")) == before


def test_prepared_tables_are_taken_as_they_are(params: Path) -> None:
    folder = prepare(params.parent / "data" / "prepared" / "mine", ROWS)
    with prepared_tables(named_dataset("mine", params)) as found:
        assert found == folder and summarise(found, "mine").counts["pairs"] == 2
    with prepared_tables(dataset_or_file(str(folder), params, {})) as found:
        assert found == folder, "a folder of prepared tables can be named too"


def test_only_loading_needs_the_key_of_pseudonyms(params: Path) -> None:
    params.write_text(params.read_text() + "pseudonyms: {mine: NO_SUCH_KEY}\n")
    dataset = named_dataset("mine", params)
    with pytest.raises(InputError, match="NO_SUCH_KEY"), prepared_tables(dataset):
        pass
    folder = prepare(params.parent / "data" / "prepared" / "mine", ROWS)
    with prepared_tables(dataset) as found:
        assert found == folder


def test_a_file_of_ones_own_needs_no_params(params: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    options = {"columns": {"user_id": "rater"}}
    for dataset in (own_file(file, options), dataset_or_file(str(file), tmp_path / "none.yaml", options)):
        assert (dataset.name, dataset.source, dataset.split) == ("own.csv", "files", None)
        with prepared_tables(dataset) as folder:
            assert summarise(folder, dataset.name).counts["users"] == 2


def test_what_cannot_be_meant_is_named(params: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"min is neither a dataset of .*params.yaml nor a file .*did you mean 'mine'"):
        dataset_or_file("min", params, {})
    with pytest.raises(InputError, match=r"mine is a dataset of .*leave the options .* or name it by \./mine"):
        dataset_or_file("mine", params, {"columns": {"user_id": "rater"}})
    with pytest.raises(InputError, match="has no dataset 'nine'; did you mean 'mine'"):
        named_dataset("nine", params)
    with pytest.raises(InputError, match="does not exist: check its name"):
        own_file(tmp_path / "nowhere.csv", {})
    with pytest.raises(InputError, match=r"datasets.mine.options: unknown key 'colums'"):
        params.write_text(params.read_text().replace("columns", "colums"))
        with prepared_tables(named_dataset("mine", params)):
            pass
    for content, said in (
        ("datasets: [mine]", "datasets must be a mapping"),
        ("datasets: {mine: {input: own.csv}}", "datasets.mine names no source: add it"),
        ("run: {}", "has no dataset 'mine'"),
    ):
        params.write_text(content)
        with pytest.raises(InputError, match=said):
            named_dataset("mine", params)
