"""What N is worth paying for: by the tail of a curve, by a cost, and only where a gain is shown."""

import math

from prefactor.reporting.diagnosis.worth import TAIL, Reason, Worth, worth, worth_text
from tests.reporting.diagnosis.made_up import curve, measured, row


def test_the_tail_decides_where_no_cost_is_given() -> None:
    values = {1: 0.0, 2: 1.0, 4: 1.4, 8: 1.4 + 4 * (TAIL - 0.01)}  # the last four bring less than TAIL of the second
    short = measured(*(row("m", "gain", value, n=n) for n, value in values.items()))
    assert worth(short, "m") == Worth(4, Reason.PAYS)
    long = measured(*(row("m", "gain", value, n=n) for n, value in {**values, 8: 1.4 + 4 * (TAIL + 0.01)}.items()))
    assert worth(long, "m") == Worth(8, Reason.PAYS, last=True) and worth_text(worth(long, "m")) == "8 or more"


def test_it_depends_on_no_unit_and_no_strength() -> None:
    found = {
        worth(measured(*curve("m", slope * spread), spread=spread), "m") for slope in (0.2, 1.0) for spread in (1, 9)
    }
    assert len(found) == 1


def test_a_cost_is_paid_as_long_as_it_pays() -> None:
    at = measured(*curve("m", 1.0))
    chosen = [worth(at, "m", cost).n for cost in (0.001, 0.15, 0.3, 0.5, 2.0)]
    assert chosen == [8, 4, 2, 2, 1] and worth(at, "m", 2.0).reason is Reason.TOO_DEAR
    dear = measured(*curve("m", 1.0, half=0.5))
    assert worth(dear, "m", 0.5) == Worth(1, Reason.TOO_DEAR), "the interval reaches the cost"


def test_nothing_is_paid_for_what_is_not_shown() -> None:
    assert worth(measured(*curve("m", 1.0, half=0.9, shared=0.2)), "m") == Worth(1, Reason.NO_GAIN)
    assert worth(measured(*curve("m", -1.0)), "m") == Worth(1, Reason.HARMS)
    assert worth(measured(*(row("m", "gain", 1.0 * n, half=math.nan, n=n) for n in (1, 2))), "m").n == 1
    late = measured(*(row("m", "gain", value, n=n) for n, value in {1: 0.0, 2: -0.1, 4: 0.5}.items()))
    assert worth(late, "m") == Worth(None, Reason.OPEN) and worth_text(worth(late, "m")).startswith("cannot be told")
