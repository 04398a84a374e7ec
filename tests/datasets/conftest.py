"""Small sample files of the published sources, written once for all tests; who changes them makes a copy."""

from pathlib import Path

import pytest

from prefactor.datasets.samples import write_sample
from prefactor.datasets.samples.personalllm import PersonalLLMSample
from prefactor.datasets.samples.prism import PrismSample
from prefactor.datasets.samples.tldr import TldrSample

PERSONALLLM = PersonalLLMSample(train=30, test=6)
TLDR = TldrSample(annotators=10, comparisons=600, paragraphs=1)
PRISM = PrismSample(users=16, conversations=5, turns=4)


@pytest.fixture(scope="session")
def sample_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Source -> the folder with its sample files."""
    folder = tmp_path_factory.mktemp("samples")
    for source, sizes in (("personalllm", PERSONALLLM), ("prism", PRISM), ("tldr", TLDR)):
        write_sample(source, folder / source, sizes)
    return {path.name: path for path in folder.iterdir()}
