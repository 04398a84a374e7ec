"""A fingerprint of what trials read: a sweep's scores compare only if all of them come from the same data."""

import hashlib
from pathlib import Path

from prefactor import layout
from prefactor.errors import InputError

ARRAYS = ".npy"
META = "meta.json"
INDEX = ".index.npy"  # says which texts' states an array holds, and meta.json whose: the array itself may be large


def fingerprint(root: Path, dataset: str, backbone: str) -> str:
    """16 hex digits for the split's pairs, the cache of states and the surface features below ``root``.

    Raises InputError if there is no split yet, or no cache.
    """
    pairs = layout.split(dataset) / "pairs.parquet"
    for made in (pairs, layout.states(dataset, backbone) / META):
        if not (root / made).is_file():
            raise InputError(f"{root / made} does not exist: run the flow rebuild, or `dvc repro`, first")
    digest = hashlib.sha256()
    for folder in (layout.states(dataset, backbone), layout.surface(dataset)):
        for path in sorted(path for path in (root / folder).rglob("*") if path.is_file()):
            _add(digest, path, path.relative_to(root))
    _add(digest, root / pairs, pairs)
    return digest.hexdigest()[:16]


def _add(digest: "hashlib._Hash", path: Path, name: Path) -> None:
    digest.update(f"{name.as_posix()} {path.stat().st_size}\n".encode())
    if path.suffix != ARRAYS or path.name.endswith(INDEX):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
