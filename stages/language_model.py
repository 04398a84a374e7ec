"""Stage language-model: small causal language models of our own, trained on a dataset's training prompts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefactor import layout
from prefactor.atomic import atomic_folder, write_json
from prefactor.parameters import load_parameters, section
from stages.running import run


def language_model() -> None:
    """Train those of the section ``language_models`` that are backbones of this run; often none.

    One stage for all: what it leaves is there for every backbone to depend on, whichever is named.
    """
    values = load_parameters()
    wanted = [name for name in section(values, "language_models") if name in section(values, "run.backbones")]
    with (
        atomic_folder(layout.LANGUAGE_MODELS) as models,
        atomic_folder(layout.LANGUAGE_MODEL_REPORTS) as reports,
    ):
        for name in wanted:
            _train(name, values, models / name, reports / name)
        write_json(reports / "trained.json", wanted)
        write_json(models / "trained.json", wanted)


def _train(name: str, values: Mapping[str, Any], folder: Path, report: Path) -> None:
    """Train tokenizer and model, save them as a Hugging Face folder, and report whether they follow attributes."""
    # Imported here because most runs train none, and torch alone takes seconds to load.
    import torch

    from prefactor.backbones import stylelm
    from prefactor.parameters import build

    key = f"language_models.{name}"
    parameters = build(stylelm.StyleLMParameters, section(values, key), key)
    torch.set_num_threads(int(section(values, "run.threads")))
    corpus = stylelm.read_corpus(layout.prepared(parameters.dataset), layout.split(parameters.dataset))
    train = corpus.train
    texts = stylelm.vocabulary_texts(train, corpus.attributes, parameters.has)
    tokenizer = stylelm.train_tokenizer(texts, parameters.vocabulary, parameters.context)
    model = stylelm.train_model(train, corpus.attributes, tokenizer, parameters)
    folder.mkdir(parents=True)
    stylelm.save_model(model, tokenizer, folder)
    found = stylelm.measure(model, tokenizer, corpus.held_out, corpus.attributes, parameters)
    size = {"parameters": model.num_parameters(), "vocabulary": len(tokenizer), "training_responses": len(train)}
    report.mkdir(parents=True)
    write_json(report / "perplexity.json", {"name": name, "dataset": parameters.dataset, **size, **found})
    print(headline(name, size["parameters"], found["perplexity"], found["ordered"]["all"]["value"]))


def headline(name: str, parameters: int, perplexity: Mapping[str, Any], ordered: float) -> str:
    """One line of what was made."""
    right, wrong, plain = (perplexity[key]["value"] for key in ("system_right", "system_wrong", "plain"))
    return (
        f"{name}: {parameters / 1e6:.1f} M parameters; perplexity of held-out responses {plain:.2f}, with the right "
        f"attribute {right:.2f}, with a wrong one {wrong:.2f}; {ordered:.1%} of pairs ordered as the attribute's score"
    )


if __name__ == "__main__":
    run(language_model)
