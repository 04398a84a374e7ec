"""Write the parameters of a study: the project's own, with what the study changes.

A study is a folder with links to the pipeline and its code, and a ``study.yaml`` that says what differs from the
project's params.yaml. It has data, models and reports of its own: `dvc repro` in the project's root stays small.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from prefactor.atomic import atomic_file
from prefactor.errors import InputError
from prefactor.parameters import load_parameters
from stages.running import run

STUDIES = Path("studies")
WHOLE = ("datasets",)  # sections that a study replaces: it has its own data and only that
HEADER = "# Written from params.yaml and study.yaml by `make study`: edit those.\n"


def study(name: str) -> None:
    """Write studies/``name``/params.yaml."""
    folder = STUDIES / name
    if not (folder / "study.yaml").is_file():
        known = sorted(path.parent.name for path in STUDIES.glob("*/study.yaml"))
        raise InputError(f"there is no study {name!r}: {', '.join(known)}")
    changes = load_parameters(folder / "study.yaml")
    parameters = load_parameters()
    for section in WHOLE:
        if section in changes:
            parameters[section] = {}
    with atomic_file(folder / "params.yaml") as scratch:
        merged = yaml.safe_dump(merge(parameters, changes), sort_keys=False)
        scratch.write_text(HEADER + merged, encoding="utf-8")
    print(f"wrote {folder / 'params.yaml'}", file=sys.stderr)


def merge(base: Any, changes: Any) -> Any:
    """``base`` with ``changes``: mappings are merged key by key, everything else is replaced."""
    if not (isinstance(base, dict) and isinstance(changes, dict)):
        return changes
    return {
        key: merge(base[key], changes[key]) if key in base and key in changes else {**base, **changes}[key]
        for key in {**base, **changes}
    }


if __name__ == "__main__":
    run(study)
