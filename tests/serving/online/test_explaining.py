"""Parts of a reward: they add up to it, and so do the variances; a basis alone is a user wholly of it."""

import numpy as np
import pytest
import torch

from prefactor.methods.base import UserState
from prefactor.methods.factorised import BASIS
from prefactor.serving.flattening import flatten
from prefactor.serving.online.explaining import take_apart, weights
from prefactor.serving.requests import Request
from tests.serving.online.world import BASES, make_ranker, pairs


def judged(ranker, user_id=None, reference=None):
    request = Request.model_validate(
        {"prompt": "q", "responses": ["a", "bb", "c", "d"], "user_id": user_id, "reference": reference}
    )
    flat, standing = flatten([request]), ranker.standing([request])
    texts = ranker.responses(ranker.backbone.encode(flat.prompts, flat.responses))
    with torch.no_grad():
        user, read = ranker.users(flat, texts, standing), ranker.model.read(flat.candidates(texts))
    return ranker.answer([request])[0], user, read


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize(
    ("user_id", "reference"), [("ada", None), (None, None), (None, pairs(7, 8)), ("ben", pairs(5))]
)
def test_parts_add_up_to_what_is_answered(published, user_id, reference):
    ranker = make_ranker(published)
    answer, user, read = judged(ranker, user_id, reference)
    parts = take_apart(ranker.model, user, read)
    rewards = [candidate.reward for candidate in answer.candidates]
    variances = [candidate.std**2 for candidate in answer.candidates]
    assert np.allclose(parts.bases.sum(-1) + parts.common, rewards, atol=1e-5)
    assert np.allclose(parts.between + parts.within, variances, rtol=1e-4)
    assert np.allclose(parts.bases.mean(0), 0, atol=1e-5) and np.abs(rewards).max() > 0.1
    assert (parts.common == 0).all() == published and (parts.within == 0).all() == published


@pytest.mark.parametrize("published", [False, True])
def test_a_user_wholly_of_one_basis_has_that_basis_part_alone(published):
    ranker = make_ranker(published)
    _, user, read = judged(ranker, "ada")
    whole = UserState({**user.tensors, "weight": torch.eye(BASES)[2:3]})
    parts, mixed = (take_apart(ranker.model, state, read) for state in (whole, user))
    assert (parts.bases[:, [0, 1, 3, 4]] == 0).all() and (parts.between.abs() < 1e-9).all()
    assert np.allclose(parts.bases[:, 2] * user["weight"][0, 2].item(), mixed.bases[:, 2], rtol=1e-4)


def test_a_constant_added_to_an_output_of_phi_changes_no_part():
    ranker = make_ranker()
    _, user, read = judged(ranker, "ada")
    plain = take_apart(ranker.model, user, read)
    shifted = type(read)({BASIS: read.views[BASIS] + torch.linspace(-3, 3, read.views[BASIS].shape[1])}, read.text)
    moved = take_apart(ranker.model, user, shifted)
    for name in ("bases", "common", "between", "within"):
        assert np.allclose(getattr(plain, name), getattr(moved, name), atol=1e-4)


def test_weights_are_the_users_and_pairs_make_them_surer():
    ranker = make_ranker()
    spreads = []
    for reference in (None, pairs(1), pairs(1, 2, 3, 4, 5)):
        _, user, read = judged(ranker, None, reference)
        found = torch.tensor(weights(ranker.model, user))  # (R,2)
        personal = read.views[BASIS][:, : len(found)]
        parts = take_apart(ranker.model, user, read)
        assert np.allclose((personal - personal.mean(0)) @ found[:, 0], parts.bases.sum(-1), atol=1e-4)
        spreads.append(found[:, 1].mean() / (user["scale"] * user["widening"].sqrt()).item())
    assert spreads == sorted(spreads, reverse=True)
    assert weights(make_ranker(published=True).model, user) == []
