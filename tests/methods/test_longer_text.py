"""Longer text: its accuracy is the share that counting gives, its scale the optimum, its direction fixed."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch.nn import functional as F

from prefactor.evaluation.accuracy import margins, per_user
from prefactor.methods.base import Shape
from prefactor.methods.impersonal import PRECISION
from prefactor.methods.longer_text import LongerText, LongerTextParameters
from prefactor.preferences import PairBatch, Responses
from prefactor.surface import FEATURES, surface_features

LENGTHS = torch.randint(1, 400, (40,), generator=torch.Generator().manual_seed(0))


def world(longer_wins: float, users: int = 5, pairs: int = 40) -> PairBatch:
    """Texts of known length; the longer one wins with a given probability."""
    generator = torch.Generator().manual_seed(1)
    texts = pa.chunked_array([["a" * int(length) for length in LENGTHS]])
    responses = Responses({"surface": torch.from_numpy(surface_features(texts))}, torch.arange(len(LENGTHS)))
    first, second = torch.randint(len(LENGTHS), (2, users * pairs), generator=generator)
    second = torch.where(LENGTHS[first] == LENGTHS[second], (first + 1) % len(LENGTHS), second)
    first_wins = (torch.rand(len(first), generator=generator) < longer_wins) == (LENGTHS[first] > LENGTHS[second])
    return PairBatch(
        responses,
        torch.where(first_wins, first, second),
        torch.where(first_wins, second, first),
        torch.arange(users).repeat_interleave(pairs),
        torch.arange(users),
    )


def fitted(pairs: PairBatch, unit: str = "characters") -> LongerText:
    model = LongerText(LongerTextParameters(unit), Shape(len(FEATURES), 5), torch.Generator())
    model.fit(pairs)
    return model


def test_accuracy_is_the_share_of_pairs_that_the_longer_text_wins() -> None:
    pairs = world(0.7)
    counted = (LENGTHS[pairs.chosen] > LENGTHS[pairs.rejected]).double().view(5, 40).mean(1)
    found = per_user(margins(fitted(pairs), pairs, pairs), pairs).accuracy
    assert found.tolist() == pytest.approx(counted.tolist())
    assert found.mean() > 0.6


def test_the_scale_is_at_the_optimum() -> None:
    pairs = world(0.7)
    scale = fitted(pairs).scale.detach().double().requires_grad_()
    length = torch.log1p(LENGTHS.double())
    nats = -F.logsigmoid(scale * (length[pairs.chosen] - length[pairs.rejected])).sum() + PRECISION / 2 * scale**2
    nats.backward()
    assert scale > 0.1 and abs(float(scale.grad)) < 1e-3


def test_the_direction_is_fixed_where_the_shorter_text_wins() -> None:
    pairs = world(0.2)
    model = fitted(pairs)
    assert model.scale.item() == pytest.approx(LongerText.smallest_scale)
    assert per_user(margins(model, pairs, pairs), pairs).accuracy.mean() < 0.3


def test_words_are_another_unit() -> None:
    texts = pa.chunked_array([["one two three", "antidisestablishmentarianism"]])
    responses = Responses({"surface": torch.from_numpy(surface_features(texts))}, torch.arange(2))
    by_words, by_characters = (
        LongerText(LongerTextParameters(unit), Shape(len(FEATURES), 1), torch.Generator()).score(responses)
        for unit in ("words", "characters")
    )
    assert by_words[0] > by_words[1] and by_characters[0] < by_characters[1]


def test_it_wins_as_many_pairs_of_real_people_as_counting_says(real_data: Path) -> None:
    """prism-partial: the longer response wins 58.9 % of the pairs, as whoever made the file counted."""
    table = pq.read_table(real_data / "prism-partial" / "pairs.parquet", columns=["chosen", "rejected"])
    both = pa.chunked_array([*table["chosen"].chunks, *table["rejected"].chunks])
    rows, responses = torch.arange(len(table)), torch.from_numpy(surface_features(both))
    pairs = PairBatch(
        Responses({"surface": responses}, torch.arange(len(both))),
        rows,
        rows + len(table),
        torch.zeros_like(rows),
        torch.zeros(1, dtype=torch.long),
    )
    model = fitted(pairs)
    won = (margins(model, pairs, pairs).mean > 0).double().mean()  # counting gave a tie to nobody
    assert float(won) == pytest.approx(0.589, abs=0.001)
