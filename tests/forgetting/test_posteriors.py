"""A saved model without some users: their rows gone, everybody else's bit for bit what they were."""

import json
import shutil
from collections.abc import Collection
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from prefactor.errors import InputError
from prefactor.forgetting.posteriors import has_rows_of_users, in_model, knows
from prefactor.methods import METHODS
from prefactor.methods.base import Shape, UserState
from prefactor.methods.storage import load_model, load_users, save_model, save_users
from prefactor.seeds import generator

USERS = ("ada", "7", "zoë", "71", "user-0000001")
OF_USERS = {"lore": "logits", "pal": "logits", "pref": "user_weight", "prob": "user_weight", "eb": "first.user_weight"}


def write_model(folder: Path, method: str) -> None:
    """An untrained model with states of its seen users."""
    kind = METHODS[method]
    model = kind(kind.Parameters(), Shape(6, len(USERS), 9), generator(0, method))  # type: ignore[call-arg]
    save_model(model, folder)
    draw = torch.Generator().manual_seed(1)
    state = {"weight": torch.randn(len(USERS), 3, generator=draw), "count": torch.arange(5.0)}
    state["spread"] = torch.randn(len(USERS), 2, 2, generator=draw)
    save_users(folder, USERS, UserState(state))


def assert_without(folder: Path, before: Path, lost: Collection[str], method: str) -> None:
    kept = [row for row, name in enumerate(USERS) if name not in lost]
    names, state = load_users(folder)
    assert names == [USERS[row] for row in kept]
    for name, tensor in load_file(before / "users.safetensors").items():
        assert torch.equal(state[name], tensor[kept]), name
    old, new = load_model(before).state_dict(), load_model(folder).state_dict()
    for name, tensor in old.items():
        assert torch.equal(new[name], tensor[kept] if name == OF_USERS.get(method) else tensor), name


@pytest.mark.parametrize("method", ["vrf", "bt", *OF_USERS])
@pytest.mark.parametrize("lost", [{"7"}, {"ada", "user-0000001"}])
def test_others_rows_are_what_they_were(tmp_path: Path, method: str, lost: set[str]) -> None:
    write_model(tmp_path / "model", method)
    shutil.copytree(tmp_path / "model", tmp_path / "before")
    assert knows(tmp_path / "model", lost) and has_rows_of_users(tmp_path / "model") == (method in OF_USERS)
    for _ in range(2):
        in_model(tmp_path / "model", lost).do()
        assert_without(tmp_path / "model", tmp_path / "before", lost, method)
    assert not knows(tmp_path / "model", lost)


@pytest.mark.parametrize("method", ["lore", "vrf"])
def test_stopped_after_any_file_it_can_be_gone_on_with(tmp_path: Path, method: str) -> None:
    """Files change one by one, names last; any number of the new ones beside the rest of the old ones."""
    write_model(tmp_path / "before", method)
    shutil.copytree(tmp_path / "before", tmp_path / "after")
    in_model(tmp_path / "after", {"7"}).do()
    order = ["model.safetensors", "model.json", "users.safetensors"]
    for done in range(len(order) + 1):
        shutil.copytree(tmp_path / "before", tmp_path / f"stopped-{done}")
        for name in order[:done]:
            shutil.copy(tmp_path / "after" / name, tmp_path / f"stopped-{done}" / name)
        in_model(tmp_path / f"stopped-{done}", {"7"}).do()
        assert_without(tmp_path / f"stopped-{done}", tmp_path / "before", {"7"}, method)


def test_users_beside_no_model_are_cut_too(tmp_path: Path) -> None:
    write_model(tmp_path, "vrf")
    (tmp_path / "model.json").unlink()
    in_model(tmp_path, {"7"}).do()
    assert "7" not in load_users(tmp_path)[0]


def test_a_model_that_this_code_cannot_read_goes_whole(tmp_path: Path) -> None:
    write_model(tmp_path / "model", "vrf")
    description = json.loads((tmp_path / "model" / "model.json").read_text())
    (tmp_path / "model" / "model.json").write_text(json.dumps({**description, "method": "forgotten"}))
    removal = in_model(tmp_path / "model", {"7"})
    assert removal.what == "the whole folder"
    removal.do()
    assert not (tmp_path / "model").exists()


def test_tensors_that_do_not_fit_their_names_are_an_error(tmp_path: Path) -> None:
    write_model(tmp_path, "vrf")
    (tmp_path / "users.json").write_text(json.dumps([*USERS, "one", "more"]))
    with pytest.raises(InputError, match=r"users.safetensors has \[5\] rows for 7 users"):
        in_model(tmp_path, {"7"}).do()


@pytest.mark.parametrize("name", ["users.safetensors", "model.safetensors", "users.json"])
def test_a_model_with_a_torn_file_goes_whole(tmp_path: Path, name: str) -> None:
    write_model(tmp_path / "model", "lore")
    torn = tmp_path / "model" / name
    torn.write_bytes(torn.read_bytes()[:-3])
    in_model(tmp_path / "model", {"7"}).do()
    assert not (tmp_path / "model").exists()
