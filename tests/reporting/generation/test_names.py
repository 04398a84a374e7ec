"""Names and colours of methods, known ones and any other."""

from prefactor.reporting.generation.names import name_of, place, style_of
from prefactor.reporting.style import Style


def test_names() -> None:
    assert name_of("drift").label == "Drift" and name_of("drift", "judge=gold;m=3").label == "Drift · m = 3"
    assert name_of("best_of_n-vrf", "n=8").words == "Best-of-N (by VRF, n = 8)"
    assert name_of("exact+best_of_n-lore").label == "EXACT+Best-of-N · by LoRe"
    assert name_of("drift_per_token").words == "Drift (per token)" and name_of("item_mean").name == "Item mean"
    assert name_of("exact_global").label == "EXACT · one subset" and name_of("other-thing").label == "other-thing"


def test_a_reward_and_the_method_that_uses_it_share_a_colour() -> None:
    for method in ("vrf", "best_of_n-vrf", "args-vrf"):
        assert style_of(method).colour == "vermillion"
    assert style_of("best_of_n-lore").colour == style_of("lore").colour and style_of("lore") != style_of("args-lore")
    assert style_of("drift_logistic") == Style("blue", open=True) != style_of("drift")
    assert style_of("oracle") is None and style_of("anything") is not None


def test_simple_methods_come_first_and_ceilings_last() -> None:
    order = sorted(["oracle", "vrf", "unknown", "exact", "drift_logistic", "base", "drift"], key=place)
    assert order == ["base", "drift", "drift_logistic", "exact", "vrf", "unknown", "oracle"]
