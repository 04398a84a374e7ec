"""What a user sets is followed by methods that can follow it, and refused by all others."""

import pytest
import torch

from prefactor.decoding.rewards import PersonalRewards
from prefactor.decoding.wishes import Wishes, read_wishes
from prefactor.errors import InputError
from tests.decoding.judges import make_world

NAMES = ["formal", "concise", "direct", "technical"]


@pytest.mark.parametrize("method", ["drift", "exact", "exact_global", "exact+best_of_n-vrf"])
def test_attributes_are_for_who_is_told_some(method):
    wishes = read_wishes("concise=3,formal=-4", method, NAMES)
    torch.testing.assert_close(wishes.attributes, torch.tensor([-0.8, 0.6, 0.0, 0.0], dtype=torch.float64))
    assert wishes.bases is None


@pytest.mark.parametrize("method", ["best_of_n-vrf", "args-lore", "exact+best_of_n-vrf"])
def test_bases_are_for_who_has_a_reward(method):
    assert read_wishes(" basis:0=1", method, NAMES) == Wishes(bases=" basis:0=1")


def test_nothing_asked_is_nothing_wished():
    rewards = make_world().rewards("bt")
    assert read_wishes(None, "history", NAMES) == Wishes() and Wishes().weighed(rewards) is rewards


@pytest.mark.parametrize(
    ("text", "method", "said"),
    [
        ("concise=1", "history", "history is told no attributes: use drift or exact, or leave --weights out"),
        ("concise=1", "best_of_n-vrf", "best_of_n-vrf is told no attributes"),
        ("basis:0=1", "drift", "drift has no reward whose bases could be weighed: use best_of_n-vrf"),
        ("basis:0=1", "dpo", "dpo has no reward whose bases"),
        ("basis:0=1,concise=1", "exact+best_of_n-vrf", "attributes and bases are mixed: write either concise=1"),
        ("concis=1", "drift", "'concis' is not among the attributes; did you mean 'concise'"),
        ("", "drift", "'' is not NAME=NUMBER"),
    ],
)
def test_what_cannot_be_followed_is_refused(text, method, said):
    with pytest.raises(InputError) as error:
        read_wishes(text, method, NAMES)
    assert str(error.value).startswith("--weights: ") and said in str(error.value)


def test_a_line_is_of_what_is_wanted_most():
    wishes = read_wishes("technical=1,formal=3,direct=2,concise=-9", "exact", NAMES)
    assert wishes.line(NAMES, 2) == ["formal", "direct"]
    assert wishes.line(NAMES, 9) == ["formal", "direct", "technical"]
    with pytest.raises(InputError, match="all are negative: give one above 0"):
        read_wishes("formal=-1", "exact", NAMES).line(NAMES, 2)


def test_bases_weigh_a_reward():
    rewards = make_world().rewards("vrf/loadings")
    found = Wishes(bases="basis:1=3,basis:3=1").weighed(rewards)
    assert isinstance(found, PersonalRewards) and found.model is rewards.model
    torch.testing.assert_close(found.users["weight"][0], torch.tensor([0.0, 0.75, 0.0, 0.25]))
    with pytest.raises(InputError, match="'basis:4' is not among the bases"):
        Wishes(bases="basis:4=1").weighed(rewards)
    with pytest.raises(InputError, match="bt has no bases to weigh: use one of lore, pal, vrf"):
        Wishes(bases="basis:0=1").weighed(make_world().rewards("bt"))
