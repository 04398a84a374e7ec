"""Rows of a segment: their places, sums and means, whatever their order and however many there are."""

import torch

from prefactor.segments import places, segment_mean, segment_sum


def test_places_number_each_segments_rows_in_order_of_appearance() -> None:
    place, count = places(torch.tensor([2, 0, 2, 2, 0]), 4)
    assert place.tolist() == [0, 0, 1, 2, 1] and count.tolist() == [2, 0, 3, 0]
    place, count = places(torch.empty(0, dtype=torch.long), 2)
    assert place.tolist() == [] and count.tolist() == [0, 0]


def test_sums_and_means_leave_an_empty_segment_at_zero() -> None:
    values, segment = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), torch.tensor([2, 0, 2])
    assert segment_sum(values, segment, 3).tolist() == [[3, 4], [0, 0], [6, 8]]
    assert segment_mean(values, segment, 3).tolist() == [[3, 4], [0, 0], [3, 4]]
