"""Stage embed: every unique text becomes a cached hidden state, without gradients."""

import logging
from dataclasses import replace
from pathlib import Path

from prefactor import backbones, layout
from prefactor.atomic import write_json
from prefactor.backbones.loading import worker_count
from prefactor.parameters import build, load_parameters, section
from stages.running import run

logger = logging.getLogger("prefactor.stages.embed")


def embed(dataset: str, backbone: str) -> None:
    """Encode the texts that the cache does not hold yet."""
    key = f"backbones.{backbone}"
    parameters = build(backbones.BackboneParameters, section(load_parameters(), key), key)
    _warn_of_foreign_text(dataset, backbone)
    texts, cache = layout.prepared(dataset) / "texts.parquet", layout.states(dataset, backbone)
    others = [path for path in sorted(Path().glob(str(layout.states("*", backbone)))) if path != cache]
    workers = worker_count(parameters)
    # With several, each loads the backbone on a device of its own: what is loaded here says what it is, no more.
    reader = backbones.load_backbone(replace(parameters, device="cpu") if workers > 1 else parameters)
    report = backbones.embed(texts, cache, reader, parameters, others)
    # What the report page tells; without the seconds, which would make every run's output a new one.
    told = {name: getattr(report, name) for name in ("texts", "truncated", "cut", "tokens")}
    write_json(cache / "report.json", told)
    cut = f"{report.truncated:,} truncated, {report.cut:,} of them in the response"
    print(f"{dataset}: {report.encoded:,} texts encoded, {report.reused:,} reused, {cut}")


def _warn_of_foreign_text(dataset: str, backbone: str) -> None:
    """A language model of our own has read one dataset: of other text it knows little."""
    own = section(load_parameters(), "language_models").get(backbone)
    if own is not None and own.get("dataset") != dataset:
        logger.warning(
            "embed: %s has read %s alone: for %s name another backbone in run.backbones, e.g. minilm",
            backbone,
            own.get("dataset"),
            dataset,
        )


if __name__ == "__main__":
    run(embed)
