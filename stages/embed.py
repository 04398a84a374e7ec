"""Stage embed: every unique text becomes a cached hidden state, without gradients."""

from dataclasses import replace
from pathlib import Path

from prefactor import backbones, layout
from prefactor.atomic import write_json
from prefactor.backbones.loading import worker_count
from prefactor.parameters import build, load_parameters, section
from stages.running import run


def embed(dataset: str, backbone: str) -> None:
    """Encode the texts that the cache does not hold yet."""
    key = f"backbones.{backbone}"
    parameters = build(backbones.BackboneParameters, section(load_parameters(), key), key)
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


if __name__ == "__main__":
    run(embed)
