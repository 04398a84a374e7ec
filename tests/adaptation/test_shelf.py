"""A shelf reads every text once, gives each its rows, and refuses states that the model does not read."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from prefactor.adaptation.shelf import Shelf, bytes_per_text
from prefactor.errors import InputError
from tests.adaptation.worlds import TEXT_IDS, TEXTS, InMemory, make_model


def test_a_text_is_read_once_whoever_asks_for_it() -> None:
    texts, model = InMemory(), make_model()
    shelf = Shelf(model, texts, TEXTS)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(shelf.rows, [TEXT_IDS[first:] + TEXT_IDS[:3] for first in range(0, TEXTS, 7)]))
    assert texts.reads.max() == 1
    assert all((rows[-3:] == found[0][:3]).all() for rows in found)
    assert sorted({row for rows in found for row in rows.tolist()}) == list(range(1, TEXTS + 1))


def test_the_two_rows_of_a_pair_are_its_first_layer_and_its_difference() -> None:
    texts, model = InMemory(), make_model()
    shelf = Shelf(model, texts, TEXTS)
    one, other = shelf.rows(TEXT_IDS[4:6]).tolist()
    assert shelf.encoder is not None and shelf.filter is not None and shelf.spread is not None
    assert model.loadings is not None
    with torch.no_grad():
        scaled = model.scaler(texts.states[4:6])
        direct = model.encoder.direct_first(scaled, torch.tensor([0]), torch.tensor([1]))[0]
        phi = model.phi(scaled)
        difference = phi[0] - phi[1]
        margins = model.loadings.mean @ difference[:-1] + difference[-1]
    torch.testing.assert_close(shelf.encoder[2 * one] + shelf.encoder[2 * other + 1], direct)
    row = shelf.filter[2 * one] + shelf.filter[2 * other + 1]
    torch.testing.assert_close(row[:6], difference[:-1])
    torch.testing.assert_close(row[6:], margins)
    spread = shelf.spread[2 * one] + shelf.spread[2 * other + 1]
    torch.testing.assert_close(spread, model.loadings.covariance @ difference[:-1])


def test_the_first_rows_are_no_text() -> None:
    shelf = Shelf(make_model(), InMemory(), TEXTS)
    shelf.rows(TEXT_IDS)
    tables = (shelf.encoder, shelf.filter, shelf.spread)
    assert all(table is not None and not table[:2].any() for table in tables)


def test_what_a_text_takes_is_told() -> None:
    for name in ("published", "default", "unmatched"):
        model = make_model(name)
        shelf = Shelf(model, InMemory(), 10)
        tables = [table for table in (shelf.encoder, shelf.filter, shelf.spread) if table is not None]
        assert sum(table[2:].nbytes for table in tables) == 10 * bytes_per_text(model)


def test_states_of_another_width_are_refused() -> None:
    texts = InMemory()
    texts.hidden = 5
    with pytest.raises(InputError, match="of width 5, but the model reads width 12: name the states"):
        Shelf(make_model(), texts, TEXTS)


def test_a_model_with_a_backbone_of_its_own_is_refused() -> None:
    model = make_model()
    model.shape = replace(model.shape, tuned=True)
    with pytest.raises(InputError, match="fine-tuned backbone of its own"):
        Shelf(model, InMemory(), TEXTS)
