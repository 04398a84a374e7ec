"""The setting of a result row, ``key=value`` pairs joined by semicolons, read and put together."""

from prefactor.evaluation.results import setting_text

CHECK = "format_check=1"  # of figures that say only that everything runs


def parsed_setting(setting: str) -> dict[str, str]:
    """``k=3;judge=gold`` -> ``{"k": "3", "judge": "gold"}``; a value may hold further equals signs."""
    parts = (part.partition("=") for part in setting.split(";") if part)
    return {key: value for key, _, value in parts}


def joined_setting(*settings: str) -> str:
    """All of them as one, sorted by key; of a key that two of them have the later value counts."""
    merged: dict[str, object] = {}
    for setting in settings:
        merged |= parsed_setting(setting)
    return setting_text(merged)
