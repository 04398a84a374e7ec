"""A workshop makes the same of a user alone and among others, leaves what stages made, and says what is missing."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from prefactor import layout
from prefactor.decoding.conditions import PLAIN, Condition
from prefactor.decoding.writers import Requests
from prefactor.decoding.writers.plain import told
from prefactor.errors import InputError
from tests.decoding.projects import DATASET, MODEL, PAIRS, RUN, fresh_copy, opened, tiny_project
from tests.decoding.speakers import make_folder

PROMPT = "How do I bake bread?"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return fresh_copy(tmp_path / "project")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def requests(users: int, prompts: int = 1) -> Requests:
    asked = [f"{PROMPT} And {number}?" for number in range(prompts)]
    return Requests.once(np.arange(users).repeat(prompts), asked * users, 0)


@pytest.mark.parametrize("method", ["base", "history", "drift", "exact", "exact_global", "args-vrf"])
def test_a_user_alone_gets_the_text_that_they_get_among_others(project: Path, method: str) -> None:
    together = opened(project)
    texts = [one.written for one in together.writer(method)(requests(3))]
    last = opened(project, together.people.user_ids[2])
    assert last.writer(method)(requests(1))[0].written == texts[2]


def test_for_one_user_what_stages_made_is_read_and_left_as_it_is(project: Path) -> None:
    stages = opened(project, keeps=True)
    tastes = stages.tastes.weights
    before = contents(project)
    one = opened(project, stages.people.user_ids[1])
    torch.testing.assert_close(one.tastes.weights[0], tastes[1])
    assert one.likelihoods.computed == 0, "the stages had asked for them"
    one.writer("exact_global")(requests(1))
    one.writer("dpo")(requests(1))
    computed = one.likelihoods.computed
    again = opened(project, stages.people.user_ids[1])
    again.writer("exact_global")
    assert computed > 0 and again.likelihoods.computed == 0, "kept for the next time"
    asked = str(layout.asked_likelihoods(MODEL))
    assert {name: data for name, data in contents(project).items() if not name.startswith(asked)} == before


def test_who_may_not_keep_them_leaves_log_probabilities_as_they_are(project: Path) -> None:
    before = contents(project)
    reading = opened(project)
    reading.exact().adapt(reading.people.known)
    assert reading.likelihoods.computed > 0 and contents(project) == before


def test_of_a_stranger_the_prior_is_made(project: Path) -> None:
    nobody = opened(project, "nobody")
    assert not nobody.tastes.weights.any() and not nobody.tastes.personal.any()
    plain = nobody.writer("base")(requests(1, 2))
    for method in ("drift", "exact", "exact_global", "history", "dpo"):
        told = nobody.writer(method)(requests(1, 2))
        assert [one.written for one in told] == [one.written for one in plain], method
    model, _ = nobody.reward("vrf")
    prior = model.prior_state(1)
    torch.testing.assert_close(nobody.rewards("vrf").users["weight"], prior["weight"])


def test_a_line_that_a_user_set_holds_for_every_prompt() -> None:
    workshop, asked = opened(tiny_project()), requests(2, 2)
    answers = workshop.lined(["technical", "formal"])(asked)
    line = Condition(line=("formal", "technical"))
    expected = told(workshop.speaker, workshop.parameters.sampling, asked, asked.prompts, [line] * 4)
    assert [one.written for one in answers] == expected
    assert [one.about for one in answers] == [{"attributes": ["formal", "technical"]}] * 4
    assert expected != [one.written for one in workshop.writer("base")(asked)]


def test_histories_leave_room_for_the_answer() -> None:
    workshop = opened(tiny_project(), sampling={"max_new_tokens": 4})
    informed = workshop.histories.before([0, 1], [PROMPT, PROMPT])
    contexts = workshop.speaker.contexts([one.text for one in informed], [PLAIN] * 2)
    assert all(len(ids) + 4 <= workshop.speaker.max_tokens for ids in contexts)
    assert len(workshop.histories.passages[0]) == PAIRS


def test_rewards_are_those_of_the_seed_that_validated_best() -> None:
    workshop = opened(tiny_project())
    assert workshop.training("vrf").best_seed == "0" and workshop.training("vrf").run == RUN
    rewards = workshop.rewards("vrf")
    assert rewards.model.name == "vrf" and len(rewards.users) == 3
    again = rewards.model.adapt(workshop.people.known)
    torch.testing.assert_close(rewards.users["weight"], again["weight"])


def test_what_is_missing_is_named(project: Path) -> None:
    workshop = opened(project)
    with pytest.raises(InputError, match=r"ref.default has no trained model: add 'ref' to run\.methods"):
        workshop.rewards("ref")
    with pytest.raises(InputError, match="unknown method 'exakt'; did you mean 'exact'"):
        workshop.writer("exakt")
    with pytest.raises(InputError, match=r"backbones\.minilm: embedded gives no log-probabilities"):
        opened(project, small="minilm").writer("drift")
    shutil.rmtree(project / layout.states(DATASET, MODEL))
    with pytest.raises(InputError, match=r"vrf reads the view 'states' of stylebench's texts by tiny, .* `dvc repro"):
        opened(project).rewards("vrf")


def test_a_small_model_of_another_family_is_refused(project: Path) -> None:
    make_folder(project / layout.LANGUAGE_MODELS / "other", seed=1)
    with pytest.raises(InputError, match="have different tokenizers"):
        opened(project, small="other").writer("drift")(requests(1))
