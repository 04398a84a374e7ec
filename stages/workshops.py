"""What the stages of personal generation share: the workshop of a language model, and who is written for."""

from collections.abc import Mapping
from typing import Any

import torch

from prefactor import layout
from prefactor.cohorts import Cohort
from prefactor.decoding.parameters import GenerationParameters
from prefactor.decoding.people import Asked, evaluation_prompts
from prefactor.decoding.workshop import Workshop
from prefactor.evaluation.generation.settings import CHECK
from prefactor.parameters import build, load_parameters, section
from prefactor.reading import read_object

FEW = 10  # people a language model of our own is tried on where it has not read the world: that everything runs


def generation_parameters() -> GenerationParameters:
    """Section ``generation``."""
    return build(GenerationParameters, section(load_parameters(), "generation"), "generation")


def open_workshop(model: str, dataset: str | None = None, keeps: bool = False) -> Workshop:
    """The workshop of a language model and a dataset, by default the one that texts are written for.

    ``keeps`` as in ``Workshop``.
    """
    values = load_parameters()
    torch.set_num_threads(int(section(values, "run.threads")))
    place = generation_parameters().datasets[0] if dataset is None else dataset
    if is_format_check(values, model, place):
        given = section(values, "generation")
        values = {**values, "generation": {**given, "users": min(given.get("users", FEW), FEW)}}
    return Workshop(values, place, model, keeps=keeps)


def is_format_check(values: Mapping[str, Any], model: str, dataset: str) -> bool:
    """Whether a language model of our own meets text of another source than it was trained on.

    It can neither read nor write that, so that figures say only that everything runs.
    """
    own = section(values, "language_models").get(model)
    return own is not None and source_of(values, own["dataset"]) != source_of(values, dataset)


def source_of(values: Mapping[str, Any], dataset: str) -> str:
    """What a dataset is made from."""
    return str(section(values, f"datasets.{dataset}.source"))


def asked_prompts(workshop: Workshop) -> list[Asked]:
    """The prompts that texts are written for."""
    place = layout.prepared(workshop.dataset), layout.split(workshop.dataset)
    return evaluation_prompts(*place, workshop.parameters.prompts)


def identity_of(workshop: Workshop) -> dict[str, str]:
    """The columns that all result rows share; the setting says of a format check that it is one."""
    checked = is_format_check(load_parameters(), workshop.name, workshop.dataset)
    protocol = read_object(layout.split(workshop.dataset) / "manifest.json")["parameters"]["leakage"]
    named = {"dataset": workshop.dataset, "backbone": workshop.name, "variant": "default"}
    return {**named, "protocol": protocol, "setting": CHECK if checked else "", "run": ""}


def adapted(workshop: Workshop) -> Cohort:
    """The people for whom something of their own is trained."""
    return workshop.people.cohort.first(workshop.parameters.adapters.users)
