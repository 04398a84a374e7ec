"""The head apart from its body gives the model's own logits, or is refused."""

from typing import Any

import pytest
import torch

from prefactor.backbones.language_head import find_head
from prefactor.errors import InputError
from tests.backbones.tiny_models import SHAPE, frozen_pair, make_pair


@pytest.mark.parametrize(
    ("name", "options"),
    [("CohereConfig", {"logit_scale": 0.25}), ("GraniteConfig", {"logits_scaling": 4.0}), ("Gemma2Config", {})],
)
def test_what_an_architecture_does_to_logits(name: str, options: dict[str, Any]) -> None:
    import transformers

    config = getattr(transformers, name)(**SHAPE, **options, pad_token_id=0, bos_token_id=1, eos_token_id=2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(config).eval()
    body, head = find_head(model)
    ids = torch.arange(30)[None]
    with torch.inference_mode():
        torch.testing.assert_close(head(body(input_ids=ids).last_hidden_state), model(input_ids=ids).logits)
    assert body is model.base_model and head.softcap == (30.0 if name == "Gemma2Config" else None)


def test_logits_that_are_made_otherwise_are_refused() -> None:
    model = make_pair("gpt2").model

    def doubled(module: Any, given: Any, output: Any) -> Any:
        output.logits = output.logits * 2
        return output

    find_head(frozen_pair("gpt2").plain)
    model.register_forward_hook(doubled)
    with pytest.raises(InputError, match="the head of gpt2 is not the usual one: set log_probabilities false"):
        find_head(model)
