"""Bytes of a state."""

import torch

from prefactor.serving.users.packing import packed, unpacked


def test_a_state_comes_back_as_it_was_even_from_rows_of_something_larger():
    whole = {"belief": torch.randn(3, 2, 5), "count": torch.arange(3.0), "spread": torch.eye(5).expand(3, 5, 5)}
    one = {name: tensor[1:2] for name, tensor in whole.items()}
    back = unpacked(packed(one))
    assert back.keys() == one.keys()
    assert all(torch.equal(back[name], one[name]) for name in one)
    assert len(packed(one)) < 600  # one row, not the tensors that it is cut from


def test_damaged_bytes_are_no_state():
    data = packed({"count": torch.zeros(1)})
    assert unpacked(data[:-1]) is None
    assert unpacked(b"") is None
    assert unpacked(b"\xff" * len(data)) is None
