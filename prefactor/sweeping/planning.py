"""From params.yaml and what was asked for to a sweep's settings, or a clear error before anything is trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefactor.choices import choices_of
from prefactor.errors import InputError
from prefactor.parameters import build, merged, nearest, section
from prefactor.sweeping.fingerprint import fingerprint
from prefactor.sweeping.parameters import SweepParameters
from prefactor.sweeping.settings import SweepSettings


def planned(root: Path, parameters: Mapping[str, Any], asked: Mapping[str, Any], choices: bool) -> SweepSettings:
    """The settings of a sweep of the data below ``root``.

    ``asked`` are those fields of SweepSettings that params.yaml, here ``parameters``, does not give. Without
    ``choices`` the first of a model's choices is all that is trained. Raises InputError for what there is not.
    """
    method, variant = asked["method"], asked["variant"]
    dataset, backbone = asked["dataset"], asked["backbone"]
    for name, kind in ((dataset, "datasets"), (backbone, "backbones")):
        known = section(parameters, kind)
        if name not in known:
            raise InputError(f"{kind} has no {name!r}{nearest(name, known, kind)}")
    sweep = build(SweepParameters, parameters.get("sweep"), "sweep")
    sweep.space(method, variant)  # raises for one that is none
    base = section(parameters, f"methods.{method}.{variant}")
    values = {
        **asked,
        "shots": sweep.shots,
        "base": base if choices else with_first_choice(base),
        "space": sweep.spaces[method][variant],
        "data": fingerprint(root, dataset, backbone),
    }
    return build(SweepSettings, values, "sweep")


def with_first_choice(base: Mapping[str, Any]) -> dict[str, Any]:
    """A variant's parameters with the first of its model's choices and no others."""
    model, choices = choices_of(base.get("model") or {})
    return {**base, "model": merged(model, choices[0] if choices else {})}


def check_trials(settings: SweepSettings, trials: int) -> None:
    """Raise InputError unless a sweep of so many trials can be had: a grid is tried whole."""
    if trials < 1:
        raise InputError(f"trials must be at least 1, got {trials}")
    if settings.how == "grid" and (size := len(settings.searched.grid())) > trials:
        raise InputError(f"the grid has {size} configurations, but trials is {trials}: raise it, or shorten the lists")


def rebuild_targets(parameters: Mapping[str, Any], settings: SweepSettings) -> list[str]:
    """The stages that bring what was swept up to date. Raises InputError if the pipeline does not train it."""
    run, cell = section(parameters, "run"), settings.cell
    for kind, name in (
        ("datasets", cell.dataset),
        ("backbones", cell.backbone),
        ("methods", cell.method),
        ("variants", cell.variant),
    ):
        if name not in run.get(kind, []):
            raise InputError(f"run.{kind} has no {name!r}, so a rebuild would not train it: add it, or do not rebuild")
    return [f"evaluate@{cell}", "compare"]
