"""What a sweep is: kept where it lies, the same when it goes on, refused under its name with any other settings."""

from dataclasses import replace
from pathlib import Path

import pytest

from prefactor.errors import InputError
from prefactor.parameters import as_dict, merged
from prefactor.sweeping.settings import keep_settings, read_settings, sweep_folder
from tests.sweeping.tiny import make_data, settings


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("tiny"))


def test_settings_are_kept_as_they_are(root: Path, tmp_path: Path) -> None:
    wanted = settings(root)
    assert as_dict(keep_settings(tmp_path, wanted)) == as_dict(read_settings(tmp_path)) == as_dict(wanted)
    assert keep_settings(tmp_path, wanted).key == wanted.key


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"seeds": (0, 1)}, r"seeds was \[0\], now \[0, 1\]"),
        ({"how": "tpe", "pruning": "median"}, "how was grid, now tpe; pruning was off, now median"),
        ({"data": "0"}, "the split or the states have changed since"),
        ({"space": {"model": {"shrinkage": [1.0]}}}, "its space in params.yaml has changed since"),
    ],
)
def test_other_settings_are_refused_under_the_same_name(root: Path, tmp_path: Path, others: dict, said: str) -> None:
    keep_settings(tmp_path, settings(root))
    with pytest.raises(InputError, match=f"begun with other settings .*{said}.*another name"):
        keep_settings(tmp_path, settings(root, **others))


def test_a_base_that_differs_is_refused_but_not_in_what_is_tried(root: Path, tmp_path: Path) -> None:
    begun = keep_settings(tmp_path, settings(root))
    won = replace(begun, base=merged(begun.base, {"training": {"learning_rate": 0.1}}))
    assert keep_settings(tmp_path, won).base == begun.base  # the one that it began with
    with pytest.raises(InputError, match=r"the variant in params\.yaml has changed"):
        keep_settings(tmp_path, replace(begun, base=merged(begun.base, {"training": {"epochs": 9}})))


@pytest.mark.parametrize("name", ["", "../up", "A", "a/b", ".hidden", "x" * 81])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is no name for a sweep"):
        sweep_folder(tmp_path, name)


@pytest.mark.parametrize(("wrong", "said"), [({"seeds": (1, 1)}, "each once"), ({"threads": 0}, "at least 1")])
def test_what_cannot_be_is_refused(root: Path, wrong: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        settings(root, **wrong)
