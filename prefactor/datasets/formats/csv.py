"""CSV files with a header line, commas and double quotes: every cell is read as a string."""

import csv
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
from pyarrow.csv import ConvertOptions, CSVStreamingReader, InvalidRow, ParseOptions, ReadOptions, open_csv, read_csv

from prefactor.datasets.inputs import InputFile
from prefactor.datasets.rows import EXAMPLES, examples, without_content
from prefactor.errors import InputError

BLOCK_BYTES = 1 << 24
LONGEST_CELL = 1 << 24  # characters


def header(file: InputFile) -> list[str]:
    """Column names, from the first record."""
    with file.path.open(encoding="utf-8-sig", newline="") as lines:
        try:
            return next((record for record in csv.reader(lines) if record), [])
        except csv.Error as error:
            raise InputError(f"{file.path} has no readable header line ({error}): write column names there") from error


def read(file: InputFile, columns: Mapping[str, str]) -> pa.Table:
    """Those of ``columns`` that the file has, as strings; an empty cell is an empty string."""
    names = header(file)
    if file.quotes:
        _check_quotes(file)
    wanted = [name for name in dict.fromkeys(columns.values()) if name in names]
    try:
        table = _parse(file, wanted, ReadOptions(block_size=BLOCK_BYTES), None)
    except pa.ArrowInvalid as error:
        raise _ragged(file, wanted) or _unreadable(file, error) from error
    return table


def batches(file: InputFile, columns: Sequence[str]) -> Iterator[pa.Table]:
    """These columns of the file, as strings, some rows at a time."""
    if file.quotes:
        _check_quotes(file)
    try:
        with _opened(file, list(columns), ReadOptions(block_size=BLOCK_BYTES)) as reader:
            for batch in reader:
                yield pa.Table.from_batches([batch])
    except pa.ArrowInvalid as error:
        raise _ragged(file, list(columns)) or _unreadable(file, error) from error


def _unreadable(file: InputFile, error: Exception) -> InputError:
    return InputError(f"{file.path}: {without_content(error)}: write the file again as CSV")


def _parse(file: InputFile, wanted: list[str], reading: ReadOptions, invalid_row: object) -> pa.Table:
    return read_csv(file.path, reading, _parsing(invalid_row), _converting(wanted))


def _opened(file: InputFile, wanted: list[str], reading: ReadOptions) -> CSVStreamingReader:
    return open_csv(file.path, reading, _parsing(None), _converting(wanted))


def _parsing(invalid_row: object) -> ParseOptions:
    return ParseOptions(newlines_in_values=True, invalid_row_handler=invalid_row)


def _converting(wanted: list[str]) -> ConvertOptions:
    types = dict.fromkeys(wanted, pa.string())
    return ConvertOptions(column_types=types, include_columns=wanted, strings_can_be_null=False)


def _ragged(file: InputFile, wanted: list[str]) -> InputError | None:
    """The rows with too few or too many cells. Only a reader without threads knows their numbers."""
    found: list[InvalidRow] = []

    def collect(row: InvalidRow) -> str:
        found.append(row)
        return "skip"

    try:
        _parse(file, wanted, ReadOptions(block_size=BLOCK_BYTES, use_threads=False), collect)
    except pa.ArrowInvalid:
        return None
    # Arrow counts the header line as row 1.
    shown = [f"row {row.number - 1} has {row.actual_columns}" for row in found[:EXAMPLES]]
    what = f"{file.path}: {len(found)} row(s) without the header's {found[0].expected_columns} cells" if found else ""
    fix = "put cells that hold commas or line breaks between double quotes"
    return InputError(f"{what}: {examples(shown, len(found))}; {fix}") if found else None


def _check_quotes(file: InputFile) -> None:
    """Refuse a stray quotation mark: Arrow would read all up to the next one, line breaks too, as one cell."""
    csv.field_size_limit(LONGEST_CELL)
    row = 0
    with file.path.open(encoding="utf-8-sig", newline="") as lines:
        try:
            for _ in csv.reader(lines, strict=True):
                row += 1
        except csv.Error as error:
            fix = "close every double quote, and double those inside a cell"
            raise InputError(f"{file.path}: row {row}: {error}: {fix}") from error
