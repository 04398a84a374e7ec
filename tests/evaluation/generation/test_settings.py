"""Settings of result rows: read, joined, sorted."""

from prefactor.evaluation.generation.settings import joined_setting, parsed_setting


def test_a_setting_comes_back() -> None:
    assert parsed_setting("") == {} and joined_setting("", "") == ""
    assert parsed_setting("against=k=1;k=5") == {"against": "k=1", "k": "5"}
    assert joined_setting("n=8", "judge=gold") == "judge=gold;n=8"
    assert joined_setting("judge=gold;n=4", "n=8") == "judge=gold;n=8"
