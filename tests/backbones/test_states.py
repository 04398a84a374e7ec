"""The cache: only what is new is encoded, a kill loses at most a shard, and nothing of another backbone is read."""

import json
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prefactor.backbones import Backbone, BackboneParameters, Encoded, embed, load_backbone, open_states
from prefactor.backbones.states import FORMAT
from prefactor.errors import InputError
from prefactor.preferences import content_id

Texts = list[tuple[str, str]]
Write = Callable[[Sequence[tuple[str, str]]], Path]
TEXTS: Texts = [(f"Question {n}?", f"Answer {n}. " * (1 + n % 5)) for n in range(23)]
PARAMETERS = BackboneParameters(shard_texts=5, states_dtype="float32", device="cpu")


class Watched(Backbone):
    """A backbone that counts the texts it is given, and fails at the n-th call of encode."""

    def __init__(self, inner: Backbone, fail_at: int | None = None) -> None:
        self.__dict__.update(inner.__dict__)
        self.encoded: list[int] = []
        self.fail_at = fail_at

    def encode(self, prompts: Sequence[str], responses: Sequence[str], progress: object = None) -> Encoded:
        if len(self.encoded) == self.fail_at:
            raise KeyboardInterrupt
        self.encoded.append(len(prompts))
        return super().encode(prompts, responses)


def ids_of(texts: Texts) -> list[str]:
    return [content_id(*text) for text in texts]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_states_come_back_by_text_id(tiny: Backbone, write_texts: Write, tmp_path: Path) -> None:
    report = embed(write_texts(TEXTS), tmp_path / "cache", tiny, PARAMETERS)
    assert (report.texts, report.encoded, report.reused) == (23, 23, 0)
    states = open_states(tmp_path / "cache", tiny.identity())
    asked = [TEXTS[n] for n in (22, 0, 7, 7, 13)]
    expected = tiny.encode(*zip(*asked, strict=True)).states
    gathered = states.gather(ids_of(asked))
    assert gathered.dtype == np.float32 and len(states) == 23 and states.hidden == tiny.hidden
    np.testing.assert_allclose(gathered, expected, atol=1e-5, rtol=0)
    assert states.gather([]).shape == (0, tiny.hidden)


def test_half_precision_on_disk(tiny: Backbone, write_texts: Write, tmp_path: Path) -> None:
    path = write_texts(TEXTS)
    embed(path, tmp_path / "half", tiny, replace(PARAMETERS, states_dtype="float16"))
    embed(path, tmp_path / "full", tiny, PARAMETERS)
    half, full = (open_states(tmp_path / name).gather(ids_of(TEXTS)) for name in ("half", "full"))
    assert np.load(tmp_path / "half/shards/00000.npy").dtype == np.float16
    np.testing.assert_array_equal(half, full.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize("killed_at", [0, 1, 3])
def test_a_killed_run_resumes_from_the_last_whole_shard(
    tiny: Backbone, write_texts: Write, tmp_path: Path, killed_at: int
) -> None:
    path, folder = write_texts(TEXTS), tmp_path / "cache"
    with pytest.raises(KeyboardInterrupt):
        embed(path, folder, Watched(tiny, fail_at=killed_at), PARAMETERS)
    (folder / "shards").mkdir(exist_ok=True)
    (folder / "shards" / f"{killed_at:05d}.npy").write_bytes(b"half a shard, killed before its index was written")
    (folder / "shards" / ".00009.npy.x").write_bytes(b"scratch of a killed run")
    resumed = Watched(tiny)
    report = embed(path, folder, resumed, PARAMETERS)
    assert (report.encoded, report.reused) == (23 - 5 * killed_at, 5 * killed_at)
    assert sum(resumed.encoded) == report.encoded
    whole = embed(path, tmp_path / "whole", tiny, PARAMETERS)
    assert contents(folder) == contents(tmp_path / "whole")
    assert (report.truncated, report.tokens) == (whole.truncated, whole.tokens)


def test_nothing_new_encodes_nothing(tiny: Backbone, write_texts: Write, tmp_path: Path) -> None:
    path, folder = write_texts(TEXTS), tmp_path / "cache"
    first = embed(path, folder, tiny, PARAMETERS)
    before = contents(folder)
    again = Watched(tiny)
    report = embed(path, folder, again, replace(PARAMETERS, shard_texts=7, tokens_per_batch=64))
    assert again.encoded == [] and report.reused == 23 and contents(folder) == before
    assert (report.truncated, report.tokens) == (first.truncated, first.tokens)


def test_new_texts_are_added_and_dead_shards_go(tiny: Backbone, write_texts: Write, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    embed(write_texts(TEXTS[:12]), folder, tiny, PARAMETERS)
    watched = Watched(tiny)
    report = embed(write_texts(TEXTS[7:20]), folder, watched, PARAMETERS)
    assert (report.texts, report.encoded, report.reused, watched.encoded) == (13, 8, 5, [5, 3])
    assert not (folder / "shards/00000.npy").exists() and (folder / "shards/00001.npy").exists()
    np.testing.assert_allclose(
        open_states(folder).gather(ids_of(TEXTS[7:20])),
        tiny.encode(*zip(*TEXTS[7:20], strict=True)).states,
        atol=1e-5,
    )


def test_another_backbone_discards_the_cache(
    tiny: Backbone, gpt2_folder: Path, write_texts: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, folder = write_texts(TEXTS), tmp_path / "cache"
    embed(path, folder, tiny, PARAMETERS)
    other = load_backbone(BackboneParameters(model=str(gpt2_folder), pooling="mean", device="cpu"))
    with pytest.raises(InputError, match="was made with pooling last but the model expects mean: rerun stage embed"):
        open_states(folder, other.identity())
    with caplog.at_level(logging.WARNING):
        assert embed(path, folder, other, PARAMETERS).encoded == 23
    assert "it was made with pooling last, now mean" in caplog.text
    embed(path, tmp_path / "fresh", other, PARAMETERS)
    assert contents(folder) == contents(tmp_path / "fresh")
    caplog.clear()
    assert embed(path, folder, other, replace(PARAMETERS, states_dtype="float16")).encoded == 23
    assert "it was made with states_dtype float32, now float16" in caplog.text


def test_expected_hidden_size(tiny: Backbone, write_texts: Write, tmp_path: Path) -> None:
    embed(write_texts(TEXTS[:2]), tmp_path / "cache", tiny, PARAMETERS)
    with pytest.raises(InputError, match="was made with hidden size 24 but the model expects 1024: rerun stage embed"):
        open_states(tmp_path / "cache", {"hidden_size": 1024})


def test_truncation_is_counted_over_all_live_texts(tiny: Backbone, write_texts: Write, tmp_path: Path) -> None:
    long = [("Why? " * 90, f"Because {n}.") for n in range(3)]
    folder = tmp_path / "cache"
    assert embed(write_texts(TEXTS[:4] + long), folder, tiny, PARAMETERS).truncated == 3
    report = embed(write_texts(TEXTS + long[1:]), folder, tiny, PARAMETERS)
    assert (report.truncated, report.reused) == (2, 6)
    assert report.tokens == tiny.encode(*zip(*TEXTS, *long[1:], strict=True)).tokens.sum()


def test_missing_texts_are_named(tiny: Backbone, write_texts: Write, tmp_path: Path) -> None:
    embed(write_texts(TEXTS[:5]), tmp_path / "cache", tiny, PARAMETERS)
    states = open_states(tmp_path / "cache")
    known, unknown = ids_of(TEXTS[:5]), ids_of(TEXTS[5:7])
    with pytest.raises(InputError, match=f"lacks the states of 2 of 7 texts, e.g. text_id '{unknown[0]}': rerun"):
        states.gather([*known, *unknown])
    for wrong in (known[0] + "0", known[0][:-1], "ü", ""):
        with pytest.raises(InputError, match="1 of 1 texts"):
            states.gather([wrong])


def spoil(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "other width":
        np.save(path, np.zeros((5, 7), np.float32))
    elif how == "empty":
        path.write_bytes(b"")
    else:
        path.write_bytes(data[:-8] if how == "short" else b"not an array" + data[12:])


@pytest.mark.parametrize("name", ["00001.npy", "00001.index.npy"])
@pytest.mark.parametrize("how", ["short", "bad header", "other width", "empty"])
def test_a_damaged_shard_is_noticed_and_made_again(
    tiny: Backbone, write_texts: Write, tmp_path: Path, name: str, how: str
) -> None:
    path, folder = write_texts(TEXTS), tmp_path / "cache"
    embed(path, folder, tiny, PARAMETERS)
    spoil(folder / "shards" / name, how)
    with pytest.raises(InputError, match=r"00001.*rerun stage embed"):
        open_states(folder)
    assert embed(path, folder, tiny, PARAMETERS).encoded == 5
    assert len(open_states(folder, tiny.identity()).gather(ids_of(TEXTS))) == 23


def test_no_cache_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no states.*run stage embed"):
        open_states(tmp_path)
    (tmp_path / "meta.json").write_text("{")
    with pytest.raises(InputError, match=r"its meta.json is missing or damaged: run stage embed"):
        open_states(tmp_path)
    (tmp_path / "meta.json").write_text('{"format": 1}')
    with pytest.raises(InputError, match=r"it is of format 1, now 2: run stage embed"):
        open_states(tmp_path)


def test_states_too_large_for_half_precision(
    tiny: Backbone, write_texts: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, one = tiny.encode(*zip(*TEXTS[:1], strict=True)), (1, tiny.hidden)
    huge = replace(read, states=np.full(one, 1e5, np.float32))
    monkeypatch.setattr(Backbone, "encode", lambda *args: huge)
    with pytest.raises(InputError, match=r"reach 1e\+05, too large for float16: use states_dtype float32"):
        embed(write_texts(TEXTS[:1]), tmp_path / "cache", tiny, replace(PARAMETERS, states_dtype="float16"))
    assert not list((tmp_path / "cache").glob("shards/*"))


def test_tables_that_cannot_be_embedded(tiny: Backbone, write_texts: Write, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 text_id"):
        embed(write_texts([TEXTS[0], TEXTS[0]]), tmp_path / "cache", tiny, PARAMETERS)
    with pytest.raises(InputError, match="cannot be read as a table"):
        embed(tmp_path / "nowhere.parquet", tmp_path / "cache", tiny, PARAMETERS)
    assert not (tmp_path / "cache").exists()


def test_a_text_id_is_the_hash_of_its_text(tiny: Backbone, write_texts: Write, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = write_texts(TEXTS[:2])
    table = pq.read_table(path)
    changed = table.set_column(2, table.schema.field("response"), pa.array(["edited", TEXTS[1][1]]))
    pq.write_table(changed, path)
    with pytest.raises(InputError, match=r"row 0: text_id .* is no hash of its text"):
        embed(path, tmp_path / "cache", tiny, PARAMETERS)


@pytest.mark.parametrize("size", [1, 4, 7])
def test_batches_of_any_size_make_the_same_cache(
    tiny: Backbone, write_texts: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    for texts, name in ((TEXTS[9:12], "few"), (TEXTS, "all")):
        embed(write_texts(texts), tmp_path / "once", tiny, PARAMETERS)
        with monkeypatch.context() as patch:
            patch.setattr("prefactor.backbones.parts.BATCH", size)
            watched = Watched(tiny)
            embed(write_texts(texts), tmp_path / "batches", watched, PARAMETERS)
        assert watched.encoded == ([3] if name == "few" else [5, 5, 5, 5])
        assert contents(tmp_path / "batches") == contents(tmp_path / "once")


def test_faults_of_later_batches_are_named_by_their_row(tiny: Backbone, write_texts: Write, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = write_texts([("Question?", f"Answer {n}.") for n in range(1500)])
    table = pq.read_table(path)
    edited = [f"Answer {n if n != 1234 else 0}." for n in range(1500)]
    pq.write_table(table.set_column(2, table.schema.field("response"), pa.array(edited)), path)
    with pytest.raises(InputError, match=r"texts.*parquet, row 1234: text_id"):
        embed(path, tmp_path / "cache", tiny, PARAMETERS)
    pq.write_table(pa.concat_tables([table, table.slice(1400)]), path)
    with pytest.raises(InputError, match=r"100 text_id\(s\) occur more than once"):
        embed(path, tmp_path / "cache", tiny, PARAMETERS)
    pq.write_table(table.drop_columns("response"), path)
    with pytest.raises(InputError, match="cannot be read as a table of text_id, prompt, response"):
        embed(path, tmp_path / "cache", tiny, PARAMETERS)
    assert not (tmp_path / "cache").exists()


def test_texts_of_another_dataset_are_copied(tiny: Backbone, write_texts: Write, tmp_path: Path) -> None:
    embed(write_texts(TEXTS), tmp_path / "one", tiny, PARAMETERS)
    watched, more = Watched(tiny), [*TEXTS[3:], ("Another question?", "Another answer.")]
    report = embed(write_texts(more), tmp_path / "two", watched, PARAMETERS, [tmp_path / "none", tmp_path / "one"])
    assert (report.texts, report.encoded, report.reused, watched.encoded) == (21, 1, 20, [1])
    both = [open_states(tmp_path / name).gather(ids_of(TEXTS[3:])) for name in ("one", "two")]
    np.testing.assert_array_equal(*both)
    whole = embed(write_texts(more), tmp_path / "alone", tiny, PARAMETERS)
    assert (report.tokens, report.truncated) == (whole.tokens, whole.truncated)


def test_states_made_otherwise_or_damaged_are_not_copied(tiny: Backbone, write_texts: Write, tmp_path: Path) -> None:
    path = write_texts(TEXTS)
    embed(path, tmp_path / "half", tiny, replace(PARAMETERS, states_dtype="float16"))
    embed(path, tmp_path / "damaged", tiny, PARAMETERS)
    for shard in (tmp_path / "damaged" / "shards").glob("*0.npy"):
        shard.write_bytes(shard.read_bytes()[:90])
    others = [tmp_path / "half", tmp_path / "damaged"]
    report = embed(path, tmp_path / "cache", tiny, PARAMETERS, others)
    assert report.encoded == 5 and report.reused == 18


def remake_meta(folder: Path, **identity: object) -> None:
    """As if the cache had been made by a backbone with another identity."""
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "identity": {**meta["identity"], **identity}}))


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("revision", "0123abcd", "0123abcd", "None"),
        ("weights_sha256", "feed", "feed", "[0-9a-f]{64}"),
        ("tokenizer_sha256", "feed", "feed", "[0-9a-f]{64}"),
        ("layout", "chat template", "chat template", "prompt, blank line, response"),
        ("pooling", "mean_response", "mean_response", "last"),
        ("pooling", "last of layers 1", "last of layers 1", "last"),
        ("max_tokens", 64, "64", "128"),
        ("compute_dtype", "bfloat16", "bfloat16", "float32"),
    ],
)
def test_a_cache_made_otherwise_is_refused_with_what_differs(
    tiny: Backbone,
    write_texts: Write,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    key: str,
    value: object,
    old: str,
    new: str,
) -> None:
    path, folder = write_texts(TEXTS[:3]), tmp_path / "cache"
    embed(path, folder, tiny, PARAMETERS)
    remake_meta(folder, **{key: value})
    spoken = key.replace("_", " ")
    with pytest.raises(InputError, match=f"made with {spoken} {old} but the model expects {new}: rerun stage embed"):
        open_states(folder, tiny.identity())
    with caplog.at_level(logging.WARNING):
        assert embed(path, folder, tiny, PARAMETERS).encoded == 3
    assert re.search(f"discarding .*cache: it was made with {key} {old}, now {new}$", caplog.text)
    assert len(open_states(folder, tiny.identity())) == 3


def test_a_cache_of_another_format_is_refused_and_made_again(
    tiny: Backbone, write_texts: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, folder = write_texts(TEXTS[:3]), tmp_path / "cache"
    embed(path, folder, tiny, PARAMETERS)
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "format": FORMAT - 1}))
    with pytest.raises(InputError, match=rf"it is of format {FORMAT - 1}, now {FORMAT}: run stage embed"):
        open_states(folder, tiny.identity())
    with caplog.at_level(logging.WARNING):
        assert embed(path, folder, tiny, PARAMETERS).encoded == 3
    assert re.search(rf"discarding .*format.*{FORMAT}", caplog.text)


def test_a_text_whose_state_is_no_number_is_named(
    save_tiny: Callable[..., Path], write_texts: Write, tmp_path: Path
) -> None:
    backbone = load_backbone(BackboneParameters(model=str(save_tiny("qwen3")), device="cpu"))
    spoilt = int(backbone.tokenise([""], ["#"]).ids[0][0])
    backbone.engine.forward.model.get_input_embeddings().weight[spoilt] = float("nan")
    texts = [*TEXTS[:7], ("What is this?", "A # sign."), *TEXTS[7:9]]
    with pytest.raises(InputError, match=f"not finite, .* of text_id '{content_id(*texts[7])}'") as error:
        embed(write_texts(texts), tmp_path / "cache", backbone, PARAMETERS)
    assert "sign" not in str(error.value)
    assert len(open_states(tmp_path / "cache")) == 5  # what was whole before stays


def test_log_probabilities_and_lost_responses_are_kept(tiny: Backbone, write_texts: Write, tmp_path: Path) -> None:
    texts = [*TEXTS[:6], ("Why? " * 90, "Because."), ("Why?", "0" * 200)]
    report = embed(write_texts(texts), tmp_path / "cache", tiny, PARAMETERS)
    assert (report.truncated, report.cut) == (2, 1) and 0 < report.computed <= report.tokens
    read = tiny.encode(*zip(*texts, strict=True))
    found = open_states(tmp_path / "cache").likelihood(ids_of(texts[::-1]))
    assert read.log_probability is not None
    np.testing.assert_allclose(found[::-1, 0], read.log_probability, rtol=1e-4)
    np.testing.assert_array_equal(found[::-1, 1], read.response_tokens)


def test_a_cache_without_log_probabilities_says_so(gpt2_folder: Path, write_texts: Write, tmp_path: Path) -> None:
    without = load_backbone(BackboneParameters(model=str(gpt2_folder), device="cpu", log_probabilities=False))
    embed(write_texts(TEXTS[:3]), tmp_path / "cache", without, PARAMETERS)
    with pytest.raises(InputError, match=r"holds no log-probabilities: .* or has log_probabilities false"):
        open_states(tmp_path / "cache").likelihood(ids_of(TEXTS[:2]))


def test_log_probabilities_are_of_all_texts_or_none(
    tiny: Backbone, gpt2_folder: Path, write_texts: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "cache"
    without = load_backbone(BackboneParameters(model=str(gpt2_folder), device="cpu", log_probabilities=False))
    assert embed(write_texts(TEXTS[:2]), folder, tiny, PARAMETERS).encoded == 2
    assert embed(write_texts(TEXTS[:3]), folder, without, PARAMETERS).encoded == 1
    with pytest.raises(InputError, match="holds no log-probabilities"):
        open_states(folder).likelihood(ids_of(TEXTS[:3]))
    assert embed(write_texts(TEXTS[:3]), folder, tiny, PARAMETERS).encoded == 3
    assert "it was made with log_probabilities False, now True" in caplog.text
    assert np.isfinite(open_states(folder).likelihood(ids_of(TEXTS[:3]))).all()
