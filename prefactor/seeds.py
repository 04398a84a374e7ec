"""Seeds for independent purposes, mixed from one number so that no two streams coincide."""

import hashlib

import torch


def mixed_seed(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose, e.g. ``mixed_seed(0, "vrf", "episodes")``.

    Neighbouring seeds and different purposes give unrelated streams, which ``seed + 1`` would not:
    run 0's second stream must never be run 1's first.
    """
    text = "\x1f".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *purpose: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A torch generator seeded for one purpose."""
    return torch.Generator(device=device).manual_seed(mixed_seed(seed, *purpose))
