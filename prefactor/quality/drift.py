"""How far a dataset is from its previous version: lengths, pairs per user, labels and users, a row per measure.

Lengths and pairs per user are held against each other by the population stability index. With b the bins that the
previous version's deciles make (fewer where deciles coincide), p_b and q_b the shares of the previous and the present
version in them,

    PSI = sum over b of (q_b - p_b) ln(q_b / p_b),   p_b = (n_b + 1/2) / (n + B/2),

with n_b of n in bin b, and the same for q: half a row more in each of the B bins keeps the logarithm finite.
"""

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import great_expectations.expectations as gxe
from great_expectations.expectations.row_conditions import Column

from prefactor.quality.expectations import filled, not_null, of_type, with_fix
from prefactor.quality.judgements import JUDGEMENTS_OF
from prefactor.quality.parameters import DriftParameters
from prefactor.quality.suite import Suite

if TYPE_CHECKING:
    import pandas as pd

NAMES = {
    "prompt_length": ("characters of prompts", "median", "PSI"),
    "response_length": ("characters of responses", "median", "PSI"),
    "pairs_per_user": ("pairs of a user", "median", "PSI"),
    "chosen_longer": ("a user's pairs whose chosen response is the longer one", "mean share", "absolute difference"),
    "users_lost": ("previous users who are not there any more", "users, and those of them still there", "share lost"),
    "users_new": ("users who were not there", "users", "share new"),
    "labels_turned": ("judgements of both versions that turned", "all, and those turned", "share turned"),
}
COLUMNS = ["measure", "about", "figures", "previous", "now", "changes", "change", "bound"]

VERSION = """SELECT '{version}' AS version, 'prompt_length' AS measure, length(prompt)::DOUBLE AS size
    FROM (SELECT DISTINCT prompt FROM {prefix}texts)
    UNION ALL SELECT '{version}', 'response_length', length(response) FROM {prefix}texts
    UNION ALL SELECT '{version}', 'pairs_per_user', count(*) FROM {prefix}pairs GROUP BY user_id"""

LONGER = f"(SELECT avg(chosen_longer) FROM ({JUDGEMENTS_OF}))"  # each user's share, averaged, as the judgements' gate

# A judgement of both versions: the user chose between the same two texts. One that contradicted itself cannot turn.
MEASURES = f"""WITH sizes AS (
    {VERSION.format(version="previous", prefix="previous_")}
    UNION ALL {VERSION.format(version="now", prefix="")}
), edges AS (
    SELECT measure, list_distinct(quantile_disc(size, {[number / 10 for number in range(1, 10)]})) AS edges
    FROM sizes WHERE version = 'previous' GROUP BY measure
), bins AS (
    SELECT measure, len(list_filter(edges, lambda edge: edge < size)) AS bin,
           count(*) FILTER (version = 'previous') + 0.5 AS before, count(*) FILTER (version = 'now') + 0.5 AS after
    FROM sizes JOIN edges USING (measure) GROUP BY ALL
), shares AS (
    SELECT measure, before / sum(before) OVER (PARTITION BY measure) AS p,
           after / sum(after) OVER (PARTITION BY measure) AS q
    FROM bins
), shifts AS (
    SELECT measure, sum((q - p) * ln(q / p)) AS psi FROM shares GROUP BY measure
), medians AS (
    SELECT measure, median(size) FILTER (version = 'previous') AS previous, median(size) FILTER (version = 'now') AS now
    FROM sizes GROUP BY measure
), longer AS (
    SELECT {LONGER.format(prefix="previous_")} AS previous,
    {LONGER.format(prefix="")} AS now
), people AS (
    SELECT (SELECT count(*) FROM previous_users) AS previous, (SELECT count(*) FROM users) AS now,
           (SELECT count(*) FROM previous_users SEMI JOIN users USING (user_id)) AS kept
), judged AS (
    SELECT DISTINCT user_id, least(chosen, rejected) AS one, greatest(chosen, rejected) AS other, chosen
    FROM previous_pairs QUALIFY count(*) OVER (PARTITION BY user_id, one, other) = 1
), again AS (
    SELECT j.user_id, j.one, j.other, bool_and(p.chosen <> j.chosen) AS turned
    FROM judged j JOIN pairs p ON p.user_id = j.user_id AND least(p.chosen, p.rejected) = j.one
                              AND greatest(p.chosen, p.rejected) = j.other
    GROUP BY ALL
), found AS (
    SELECT measure, previous, now, psi AS change FROM medians JOIN shifts USING (measure)
    UNION ALL SELECT 'chosen_longer', previous, now, abs(now - previous) FROM longer
    UNION ALL SELECT 'users_lost', previous, kept, 1 - kept / previous FROM people
    UNION ALL SELECT 'users_new', previous, now, 1 - kept / now FROM people
    UNION ALL SELECT 'labels_turned', count(*), count(*) FILTER (turned), avg(turned::INT) FROM again
)"""


def drift_suite(parameters: DriftParameters) -> Suite:
    """The suite over the measures, one row each; it asks for views of both versions, the previous one's ``previous_``.

    Columns: measure, what it is about, which figures ``previous`` and ``now`` are, how ``change`` is measured, and the
    bound that it must not be above.
    """
    bounds = {name: bound for name, bound in asdict(parameters).items() if bound is not None}
    expectations = [_within(name, bound) for name, bound in bounds.items()]
    return Suite(
        "drift",
        "How far the dataset is from its previous version.",
        (
            with_fix("run stage validate again", *filled(COLUMNS, exact=True)),
            with_fix("run stage validate again", *of_type("float64", "previous", "now", "change", "bound")),
            (*with_fix("give a previous version that has rows", *not_null("previous")), *expectations),
        ),
        _query(parameters),
        shown=True,
    )


def observe_drift(measures: "pd.DataFrame") -> dict[str, dict[str, Any]]:
    """What was found of each measure: previous, now and change; None where it cannot be told."""
    figures = measures.set_index("measure")[["previous", "now", "change"]]
    return {
        str(measure): {name: None if math.isnan(value) else round(value, 6) for name, value in row.items()}
        for measure, row in figures.to_dict("index").items()
    }


def _within(measure: str, bound: float) -> gxe.ExpectColumnValuesToBeBetween:
    key = f"quality.drift.{measure}"
    fix = f"see what changed between the versions; if it is meant, raise {key}, or set it to null to only show it"
    return gxe.ExpectColumnValuesToBeBetween(
        column="change", max_value=bound, row_condition=Column("measure") == measure, meta={"row": measure, "fix": fix}
    )


def _query(parameters: DriftParameters) -> str:
    bounds = asdict(parameters)
    rows = [
        f"({place}, '{name}', '{about}', '{figures}', '{changes}', {_literal(bounds[name])}::DOUBLE)"
        for place, (name, (about, figures, changes)) in enumerate(_quoted().items())
    ]
    listed = ",\n    ".join(rows)
    return (
        f"{MEASURES}\nSELECT measure, about, figures, previous::DOUBLE AS previous, now::DOUBLE AS now, changes,\n"
        "       change::DOUBLE AS change, bound\n"
        f"FROM (VALUES\n    {listed}\n) named (place, measure, about, figures, changes, bound)\n"
        "JOIN found USING (measure) ORDER BY place"
    )


def _quoted() -> dict[str, tuple[str, ...]]:
    return {name: tuple(text.replace("'", "''") for text in texts) for name, texts in NAMES.items()}


def _literal(bound: float | None) -> str:
    return "NULL" if bound is None else repr(bound)
