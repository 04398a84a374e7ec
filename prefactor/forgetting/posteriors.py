"""What a saved model keeps of single users: their cached states, and rows of its weights; rewritten without some."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from prefactor.atomic import atomic_file, write_json
from prefactor.errors import InputError
from prefactor.forgetting.removal import Removal, whole_folder
from prefactor.forgetting.reseal import reseal, sealed
from prefactor.methods import METHODS
from prefactor.methods.base import Shape
from prefactor.methods.storage import MODEL, USER_IDS, USER_TENSORS, WEIGHTS
from prefactor.parameters import build
from prefactor.reading import read_json, read_object
from prefactor.serving.seal import digest

FIX = "rerun stage train-encoder"


def knows(folder: Path, user_ids: Collection[str]) -> bool:
    """Does a saved model name some of these users."""
    try:
        return not set(user_ids).isdisjoint(_names(folder))
    except InputError:  # damaged: it names nobody, and a file that still has the id is found by that
        return False


def in_model(folder: Path, user_ids: Collection[str], store: Path | None = None) -> Removal:
    """How a saved model loses what it keeps of some users alone; their part in its other weights remains.

    One that this version of the code cannot read, or with a damaged file, goes whole. ``store`` is MLflow's, which has
    the hash of a packed model.
    """
    try:
        _names(folder)
        _is_readable(folder / USER_TENSORS)
        if has_rows_of_users(folder):
            _is_readable(folder / WEIGHTS)
    except InputError:
        return whole_folder(folder)
    return Removal(folder, "the cached state of the user", lambda: _rewrite(folder, set(user_ids), store))


def has_rows_of_users(folder: Path) -> bool:
    """Does a saved model have weights with a row for every user it was trained on."""
    return (folder / MODEL).is_file() and bool(_weights_by_user(read_object(folder / MODEL, FIX)))


def _is_readable(path: Path) -> None:
    """Raises InputError for tensors that are not there or not whole."""
    try:
        with safe_open(path, "pt"):
            pass
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read ({error}): {FIX}") from error


def _names(folder: Path) -> list[str]:
    names = read_json(folder / USER_IDS, FIX)
    if not isinstance(names, list):
        raise InputError(f"{folder / USER_IDS} must hold a JSON list of user ids: {FIX}")
    return names


def _rewrite(folder: Path, user_ids: set[str], store: Path | None) -> None:
    """Tensors first, names last: as long as these tell which rows are whose, a killed rewriting can be gone on with."""
    names, published = _names(folder), sealed(folder)
    kept = [row for row, name in enumerate(names) if name not in user_ids]
    sound = _cut_weights(folder, kept, len(names), published) if (folder / MODEL).is_file() else []
    sound += _cut(folder / USER_TENSORS, None, kept, len(names), published)
    left = [names[row] for row in kept]
    if published.get(USER_IDS) in (None, digest(folder / USER_IDS)):
        reseal(folder, [name for name in sound if name in published], left, store)
    write_json(folder / USER_IDS, left)


def _cut_weights(folder: Path, kept: list[int], users: int, published: Mapping[str, str]) -> list[str]:
    """Rows of a model's free parameters; its description tells how many users it has from now on."""
    description = read_object(folder / MODEL, FIX)
    by_user = _weights_by_user(description)
    if not by_user:
        return []
    sound = _cut(folder / WEIGHTS, by_user, kept, users, published)
    write_json(folder / MODEL, {**description, "shape": {**description["shape"], "seen_users": len(kept)}})
    return [*sound, MODEL]


def _cut(
    path: Path, only: Collection[str] | None, kept: list[int], users: int, published: Mapping[str, str]
) -> list[str]:
    """Keep some rows of the tensors that have one per user, all of them or ``only`` some; nothing if that was done.

    The file's name, unless it was not what was ``published``.
    """
    try:
        tensors = load_file(path)
    except (FileNotFoundError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read ({error}): {FIX}") from error
    chosen = set(tensors) if only is None else set(only)
    rows = {tensors[name].shape[0] for name in chosen}
    if rows <= {len(kept)}:
        return [path.name]
    if rows != {users}:
        raise InputError(f"{path} has {sorted(rows)} rows for {users} users: {FIX}")
    sound = [path.name] if published.get(path.name) in (None, digest(path)) else []
    left = {name: tensor[kept].contiguous() if name in chosen else tensor for name, tensor in tensors.items()}
    with atomic_file(path) as scratch:
        save_file(left, scratch)
    return sound


def _weights_by_user(description: dict[str, Any]) -> set[str]:
    """Names of the weights that grow with the number of seen users."""
    if description.get("method") not in METHODS:
        raise InputError(f"{MODEL}: unknown method {description.get('method')!r}: {FIX}")
    kind = METHODS[description["method"]]
    settings = build(kind.Parameters, description["parameters"], MODEL)
    shape = Shape(**description["shape"])
    shapes = [replace(shape, seen_users=shape.seen_users + more) for more in (0, 1)]
    one, other = (kind(settings, each, torch.Generator()).state_dict() for each in shapes)  # type: ignore[call-arg]
    return {name for name, tensor in one.items() if tensor.shape != other[name].shape}
