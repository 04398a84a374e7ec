"""What stage win-rates cannot do without."""

import json
from pathlib import Path

import pytest

from prefactor.errors import InputError
from stages.win_rates import win_rates


def test_without_the_base_models_texts_nothing_can_be_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    generation = {"models": ["small"], "datasets": ["d"], "methods": ["drift"]}
    (tmp_path / "params.yaml").write_text(json.dumps({"generation": generation}))
    with pytest.raises(InputError, match=r"generation\.methods lacks 'base'"):
        win_rates("small")
