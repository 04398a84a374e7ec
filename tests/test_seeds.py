"""Seeds: the same for the same purpose, unrelated for any other."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from prefactor.seeds import generator, mixed_seed


def test_seeds_are_the_same_on_every_machine() -> None:
    """The number is 63 bits of ``printf '0\\x1fvrf\\x1fepisodes' | sha256sum``."""
    assert mixed_seed(0, "vrf", "episodes") == 8603138020323688051


@given(st.integers(), st.lists(st.text() | st.integers(), max_size=3))
def test_seeds_fit_every_generator(seed: int, purpose: list[str | int]) -> None:
    mixed = mixed_seed(seed, *purpose)
    assert 0 <= mixed < 2**63
    assert mixed == mixed_seed(seed, *purpose)


def test_neighbouring_seeds_and_purposes_never_meet() -> None:
    seeds = {mixed_seed(seed, purpose, step) for seed in range(20) for purpose in ("a", "b") for step in range(20)}
    assert len(seeds) == 800
    assert mixed_seed(1, "23") != mixed_seed(12, "3")
    assert mixed_seed(0, "ab") != mixed_seed(0, "a", "b")


def test_streams_repeat_and_do_not_correlate() -> None:
    def draw(seed: int, purpose: str) -> torch.Tensor:
        return torch.randn(4096, generator=generator(seed, purpose))

    assert torch.equal(draw(0, "init"), draw(0, "init"))
    streams = torch.stack([draw(0, "init"), draw(1, "init"), draw(0, "order"), draw(1, "order")])
    correlation = torch.corrcoef(streams) - torch.eye(4)  # (4,4)
    assert correlation.abs().max() < 0.08, "five standard errors of 1 / sqrt(4096)"
