"""What several commands take, and how it is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import typer

from prefactor.errors import InputError

Params = Annotated[Path, typer.Option(help="The file that describes datasets.")]
Columns = Annotated[
    str | None,
    typer.Option(help="Columns of a file of your own: user_id=rater,group_id=talk.", metavar="NAME=COLUMN,..."),
]
Source = Annotated[
    str | None,
    typer.Option(help="Read published files, not your own: jester, lamp, personalllm, prism or tldr.", metavar="NAME"),
]

DecisionOut = Annotated[
    Path | None, typer.Option(help="Leave the decision and its evidence there too.", metavar="FOLDER")
]
TrackingUri = Annotated[
    str | None, typer.Option(help="The MLflow store; MLFLOW_TRACKING_URI, or mlruns/mlflow.db below the root.")
]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """An error of the system becomes an InputError that names ``path``."""
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise InputError(f"cannot write {path} ({why}): name a file in a folder you may write to") from error


def check_output(path: Path) -> None:
    """Raise InputError if no file can be written there; a folder that does not exist is not made."""
    with writing(path):
        if path.is_dir():
            raise InputError(f"{path} is a folder: name a file in it")
        if not path.parent.is_dir():
            raise InputError(f"cannot write {path}: the folder {path.parent} does not exist: make it first")
        with TemporaryFile(dir=path.parent):
            pass


def check_output_folder(path: Path) -> None:
    """Raise InputError if no file can be written into that folder, which is made if need be."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path):
            pass


def run_dataset(root: Path, dataset: str | None) -> str:
    """The dataset that is meant: the one named, or the only one of the run. InputError if the run has several."""
    if dataset is not None:
        return dataset
    from prefactor.parameters import load_parameters

    names = (load_parameters(root / "params.yaml").get("run") or {}).get("datasets") or []
    if len(names) != 1:
        raise InputError(f"the run has {len(names)} datasets ({', '.join(names)}): name one with --dataset")
    return str(names[0])


def read_columns(text: str | None) -> dict[str, str]:
    """``user_id=rater,chosen=better`` as a mapping of normalized names to columns."""
    found: dict[str, str] = {}
    for part in (text or "").split(","):
        name, equals, column = (piece.strip() for piece in part.partition("="))
        if text and not (name and equals and column):
            raise InputError(f"--columns: {part!r} is not NAME=COLUMN: write e.g. user_id=rater,group_id=talk")
        if name in found:
            raise InputError(f"--columns: {name} is given twice: keep one")
        if name:
            found[name] = column
    return found
