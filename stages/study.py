"""Write the parameters of a study: the project's own, with what the study changes.

A study is a folder with links to the pipeline and its code, and a ``study.yaml`` that says what differs from the
project's params.yaml. It has data, models and reports of its own: `dvc repro` in the project's root stays small.

A method's variant there may be ``like`` another one, given by what it changes: an ablation follows what it ablates.
"""

import os
import sys
from pathlib import Path
from typing import Any

import yaml

from prefactor.atomic import atomic_file
from prefactor.errors import InputError
from prefactor.forgetting.forgotten import FILE
from prefactor.parameters import load_parameters, merged, nearest
from stages.running import check_sections, run

STUDIES = Path("studies")
LIKE = "like"
WHOLE = ("datasets", "pseudonyms")  # sections that a study with data of its own replaces: it has only those
HEADER = "# Written from params.yaml and study.yaml by `make study`: edit those.\n"


class Plain(yaml.SafeDumper):
    """Writes everything out, where variants share their parts: no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def study(name: str) -> None:
    """Write studies/``name``/params.yaml."""
    folder = STUDIES / name
    if not (folder / "study.yaml").is_file():
        known = sorted(path.parent.name for path in STUDIES.glob("*/study.yaml"))
        raise InputError(f"there is no study {name!r}: {', '.join(known)}")
    changes = load_parameters(folder / "study.yaml")
    check_sections(changes, folder / "study.yaml")
    parameters = load_parameters()
    if "datasets" in changes:
        parameters |= {section: {} for section in WHOLE if section in parameters}
    whole = merged(parameters, changes)
    whole["methods"] = {method: spelt_out(variants, method) for method, variants in whole["methods"].items()}
    with atomic_file(folder / "params.yaml") as scratch:
        scratch.write_text(HEADER + yaml.dump(whole, Dumper=Plain, sort_keys=False), encoding="utf-8")
    share_forgotten(folder)
    print(f"wrote {folder / 'params.yaml'}", file=sys.stderr)


def share_forgotten(folder: Path) -> None:
    """Link the project's list of forgotten users into a study that has none: who is forgotten is so everywhere."""
    if not os.path.lexists(folder / FILE):
        (folder / FILE).symlink_to(Path("..", "..", FILE))


def spelt_out(variants: dict[str, Any], method: str) -> dict[str, Any]:
    """A method's variants, each that is ``like`` another one as that one with its own changes."""
    found = {}
    for name, variant in variants.items():
        model = variant.get(LIKE)
        if model is None:
            found[name] = variant
            continue
        written = [other for other, values in variants.items() if LIKE not in values]
        if model not in written:
            meant = nearest(model, written, "variants that are like no other")
            raise InputError(f"methods.{method}.{name} is like {model!r}, but there is no such variant{meant}")
        found[name] = merged(variants[model], {key: value for key, value in variant.items() if key != LIKE})
    return found


if __name__ == "__main__":
    run(study)
