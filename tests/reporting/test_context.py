"""The context is what the files say; a broken one is named."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from prefactor.errors import InputError
from prefactor.reporting.context import ReportContext, collect
from prefactor.reporting.distribution import distribution_of


@pytest.fixture
def own_run(make_run: Callable[[Path], None], tmp_path: Path) -> Path:
    """A finished run that the test may spoil."""
    make_run(tmp_path)
    return tmp_path


def test_nothing_is_needed(tmp_path: Path) -> None:
    assert collect(tmp_path) == ReportContext()


def test_what_a_run_left_is_found(own_run: Path) -> None:
    context = collect(own_run, "3f2c1ab", dirty=True)
    facts = context.datasets["stylebench"]
    assert facts.counts == {"users": 12, "pairs": 60, "texts": 60, "groups": 30}
    assert len(facts.examples) == 2 and facts.examples[0].prompt != facts.examples[1].prompt
    assert facts.pages == {
        "tables": "reports/data_docs/stylebench/tables/index.html",
        "split": "reports/data_docs/stylebench/split/index.html",
    }
    assert facts.embeddings["minilm"]["truncated"] == 2
    assert len(context.trainings) == 6 and set(context.trainings[0].history["seed"]) == {"0", "1", "2"}
    assert (context.commit, context.dirty) == ("3f2c1ab", True)


@pytest.mark.parametrize(
    "path",
    [
        "data/prepared/stylebench/pairs.parquet",
        "data/prepared/stylebench/source.json",
    ],
)
def test_a_broken_file_is_named(path: str, own_run: Path) -> None:
    (own_run / path).write_bytes(b"PAR1[")
    with pytest.raises(InputError, match=path.rsplit("/", 1)[1]):
        collect(own_run)


@pytest.mark.parametrize("values", [[5] * 9, [1, 2, 3, 4], [0, 1000], [1] * 99 + [10_000]])
def test_a_histogram_counts_everything_but_the_tail(values: list[int]) -> None:
    found = distribution_of(pa.array(values))
    assert found is not None and (found.least, found.most) == (min(values), max(values))
    assert len(found.edges) == len(found.counts) + 1
    assert sum(found.counts) == sum(value < found.edges[-1] for value in values) >= 0.5 * len(values)


def test_words_of_people_are_not_printed(own_run: Path) -> None:
    source = own_run / "data/prepared/stylebench/source.json"
    assert collect(own_run).datasets["stylebench"].examples
    source.write_text(source.read_text().replace("stylebench", "files"))
    assert collect(own_run).datasets["stylebench"].examples == ()
