"""How pages are made: templates in which nothing is left undefined and everything is escaped."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent  # macros and styles that all pages share


def environment(*folders: Path) -> Environment:
    """Templates of some folders, and the report's own."""
    return Environment(
        loader=FileSystemLoader([*folders, HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
