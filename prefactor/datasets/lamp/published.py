"""The published files of one task and split: found in a folder, and read person by person."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from prefactor.datasets.inputs import Format, InputFile, combined_sha256, examine
from prefactor.datasets.lamp.json_array import read_array, read_whole
from prefactor.datasets.lamp.person import Person, person_of
from prefactor.datasets.lamp.tasks import REVIEWS, WITH_OUTPUTS, Outputs, Reviewer, Task
from prefactor.datasets.published import published_folder
from prefactor.datasets.records import read_records
from prefactor.errors import InputError
from prefactor.parameters import nearest
from prefactor.preferences import SEPARATOR

QUESTIONS, OUTPUTS = "_questions.json", "_outputs.json"
ROWS: Mapping[str, Format] = {".parquet": "parquet", ".jsonl": "jsonl"}
CANDIDATES = "candidates"  # how files begin that are ours
HELD = f"dev{QUESTIONS} and dev{OUTPUTS} of LaMP-4 or LaMP-5, or LongLaMP's files of product_review_user"


@dataclass(frozen=True)
class Published:
    """One task's files of one split, read anew by each call of :meth:`people`."""

    folder: Path
    task: Task
    split: str
    files: tuple[InputFile, ...]

    @property
    def sha256(self) -> str:
        """Of all files."""
        return combined_sha256(self.files)

    def people(self) -> Iterator[Person]:
        """All people in the files' order; of a reviewer who is there twice the first question.

        Raises InputError, with file and record, for a record that is none, for a question that is there twice or has
        no answer, and for an id, question or answer that is empty.
        """
        found = self._reviewers() if self.task is REVIEWS else self._questions()
        for place, person in found:
            _check(place, person)
            yield person

    def rows(self, people: int) -> list[int]:
        """Records of each file, of which there are as many as ``people`` in either of LaMP's two."""
        if self.task is not REVIEWS:
            return [people] * len(self.files)
        return [sum(1 for _ in read_records(file, Reviewer)) for file in self.files]

    def _questions(self) -> Iterator[tuple[str, Person]]:
        questions, outputs = self.files
        golds = {str(gold.id): gold.output for gold in read_whole(outputs, Outputs).golds}
        known: set[str] = set()
        for place, record in read_array(questions, self.task.question):
            name = str(record.id)
            if name in known:
                raise InputError(f"{place}: the id was there before: keep one")
            if name not in golds:
                raise InputError(f"{place}: {outputs.path.name} has no output for its id: take both from one release")
            known.add(name)
            yield place, person_of(self.task, name, record, golds[name])

    def _reviewers(self) -> Iterator[tuple[str, Person]]:
        known: set[str] = set()
        for file in self.files:
            for place, record in read_records(file, self.task.question):
                if record.reviewerId not in known:
                    known.add(record.reviewerId)
                    yield place, person_of(self.task, record.reviewerId, record, record.output)


def find_published(folder: Path, split: str | None = None) -> Published:
    """The files of ``split`` in a folder, at any depth; None for the only split that is there.

    The outputs say which task it is; rows with question and answer in one are LongLaMP's. Raises InputError where
    files are missing, and where several splits or tasks could be meant.
    """
    published_folder(folder, None, None, ())
    found = _questions_files(folder) or _row_files(folder)
    if not found:
        raise InputError(f"{folder} holds no published question: put {HELD} in it")
    if split is not None and split not in found:
        raise InputError(f"{folder} has no split {split!r}{nearest(split, found, 'splits')}")
    if split is None and len(found) > 1:
        raise InputError(f"{folder} has the splits {', '.join(sorted(found))}: name one as split")
    name = split or next(iter(found))
    return _opened(folder, name, found[name])


def _questions_files(folder: Path) -> dict[str, list[Path]]:
    """Split -> files of questions."""
    return _by_split((path.name.removesuffix(QUESTIONS), path) for path in _visible(folder, f"*{QUESTIONS}"))


def _row_files(folder: Path) -> dict[str, list[Path]]:
    """Split -> files of rows, whose names begin with it: ``train-00000-of-00002.parquet``."""
    paths = [path for suffix in ROWS for path in _visible(folder, f"*{suffix}")]
    return _by_split((path.stem.split("-")[0], path) for path in paths if not path.name.startswith(CANDIDATES))


def _visible(folder: Path, pattern: str) -> list[Path]:
    found = (path for path in folder.rglob(pattern) if path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _by_split(named: Iterable[tuple[str, Path]]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for split, path in named:
        found.setdefault(split, []).append(path)
    return found


def _opened(folder: Path, split: str, paths: list[Path]) -> Published:
    if len({path.parent for path in paths}) > 1:
        places = ", ".join(sorted({str(path.parent) for path in paths}))
        raise InputError(f"{folder} has the split {split!r} more than once, in {places}: name one of these folders")
    if not paths[0].name.endswith(QUESTIONS):
        return Published(folder, REVIEWS, split, tuple(examine(path, ROWS[path.suffix]) for path in paths))
    beside = paths[0].with_name(f"{split}{OUTPUTS}")
    if not beside.is_file():
        fix = "put it there, or name a split whose outputs are published (train, dev)"
        raise InputError(f"{paths[0]} has no {beside.name} beside it: {fix}")
    questions, outputs = (examine(path, "jsonl") for path in (paths[0], beside))
    named = read_whole(outputs, Outputs).task
    if named not in WITH_OUTPUTS:
        raise InputError(f"{beside}: field 'task' is {named[:20]!r}: only {' and '.join(WITH_OUTPUTS)} are read")
    return Published(folder, WITH_OUTPUTS[named], split, (questions, outputs))


def _check(place: str, person: Person) -> None:
    for name, text in (("id", person.id), ("input", person.prompt), ("output", person.gold)):
        if not text.strip():
            raise InputError(f"{place}: the {name} is empty: fill it in or remove the record")
    for text in (person.prompt, *(item.prompt for item in person.items)):
        if SEPARATOR in text:
            raise InputError(f"{place}: the control character U+001F in a text: remove the character")
