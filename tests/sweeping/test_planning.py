"""From params.yaml to a sweep's settings, or an error that names what there is not."""

from pathlib import Path

import pytest

from prefactor.errors import InputError
from prefactor.sweeping.fingerprint import fingerprint
from prefactor.sweeping.planning import check_trials, planned, rebuild_targets, with_first_choice
from tests.sweeping.tiny import make_data, parameters, settings

ASKED = {"dataset": "tiny", "backbone": "random", "method": "bt", "variant": "default", "how": "grid"}
ASKED |= {"seeds": (0, 1), "pruning": "off", "threads": 1}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("tiny"))


def test_settings_hold_all_that_a_trial_needs(root: Path) -> None:
    found = planned(root, parameters(), ASKED, choices=False)
    assert found.base["training"] == parameters()["methods"]["bt"]["default"]["training"]
    assert found.seeds == (0, 1) and found.shots == (1, 3) and found.data == fingerprint(root, "tiny", "random")
    assert len(found.searched.grid()) == 9


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"dataset": "tny"}, "datasets has no 'tny'; did you mean 'tiny'"),
        ({"backbone": "x"}, "backbones has no 'x'; known backbones: random"),
        ({"method": "vrf"}, r"sweep\.spaces\.vrf has no 'default'"),
        ({"seeds": ()}, "seeds must be at least one"),
        ({"how": "gird"}, "sweep.how"),
    ],
)
def test_what_there_is_not_is_named(root: Path, wrong: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        planned(root, parameters(), ASKED | wrong, choices=False)


def test_the_first_choice_alone_is_trained_unless_all_are_asked_for() -> None:
    base = {"model": {"a": 1, "b": {"c": 1, "d": 2}, "choices": [{"b": {"c": 3}}, {"a": 2}]}, "training": {}}
    assert with_first_choice(base) == {"model": {"a": 1, "b": {"c": 3, "d": 2}}, "training": {}}
    assert with_first_choice({"model": {"a": 1}}) == {"model": {"a": 1}}


def test_a_grid_is_tried_whole(root: Path) -> None:
    check_trials(settings(root), 9)
    check_trials(settings(root, how="tpe"), 2)
    with pytest.raises(InputError, match="the grid has 9 configurations, but trials is 8"):
        check_trials(settings(root), 8)
    with pytest.raises(InputError, match="trials must be at least 1"):
        check_trials(settings(root), 0)


def test_what_a_rebuild_would_not_train_is_said_before_the_sweep(root: Path) -> None:
    values = parameters()
    assert rebuild_targets(values, settings(root)) == ["evaluate@tiny-random-bt-default", "compare"]
    values["run"]["methods"] = ["vrf"]
    with pytest.raises(InputError, match=r"run\.methods has no 'bt'.*add it"):
        rebuild_targets(values, settings(root))
