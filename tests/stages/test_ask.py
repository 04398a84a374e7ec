"""What stage ask is asked for; a run of it is in test_pipeline."""

import pytest

from prefactor.errors import InputError
from prefactor.parameters import build
from stages.ask import AskingParameters


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"users": 0}, "users must be at least 1"),
        ({"pairs": 0}, "pairs must be at least 1"),
        ({"together": 0}, "together must be at least 1"),
        ({"questions": []}, "questions must be numbers from 0 on"),
        ({"questions": [-1]}, "questions must be numbers from 0 on"),
        ({"criteria": ["informatoin"]}, "unknown criterion 'informatoin'; did you mean 'information'"),
        ({"fewer": ["prf"]}, "unknown criterion 'prf'; did you mean 'pref'"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(wrong: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        build(AskingParameters, wrong, "asking")


def test_by_default_no_dataset_is_asked_about() -> None:
    assert build(AskingParameters, {}, "asking").datasets == ()
