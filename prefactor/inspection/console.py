"""Tables and examples as plain text."""

import textwrap
from collections.abc import Iterator, Sequence

from prefactor.inspection.summary import Summary
from prefactor.inspection.tables import Table, everything, heading
from prefactor.reporting.examples import Example

WIDTH = 100
INDENT = "  "


def printed(summary: Summary, examples: Sequence[Example]) -> str:
    """All figures of a dataset, then the examples."""
    parts = [heading(summary), *map(plain, filter(None, everything(summary).values())), *_examples(examples)]
    return "\n\n".join(parts)


def plain(table: Table) -> str:
    """A table with its columns lined up, names and words at the left, numbers at the right."""
    lines = [("", *table.headings), *table.rows] if any(table.headings) else list(table.rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = [INDENT + "  ".join(_padded(line, widths, table.numbers)).rstrip() for line in lines]
    return "\n".join([table.title, *rows, *_wrapped(table.note)])


def visible(text: str) -> str:
    """``text`` without what a terminal would obey: control characters become spaces, line breaks stay."""
    return "".join(character if character == "\n" or character.isprintable() else " " for character in text)


def _padded(line: Sequence[str], widths: Sequence[int], numbers: bool) -> list[str]:
    sides = ("<", *(">" if numbers else "<" for _ in line[1:]))
    return [f"{cell:{side}{width}}" for cell, side, width in zip(line, sides, widths, strict=True)]


def _wrapped(text: str, indent: str = INDENT) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def _examples(examples: Sequence[Example]) -> Iterator[str]:
    for number, example in enumerate(examples, 1):
        parts = {"prompt": example.prompt, "chosen": example.chosen, "rejected": example.rejected}
        lines = [line for name, text in parts.items() if text for line in _paragraph(name, text)]
        yield "\n".join([f"Example {number}", *lines])


def _paragraph(name: str, text: str) -> Iterator[str]:
    yield f"{INDENT}{name}"
    for line in visible(text).splitlines():
        yield from _wrapped(line, INDENT * 2) or [""]
