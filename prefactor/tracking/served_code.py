"""The code that travels with a model: what its entry imports, however far, and no more of this package.

So a change elsewhere makes no new version, and nothing that is needed can be left behind.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import prefactor

PACKAGE = Path(prefactor.__file__).parent
ENTRY = PACKAGE / "serving" / "entry.py"


@cache
def served_code() -> tuple[Path, ...]:
    """The files, by path; imports inside functions count too."""
    found: set[Path] = set()
    waiting = [ENTRY]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [file for module in _imported(path) if (file := _file_of(module)) is not None]
            waiting += [folder / "__init__.py" for folder in path.parents if PACKAGE in (folder, *folder.parents)]
    return tuple(sorted(found))


def _imported(path: Path) -> Iterator[str]:
    """What a file imports of this package: modules, and names that may be modules."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] == PACKAGE.name)


def _file_of(module: str) -> Path | None:
    """The module's file; None where the name is something in a module."""
    place = PACKAGE.parent.joinpath(*module.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)
