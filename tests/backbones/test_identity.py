"""A model is given the backbone that it was trained on, or nobody's."""

import pytest

from prefactor.backbones.identity import check_identity
from prefactor.errors import InputError


def test_the_same_backbone_passes_and_another_is_told_apart_by_every_key() -> None:
    trained = {"model": "a", "revision": None, "hidden_size": 32}
    check_identity(dict(trained), trained, "nothing to mend")
    with pytest.raises(InputError) as error:
        check_identity({"model": "b", "revision": None, "tuned": "x", "hidden_size": 32}, trained, "take a")
    message = "not the model's backbone: model is 'b', trained with 'a'; tuned is 'x', trained with None: take a"
    assert str(error.value) == message
