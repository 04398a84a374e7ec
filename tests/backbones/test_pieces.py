"""Pieces of what a cache lacks: each becomes one shard, whoever encodes it, of the cache's own backbone alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prefactor.backbones import Backbone, BackboneParameters, embed, open_states
from prefactor.backbones.pieces import Missing, Piece
from prefactor.backbones.shards import shard_names
from prefactor.errors import InputError
from prefactor.preferences import content_id
from prefactor.progress import Progress

Write = Callable[[Sequence[tuple[str, str]]], Path]
TEXTS = [(f"Question {n // 3}? " * 9, f"Answer {n}. " * (1 + n % 5)) for n in range(40)]
IDS = [content_id(*text) for text in TEXTS]


@pytest.fixture
def parameters(gpt2_folder: Path) -> BackboneParameters:
    return BackboneParameters(model=str(gpt2_folder), shard_texts=64, states_dtype="float32", device="cpu")


def encoded(pieces: Sequence[Piece]) -> Mapping[str, int]:
    return {piece.name: piece.encode(Progress("embed", None, "texts")) for piece in pieces}


def test_pieces_in_any_order_are_the_cache(
    tiny: Backbone, parameters: BackboneParameters, write_texts: Write, tmp_path: Path
) -> None:
    seen: list[Piece] = []

    def encode(missing: Missing) -> Mapping[str, int]:
        seen.extend(missing.pieces(7))
        return encoded(seen[::-1])

    path = write_texts(TEXTS)
    report = embed(path, tmp_path / "cache", tiny, parameters, encode=encode)
    assert [len(piece) for piece in seen] == [6, 6, 6, 6, 6, 6, 4], "cut where prompts change"
    assert [piece.name for piece in seen] == shard_names(tmp_path / "cache") and report.encoded == len(TEXTS)
    plain = embed(path, tmp_path / "plain", tiny, parameters)
    assert (plain.tokens, plain.truncated) == (report.tokens, report.truncated)
    states = [open_states(tmp_path / name).gather(IDS) for name in ("cache", "plain")]
    np.testing.assert_allclose(*states, atol=1e-5)


def test_a_piece_of_an_earlier_plan_is_not_written(
    tiny: Backbone, parameters: BackboneParameters, write_texts: Write, tmp_path: Path
) -> None:
    late: list[Piece] = []

    def forget(missing: Missing) -> Mapping[str, int]:
        late.extend(missing.pieces(7))
        return encoded(late[:2])

    path = write_texts(TEXTS)
    assert embed(path, tmp_path / "cache", tiny, parameters, encode=forget).computed > 0
    report = embed(path, tmp_path / "cache", tiny, parameters)
    assert (report.encoded, report.reused) == (28, 12)
    with pytest.raises(InputError, match="another run has taken over"):
        encoded(late[2:3])
    assert len(open_states(tmp_path / "cache")) == len(TEXTS)


def test_a_process_with_another_backbone_is_refused(
    tiny: Backbone, parameters: BackboneParameters, write_texts: Write, tmp_path: Path
) -> None:
    def encode(missing: Missing) -> Mapping[str, int]:
        return encoded(replace(missing, identity={**missing.identity, "hidden_size": 5}).pieces(50))

    with pytest.raises(InputError, match=r"hidden_size is .*, trained with 5: install the same versions"):
        embed(write_texts(TEXTS), tmp_path / "cache", tiny, parameters, encode=encode)
