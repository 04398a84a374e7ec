"""Models and user states on disk: safetensors for tensors, JSON for everything else, never pickle."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from prefactor.atomic import atomic_folder, write_json
from prefactor.errors import InputError
from prefactor.methods import METHODS
from prefactor.methods.base import RewardModel, Shape, UserState
from prefactor.parameters import as_dict, build
from prefactor.reading import read_json, read_object

WEIGHTS, MODEL = "model.safetensors", "model.json"
USER_TENSORS, USER_IDS = "users.safetensors", "users.json"
RERUN = "rerun stage train-encoder"


def save_model(model: RewardModel, folder: Path | str) -> None:
    """Write model.safetensors and model.json, whole or not at all."""
    description = {
        "method": model.name,
        "parameters": as_dict(model.settings),
        "shape": _shape(model),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with atomic_folder(folder) as scratch:
        save_file(tensors, scratch / WEIGHTS)
        write_json(scratch / MODEL, description)


def _shape(model: RewardModel) -> dict[str, int | bool]:
    """Whether a backbone was tuned only where it was: models from before there was a choice stay as they are."""
    shape = dataclasses.asdict(model.shape)
    return shape if model.shape.tuned else {name: value for name, value in shape.items() if name != "tuned"}


def load_model(folder: Path | str, device: torch.device | str = "cpu") -> RewardModel:
    """Read a model back, in evaluation mode. Raises InputError if the folder does not hold a whole model."""
    folder = Path(folder)
    description = read_object(folder / MODEL, RERUN)
    name = description["method"]
    if name not in METHODS:
        raise InputError(f"{folder / MODEL}: unknown method {name!r}; known: {', '.join(sorted(METHODS))}")
    kind = METHODS[name]
    settings = build(kind.Parameters, description["parameters"], f"{folder / MODEL}: parameters")
    model = kind(settings, Shape(**description["shape"]), torch.Generator())  # type: ignore[call-arg]
    model.load_state_dict(_read_tensors(folder / WEIGHTS))
    return model.to(device).eval()


def save_users(folder: Path | str, user_ids: Sequence[str], users: UserState) -> None:
    """Write users.safetensors and users.json: the cached states of users, in the order of ``user_ids``."""
    if len(user_ids) != len(users):
        raise ValueError(f"{len(user_ids)} user ids for {len(users)} states")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: tensor.detach().cpu().contiguous() for name, tensor in users.tensors.items()}, folder / USER_TENSORS
    )
    write_json(folder / USER_IDS, list(user_ids))


def load_users(folder: Path | str) -> tuple[list[str], UserState]:
    """Read user ids and their states back."""
    folder = Path(folder)
    user_ids = read_json(folder / USER_IDS, RERUN)
    users = UserState(_read_tensors(folder / USER_TENSORS))
    if len(user_ids) != len(users):
        raise InputError(f"{folder}: {len(user_ids)} user ids for {len(users)} states: rerun stage train-encoder")
    return user_ids, users


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (FileNotFoundError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read ({error}): rerun stage train-encoder") from error
