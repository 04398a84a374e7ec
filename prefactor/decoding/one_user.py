"""The workshop for one user of a project, by the names that a person gives; or what is missing, and how it is made."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from prefactor import layout
from prefactor.backbones.weights import OWN
from prefactor.decoding.workshop import Workshop
from prefactor.errors import InputError
from prefactor.parameters import load_parameters, nearest, section
from prefactor.preparation import key_variable_of
from prefactor.pseudonyms import Pseudonyms


def workshop_of(params: Path, user_id: str, dataset: str | None = None, model: str | None = None) -> Workshop:
    """The workshop for one user of the project whose parameters are ``params``.

    ``dataset`` and ``model`` default to the first that section ``generation`` names, else ``run``. Raises InputError
    for an unknown one, with the nearest, and where data or model are not there, with the stage that makes them.
    """
    values, root = load_parameters(params), params.parent
    place = _named(values, dataset, "datasets", "datasets")
    writer = _named(values, model, "models", "backbones")
    _check_data(root, place)
    _check_model(values, root, writer)
    return Workshop(values, place, writer, root, _known_as(values, root, place, user_id))


def _named(values: Mapping[str, Any], name: str | None, ours: str, known: str) -> str:
    """The name, or the first of the list ``ours`` of section generation, or of ``known`` of section run."""
    if name is None:
        chosen = section(values, "generation").get(ours) or section(values, f"run.{known}")
        name = str(chosen[0])
    if name not in section(values, known):
        raise InputError(f"unknown {known.removesuffix('s')} {name!r}{nearest(name, values[known], known)}")
    return name


def _check_data(root: Path, dataset: str) -> None:
    made = {"prepare": layout.prepared(dataset) / "texts.parquet", "split": layout.split(dataset) / "pairs.parquet"}
    for stage, path in made.items():
        if not (root / path).is_file():
            raise InputError(f"{root / path} is not there: run `dvc repro {stage}` (of a study: `make study`)")


def _check_model(values: Mapping[str, Any], root: Path, name: str) -> None:
    path = root / section(values, f"backbones.{name}").get("model", "")
    if path.is_relative_to(root / OWN) and not path.is_dir():
        raise InputError(
            f"{path} is not there: with {name!r} in run.backbones, run `dvc repro language-model` (of a study: "
            "`make study`)"
        )


def _known_as(values: Mapping[str, Any], root: Path, dataset: str, user_id: str) -> str:
    """The id in the split: where users have pseudonyms, that of the id that was given, unless it is one itself."""
    variable = key_variable_of(values, dataset)
    if variable is None:
        return user_id
    listed = pq.read_table(root / layout.split(dataset) / "users.parquet", columns=["user_id"])["user_id"].to_pylist()
    return user_id if user_id in listed else Pseudonyms.from_variable(variable).of(user_id)
