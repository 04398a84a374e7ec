"""Parameters that cannot be are refused in params.yaml's own words."""

import pytest

from prefactor.backbones.stylelm import StyleLMParameters
from prefactor.errors import InputError
from prefactor.parameters import build


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocabulary": 100}, "vocabulary must be at least 261"),
        ({"layers": 0}, "layers must be at least 1"),
        ({"heads": 3, "kv_heads": 2}, "multiple of kv_heads"),
        ({"head_dim": 7}, "head_dim even"),
        ({"learning_rate": 0}, "learning_rate and gradient_norm must be positive"),
        ({"warmup": 1.0}, "warmup must be in"),
        ({"has": -1.0}, "has must be above lacks"),
        ({"report_prompts": 1}, "report_prompts at least 2"),
        ({"forms": {"plain": 0.9}}, "add up to 1"),
        ({"compute_dtype": "float16"}, "compute_dtype"),
        ({"hiden": 64}, "did you mean 'hidden'"),
        ({"forms": {"plan": 0.9}}, "did you mean 'plain'"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        build(StyleLMParameters, {"dataset": "stylebench", **changes}, "language_models.small")


def test_a_dataset_has_to_be_named():
    with pytest.raises(InputError, match=r"language_models\.small\.dataset"):
        build(StyleLMParameters, {}, "language_models.small")
