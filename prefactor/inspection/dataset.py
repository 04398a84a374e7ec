"""What is looked at: a dataset of params.yaml, or a file or folder of one's own preferences."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prefactor import layout
from prefactor.datasets import load
from prefactor.errors import InputError
from prefactor.parameters import load_parameters, nearest
from prefactor.preferences import Preferences
from prefactor.preparation import Keeper, key_variable_of

SECTION = "datasets"
OWN = "files"  # the source of files of one's own


@dataclass(frozen=True)
class Dataset:
    """A dataset by name: what it is made from, by which source, and how it is split.

    ``where`` is the place of ``options`` for messages, ``split`` None where nobody said how. ``prepared`` is the
    folder of its prepared tables, which need not exist. ``root`` holds the list of forgotten users, None for a file of
    one's own; ``key_variable`` names the key of its pseudonyms, None for no pseudonyms.
    """

    name: str
    source: str
    input: Path
    where: str
    options: Mapping[str, Any] = field(default_factory=dict)
    split: Mapping[str, Any] | None = None
    prepared: Path | None = None
    root: Path | None = None
    key_variable: str | None = None

    def load(self) -> Preferences:
        """Load it by its source, as stage prepare does."""
        kept = self.kept()
        return kept(load(self.source, self.options, self.input, self.where))

    def kept(self) -> Callable[[Preferences], Preferences]:
        """What takes from loaded preferences what the pipeline may hold. Asked for before loading: it needs the key.

        Raises InputError for a key that is not there.
        """
        if self.root is None:
            return lambda preferences: preferences
        return Keeper(self.root, self.name, self.key_variable).kept


def own_file(path: Path, options: Mapping[str, Any], source: str = OWN) -> Dataset:
    """A file or folder that is no dataset of params.yaml. Only the source ``files`` takes ``options``.

    Raises InputError if it does not exist, and for options of another source, which reads it as published.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist: check its name")
    if options and source != OWN:
        told = ", ".join(f"--{name.replace('_', '-')}" for name in options)
        raise InputError(f"{told} beside --source {source}: that reads files as they were published, leave {told} out")
    return Dataset(path.absolute().name, source, path, "options", options)


def named_dataset(name: str, params: Path) -> Dataset:
    """A dataset of the file ``params``, whose folder is what paths in it are relative to.

    Raises InputError naming the nearest known dataset, or the key that is missing.
    """
    known = _sections(params)
    if name not in known:
        raise InputError(f"{params} has no dataset {name!r}{nearest(name, known, 'datasets')}")
    values = known[name]
    if missing := [key for key in ("source", "input") if not isinstance(values.get(key), str)]:
        raise InputError(f"{params}: {SECTION}.{name} names no {' and no '.join(missing)}: add it")
    return Dataset(
        name,
        values["source"],
        params.parent / values["input"],
        f"{SECTION}.{name}.options",
        values.get("options") or {},
        values.get("split") or {},
        params.parent / layout.prepared(name),
        params.parent,
        key_variable_of(load_parameters(params), name),
    )


def dataset_or_file(name: str, params: Path, options: Mapping[str, Any], source: str | None = None) -> Dataset:
    """The dataset ``name`` of ``params`` or, where that has none, the file or folder of that name, by ``source``."""
    known = _sections(params) if params.exists() else {}
    if name in known:
        if options or source is not None:
            what = f"{name} is a dataset of {params}, which says how it is read"
            raise InputError(f"{what}: leave the options for files of your own out, or name it by ./{name}")
        return named_dataset(name, params)
    path = Path(name)
    if not path.exists():
        there = nearest(name, known, "datasets") if known else ""
        raise InputError(f"{name} is neither a dataset of {params} nor a file or folder{there}")
    return own_file(path, options, source or OWN)


@contextmanager
def prepared_tables(dataset: Dataset) -> Iterator[Path]:
    """The folder of a dataset's prepared tables; where there is none, it is loaded into one that does not stay."""
    for folder in (dataset.prepared, dataset.input):
        if folder is not None and (folder / "source.json").is_file():
            yield folder
            return
    with TemporaryDirectory(prefix="prefactor-") as work:
        folder = Path(work, dataset.name)
        dataset.load().save(folder)
        yield folder


def _sections(params: Path) -> Mapping[str, Any]:
    found = load_parameters(params).get(SECTION) or {}
    if not isinstance(found, Mapping) or not all(isinstance(values, Mapping) for values in found.values()):
        raise InputError(f"{params}: {SECTION} must be a mapping of names to sections")
    return found
