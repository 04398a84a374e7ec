"""The code that travels with a model: all that it needs, which another process shows, and no more."""

import shutil
import subprocess
import sys
from pathlib import Path

from prefactor.tracking.served_code import PACKAGE, served_code


def test_it_is_enough_to_import_every_part_of_it(tmp_path: Path):
    for path in served_code():
        copy = tmp_path / PACKAGE.name / path.relative_to(PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    modules = [".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in served_code()]
    wanted = [name.removesuffix(".__init__") for name in modules if name != "prefactor.serving.entry"]
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nfor name in {wanted}: __import__(name)"
    done = subprocess.run([sys.executable, "-I", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_neither_the_service_nor_the_pipeline_travels():
    names = {path.relative_to(PACKAGE).as_posix() for path in served_code()}
    assert {"__init__.py", "serving/entry.py", "serving/seal.py", "methods/vrf.py", "errors.py"} < names
    unwanted = ("serving/online", "serving/users", "tracking", "promotion", "commands", "evaluation", "datasets")
    assert not [name for name in names if name.startswith((*unwanted, "backbones/stylelm"))]
