"""Parameters that cannot be meant are refused with their values."""

import pytest

from prefactor.decoding.policies.parameters import PolicyParameters
from prefactor.errors import InputError
from prefactor.parameters import build


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"policies": []}, "policies must name at least one of base, retrieved, exact and drift"),
        ({"policies": ["base", "base"]}, r"policies must name each policy once, got \['base', 'base'\]"),
        ({"policies": ["rag"]}, "policies.policies.0: input should be 'base', 'retrieved', 'exact' or 'drift'"),
        ({"samples": 1}, "samples must be at least 2, got 1"),
        ({"people": 0}, "people must be at least 1, got 0"),
        ({"policies": ["drift"], "profile_queries": 0}, "exact and drift learn from profile queries"),
        ({"sample": 1}, "policies: unknown key 'sample'; did you mean 'samples'"),
        ({"sampling": {"top": 1}}, "policies.sampling: unknown key 'top'"),
    ],
)
def test_what_cannot_be_meant_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(PolicyParameters, {"model": {"model": "any"}, **values}, "policies")


def test_a_model_must_be_named() -> None:
    with pytest.raises(InputError, match=r"policies.model: "):
        build(PolicyParameters, {}, "policies")
