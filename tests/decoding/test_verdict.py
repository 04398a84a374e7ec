"""A verdict is the difference of two rewards, with what the model says of its doubt and its bases."""

import pytest
import torch

from prefactor.decoding.verdict import verdict_on
from tests.decoding.judges import make_world

WORLD = make_world()
PROMPT, TEXT, OTHER = WORLD.prompts[0], WORLD.responses[0], WORLD.responses[7]


@pytest.mark.parametrize("form", ["bt", "lore", "vrf/loadings"])
@pytest.mark.parametrize("user", [0, 3])
def test_it_is_the_difference_of_rewards(form, user):
    rewards = WORLD.rewards(form)
    found, opposite = (verdict_on(*pair, PROMPT, rewards, user) for pair in ((TEXT, OTHER), (OTHER, TEXT)))
    reward = rewards.plain(torch.tensor([user] * 2), [PROMPT] * 2, [TEXT, OTHER])
    assert found.mean == pytest.approx(float(reward[0] - reward[1]), abs=1e-5) and found.model == rewards.model.name
    assert opposite.mean == pytest.approx(-found.mean, abs=1e-6) and opposite.std == pytest.approx(found.std)
    assert found.probability + opposite.probability == pytest.approx(1, abs=1e-6)
    assert (found.probability > 0.5) == (found.mean > 0)
    assert (found.std > 0) == form.startswith("vrf")


def test_a_text_is_worth_as_much_as_itself():
    same = verdict_on(TEXT, TEXT, PROMPT, WORLD.rewards("vrf/loadings"))
    assert same.mean == pytest.approx(0, abs=1e-6) and same.probability == pytest.approx(0.5, abs=1e-6)


def test_the_largest_bases_are_named():
    rewards = WORLD.rewards("vrf/loadings")
    bases = verdict_on(TEXT, OTHER, PROMPT, rewards, 2, {1: "formal"}).bases
    weights = rewards.users["weight"][2]
    shares = [base.share for base in bases]
    assert 0 < len(bases) <= 3 and shares == sorted(shares, reverse=True)
    for base in bases:
        assert base.share == float(weights[base.number]) >= 0.05
        assert base.name == ("formal" if base.number == 1 else None)
    assert bases[0].number == int(weights.argmax())
    assert verdict_on(TEXT, OTHER, PROMPT, WORLD.rewards("bt")).bases == []
