"""ARGS as a writer: users' rewards choose, each user's own."""

import pytest

from prefactor.decoding.args import ARGSParameters
from prefactor.decoding.rewards import PersonalRewards
from prefactor.decoding.sampling import SamplingParameters
from prefactor.decoding.writers import ArgsWriter, PlainWriter
from tests.decoding.judges import make_world
from tests.decoding.speakers import PROMPTS, tiny_speaker
from tests.decoding.writers.asking import asked, check_batch, texts

GREEDY = SamplingParameters(max_new_tokens=5, temperature=0.0)
EACH = len(PROMPTS)


@pytest.fixture(scope="module")
def rewards() -> PersonalRewards:
    return make_world().rewards("vrf/loadings")


def writer(rewards: PersonalRewards, weight: float) -> ArgsWriter:
    return ArgsWriter(tiny_speaker(), rewards, GREEDY, ARGSParameters(weight, tokens=3))


def test_an_answer_is_the_users_own(rewards):
    found = check_batch(writer(rewards, 1e4))
    assert all(one.about == {"weight": 1e4, "tokens": 3} for one in found)
    by_user = [texts(found)[user * EACH : (user + 1) * EACH] for user in range(3)]
    assert by_user[0] != by_user[1] or by_user[1] != by_user[2]


def test_without_weight_the_base_model_writes(rewards):
    assert texts(writer(rewards, 0.0)(asked())) == texts(PlainWriter(tiny_speaker(), GREEDY)(asked()))
