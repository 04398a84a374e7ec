"""What all tests share: nothing is reported or downloaded; real preferences where someone has them."""

import os
from pathlib import Path

import pytest

# Set before any library is imported, because some read these at import.
os.environ.update(
    DO_NOT_TRACK="1",
    DVC_NO_ANALYTICS="1",
    GX_ANALYTICS_ENABLED="false",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_OFFLINE="1",
    MLFLOW_DISABLE_TELEMETRY="true",
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    TOKENIZERS_PARALLELISM="false",
)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real preference data named by PREFACTOR_REAL_DATA; the test is skipped where there is none."""
    named = os.environ.get("PREFACTOR_REAL_DATA")
    if not named:
        pytest.skip("needs real preference data: set PREFACTOR_REAL_DATA to the folder that holds it")
    folder = Path(named).resolve()
    if not folder.is_dir():
        pytest.fail(f"PREFACTOR_REAL_DATA names {named}, which is no folder: correct or unset it")
    return folder
