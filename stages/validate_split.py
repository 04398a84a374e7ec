"""Stage validate-split: the gate after split."""

from prefactor import layout, quality
from prefactor.parameters import build, load_parameters, section
from stages.running import run


def validate_split(dataset: str) -> None:
    """Check the split and its leakage rule; stop the pipeline if a suite fails."""
    parameters = build(quality.QualityParameters, section(load_parameters(), "quality"), "quality")
    docs = layout.data_docs(dataset, "split")
    quality.validate_split(layout.prepared(dataset), layout.split(dataset), docs, parameters)


if __name__ == "__main__":
    run(validate_split)
