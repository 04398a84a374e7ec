"""The folder is an ordinary one, for transformers and for our own backbones."""

import numpy as np
import pytest
import torch

from prefactor.backbones import BackboneParameters, load_backbone
from prefactor.backbones.layout import chat_layout

TURNS = [{"role": "system", "content": "You are brief."}, {"role": "user", "content": "Brot? 日本 🙂"}]


def test_transformers_loads_it(folder, model, tokenizer):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    loaded, spelling = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= {
        path.name for path in folder.iterdir()
    }
    ids = spelling.apply_chat_template(TURNS, add_generation_prompt=True, return_dict=False)
    assert ids == tokenizer.apply_chat_template(TURNS, add_generation_prompt=True, return_dict=False)
    assert (spelling.eos_token_id, spelling.pad_token_id) == (loaded.config.eos_token_id, loaded.config.pad_token_id)
    with torch.no_grad():
        torch.testing.assert_close(loaded(torch.tensor([ids])).logits, model(torch.tensor([ids])).logits)
    assert loaded.config.model_type == "qwen3" and loaded.config.tie_word_embeddings


def test_it_writes_text(folder):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    loaded, spelling = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    asked = spelling.apply_chat_template(TURNS, add_generation_prompt=True, return_dict=True, return_tensors="pt")
    made = loaded.generate(**asked, max_new_tokens=5, do_sample=False)
    assert made.shape[1] <= asked["input_ids"].shape[1] + 5


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_it_is_a_backbone(folder, pooling):
    backbone = load_backbone(BackboneParameters(model=str(folder), pooling=pooling, device="cpu"))
    encoded = backbone.encode(["How?", ""], ["So.", "Ja 🙂"])
    assert encoded.states.shape == (2, 16) and np.isfinite(encoded.states).all()
    assert backbone.identity()["layout"] == "chat template"


def test_its_template_is_read_from_the_folder(folder):
    from transformers import AutoTokenizer

    assert chat_layout(AutoTokenizer.from_pretrained(folder)).middle == "<|end|><|assistant|>"
