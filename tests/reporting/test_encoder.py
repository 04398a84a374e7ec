"""What is said of VRF and EB: how they stand where measured, and what VRF has beside EB only where it needs saying."""

import pandas as pd
import pytest

from prefactor.reporting.encoder import vrf_and_eb
from prefactor.reporting.estimates import Estimate
from prefactor.reporting.latency import Timings
from prefactor.reporting.tables import FROM_VRF, Contender, Key, Section

VRF, EB = Contender("vrf", "default"), Contender("eb", "default")
SIZE = "|C|\N{NO-BREAK SPACE}="
ABOVE, LEVEL, BELOW = Estimate(-0.02, -0.03, -0.01), Estimate(0.0, -0.01, 0.01), Estimate(0.02, 0.01, 0.03)  # is VRF
WIDE = Estimate(-0.02, -0.03, -0.01, low_items=-0.05, high_items=0.01)


def section(*by_size: Estimate, of: Contender = EB) -> Section:
    """EB's differences from VRF on unseen users, with 1, 2, ... pairs."""
    rows = {Key(of, FROM_VRF, "unseen", size): own for size, own in enumerate(by_size, start=1)}
    rows |= {Key(VRF, "accuracy", "unseen"): Estimate(0.7), Key(of, "accuracy", "unseen"): Estimate(0.69)}
    return Section("d", "pairs", "b", rows, {}, "default", "default")


def timings(**seconds: tuple[float, float]) -> Timings:
    """Seconds a user in a batch and alone, by method."""
    rows = [
        {"method": method, "variant": "default", "metric": f"latency_adapt_{way}", "value": value}
        for method, values in seconds.items()
        for way, value in zip(("batched", "single"), values, strict=True)
    ]
    return Timings(pd.DataFrame(rows), {"shots": 9})


def test_above_everywhere_there_is_nothing_to_add() -> None:
    assert vrf_and_eb((section(ABOVE, ABOVE),), timings(vrf=(1.0, 1.0), eb=(2.0, 2.0))) == (
        f"VRF's paired interval lies above EB on unseen users at {SIZE} 1, 2; by these intervals VRF is below EB "
        "nowhere.",
    )


@pytest.mark.parametrize(("other", "said"), [(LEVEL, "reaches zero"), (WIDE, "reaches zero"), (BELOW, "below EB")])
def test_where_the_encoder_adds_nothing_it_is_said_and_what_vrf_has_beside_eb(other: Estimate, said: str) -> None:
    """Level by the wider interval is level; of what was not timed no speed is told."""
    first, second = vrf_and_eb((section(ABOVE, other),), None)
    assert f"above EB on unseen users at {SIZE} 1;" in first and f"{said} on unseen users at {SIZE} 2" in first
    assert second.startswith("Where VRF is not above EB, its encoder and bases are not shown to add anything to EB's")
    assert "it keeps no pairs" in second and "clusters" in second and "Adapting" not in second


@pytest.mark.parametrize(
    ("eb", "said"),
    [
        (
            (2e-3, 0.1),
            "faster than EB in a batch of users (1.0 ms against 2.0 ms) and faster than EB one user at a time",
        ),
        ((1.1e-3, 0.01), "about as fast as EB in a batch of users (1.0 ms against 1.1 ms) and about as fast as EB one"),
        ((5e-4, 0.004), "slower than EB in a batch of users (1.0 ms against 500 µs) and slower than EB one user at a"),
    ],
)
def test_speed_is_what_was_measured(eb: tuple[float, float], said: str) -> None:
    words = vrf_and_eb((section(LEVEL),), timings(vrf=(1e-3, 0.01), eb=eb))[1]
    assert f" Adapting to 9 pairs of a user, VRF is {said}" in words
    assert "Adapting" not in vrf_and_eb((section(LEVEL),), timings(vrf=(1e-3, 0.01)))[1]


def test_halves_together_come_first_and_what_vrf_has_is_said_once() -> None:
    both, half = section(LEVEL), section(ABOVE)
    first, second, third = vrf_and_eb((both, half), timings(vrf=(1.0, 1.0), eb=(2.0, 2.0)))
    assert "above EB nowhere" in first and "below EB nowhere" in second and "Where VRF is not above EB" in third
    assert "Adapting" in third


def test_without_eb_there_is_no_sentence() -> None:
    """Nor does the Gaussian on states stand in for it."""
    for other in ("bt", "eb_states"):
        assert vrf_and_eb((section(LEVEL, of=Contender(other, "default")),), timings(vrf=(1.0, 1.0))) == ()
