"""Stage embed: every unique text becomes a cached hidden state, without gradients."""

from pathlib import Path

from prefactor import backbones, layout
from prefactor.atomic import write_json
from prefactor.parameters import build, load_parameters, section
from stages.running import run


def embed(dataset: str, backbone: str) -> None:
    """Encode the texts that the cache does not hold yet."""
    key = f"backbones.{backbone}"
    parameters = build(backbones.BackboneParameters, section(load_parameters(), key), key)
    texts, cache = layout.prepared(dataset) / "texts.parquet", layout.states(dataset, backbone)
    others = [path for path in sorted(Path().glob(str(layout.states("*", backbone)))) if path != cache]
    report = backbones.embed(texts, cache, backbones.load_backbone(parameters), parameters, others)
    # What the report page tells; without the seconds, which would make every run's output a new one.
    write_json(cache / "report.json", {"texts": report.texts, "truncated": report.truncated, "tokens": report.tokens})
    print(f"{dataset}: {report.encoded:,} texts encoded, {report.reused:,} reused, {report.truncated:,} truncated")


if __name__ == "__main__":
    run(embed)
