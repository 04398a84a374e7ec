"""Stage validate: the gate after prepare."""

from prefactor import layout, quality
from prefactor.parameters import build, load_parameters, section
from stages.running import run


def validate(dataset: str) -> None:
    """Check the normalized tables; stop the pipeline if a suite fails."""
    parameters = build(quality.QualityParameters, section(load_parameters(), "quality"), "quality")
    quality.validate_tables(layout.prepared(dataset), layout.data_docs(dataset, "tables"), parameters)


if __name__ == "__main__":
    run(validate)
