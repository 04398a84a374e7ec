"""``prefactor policy-candidates``: texts for people of LaMP and LongLaMP, scored against their own words."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from prefactor.errors import InputError

SILENT = {"DO_NOT_TRACK": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
SECTION = "policies"
MODELS = ("model", "small", "embeddings")


def policy_candidates(
    folder: Annotated[Path, typer.Argument(help="Published files of one task of LaMP or LongLaMP.")],
    model: Annotated[
        str | None, typer.Option(help="Who writes: a backbone of the parameters, a folder or a hub id.")
    ] = None,
    params: Annotated[
        Path | None, typer.Option(help=f"YAML with the section `{SECTION}`, and `backbones` that it may name.")
    ] = None,
    policies: Annotated[str | None, typer.Option(help="base,retrieved,exact,drift: all or some.")] = None,
    split: Annotated[str | None, typer.Option(help="Published split: train, dev, ...")] = None,
    people: Annotated[int | None, typer.Option(help="Write for so many people.", min=1)] = None,
    samples: Annotated[int | None, typer.Option(help="Texts of a question and policy.", min=2)] = None,
    output: Annotated[Path | None, typer.Option(help="By default candidates.parquet in the folder.")] = None,
) -> None:
    """Let a language model write candidates for people, and score each by ROUGE against what the person wrote.

    Options override the section. A run that was killed goes on where it was. Read the file by `source: lamp`.
    """
    os.environ.update({name: os.environ.get(name, value) for name, value in SILENT.items()})
    from prefactor.datasets.lamp.published import find_published
    from prefactor.decoding.policies.writing import write_candidates

    given: dict[str, Any] = {"model": model, "split": split, "people": people, "samples": samples}
    given["policies"] = None if policies is None else [name.strip() for name in policies.split(",")]
    parameters = read_policies(params, {name: value for name, value in given.items() if value is not None})
    published = find_published(folder, parameters.split)
    place = output or folder / "candidates.parquet"
    left_out = write_candidates(published, parameters, place)
    if left_out:
        typer.echo(f"{left_out} queries left out: their prompts are too long for the model", err=True)
    typer.echo(f"{place} ({place.stat().st_size / 2**20:,.1f} MiB): {published.task.name}, split {published.split}")


def read_policies(params: Path | None, changes: Mapping[str, Any]) -> Any:
    """``PolicyParameters`` of the section in a file, with changes. Raises InputError, also where no model is named."""
    from prefactor.decoding.policies.parameters import PolicyParameters
    from prefactor.parameters import build, load_parameters

    values = {} if params is None else load_parameters(params)
    section = values.get(SECTION) or {}
    if not isinstance(section, Mapping):
        raise InputError(f"{params}: {SECTION} must be a mapping, but is {section!r}")
    chosen = {**section, **changes}
    if not chosen.get("model"):
        raise InputError(f"no model is named: give --model, or model in the section {SECTION} of --params")
    named = {name: _backbone(chosen[name], values, params) for name in MODELS if chosen.get(name) is not None}
    if "embeddings" in named:
        named["embeddings"] = {**named["embeddings"], "log_probabilities": False}
    return build(PolicyParameters, {**chosen, **named}, SECTION)


def _backbone(name: Any, values: Mapping[str, Any], params: Path | None) -> dict[str, Any]:
    """A backbone of the section ``backbones`` by its name; any other name is a folder's or a hub's."""
    if isinstance(name, Mapping):
        return dict(name)
    found = (values.get("backbones") or {}).get(name)
    if found is None:
        return {"model": name}
    local = (params or Path()).parent / str(found.get("model"))
    return {**found, "model": str(local)} if local.is_dir() else dict(found)
