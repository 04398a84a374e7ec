"""What only one source's tables have to be, beside what all have: suites chosen by the name in source.json.

The gate says for itself what a source should hold, and does not ask the code that made the tables.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import great_expectations.expectations as gxe

from prefactor.errors import InputError
from prefactor.preferences import CANDIDATES, USERS
from prefactor.quality.expectations import RERUN, filled, finite, not_null, of_type, relations, with_fix
from prefactor.quality.suite import Rule, Suite

REWARD_MODELS = (
    "gemma_2b",
    "gemma_7b",
    "mistral_raft",
    "llama3_sfairx",
    "oasst_deberta_v3",
    "beaver_7b",
    "oasst_pythia_7b",
    "oasst_pythia_1b",
    "mistral_ray",
    "mistral_weqweasdas",
)
RESPONSES = 8  # to a prompt of PersonalLLM
SHORTENED = ("blank_responses", "duplicate_responses", "responses_without_score")  # why a set may have fewer
SIMPLEX = 1e-6  # how far the sum of a preference vector may be from 1
LOWEST, HIGHEST = 1, 100  # scores that PRISM's people could give
FIRST_TURN, LATER_TURN = 4, 2  # responses to it in PRISM, at most; those to a later turn are of one model
ROUNDING = 1e-9
AGAIN = "run stage prepare again"
REDO = f"{AGAIN}; if that does not help, the files are not those that were published"
NEARLY_ALL = 0.99  # people's data is not clean: so large a share has to be as it should

POSTS = """SELECT p.group_id, count(DISTINCT t.prompt) AS posts
FROM pairs p JOIN texts t ON t.text_id = p.chosen
GROUP BY p.group_id
ORDER BY p.group_id"""

SETS = "SELECT group_id, count(*) AS responses FROM candidates GROUP BY group_id ORDER BY group_id"

# Null where a column is about other turns: expectations pass nulls over.
TURNS = """SELECT c.group_id, any_value(p."order") AS turn,
       CASE WHEN any_value(p."order") = 0 THEN count(*) END AS first_responses,
       CASE WHEN any_value(p."order") > 0 THEN count(*) END AS later_responses,
       CASE WHEN any_value(p."order") > 0 THEN count(DISTINCT c.model) END AS later_models
FROM candidates c
LEFT JOIN (SELECT group_id, min("order") AS "order" FROM pairs GROUP BY group_id) p ON p.group_id = c.group_id
GROUP BY c.group_id
ORDER BY c.group_id"""


@dataclass(frozen=True)
class Checks:
    """Of one source: tables it has beside texts, pairs and users; suites of single tables; suites that join them."""

    tables: tuple[str, ...]
    suites: Callable[[Mapping[str, Any]], list[Suite]]
    relations: Callable[[Mapping[str, Any]], list[Suite]]


def source_suites(source: Mapping[str, Any], tables: Collection[str], prepared: Path) -> list[Suite]:
    """The suites of single tables that ``source``, a source.json, asks for by its name; none for most sources.

    InputError if the folder ``prepared`` lacks a table that the source always has.
    """
    checks = SOURCES.get(str(source.get("name")))
    if checks is None:
        return []
    for missing in (name for name in checks.tables if name not in tables):
        raise InputError(f"{prepared / missing}.parquet does not exist, but {source['name']} has it: {AGAIN}")
    return checks.suites(source)


def source_relations(source: Mapping[str, Any]) -> list[Suite]:
    """The suites that join tables of such a source, to be asked once its schema is known to be sound."""
    checks = SOURCES.get(str(source.get("name")))
    return checks.relations(source) if checks else []


def _personalllm(source: Mapping[str, Any]) -> list[Suite]:
    return [_scorers(list(source.get("scorers") or [])), _rewards(), _tastes()]


def _scorers(named: list[object]) -> Suite:
    values = ", ".join("'" + str(name).replace("'", "''") + "'" for name in named)
    return Suite(
        "scorers",
        "The scorers that source.json names are PersonalLLM's ten reward models.",
        (
            with_fix(
                RERUN,
                gxe.ExpectTableRowCountToEqual(value=len(REWARD_MODELS)),
                gxe.ExpectColumnValuesToBeInSet(column="scorer", value_set=list(REWARD_MODELS)),
                gxe.ExpectColumnValuesToBeUnique(column="scorer"),
            ),
        ),
        f"SELECT unnest([{values}]::VARCHAR[]) AS scorer",
    )


def _rewards() -> Suite:
    return Suite(
        "rewards",
        "Every response has a finite score by each of the ten reward models.",
        (
            with_fix(RERUN, *filled([*CANDIDATES.names, *REWARD_MODELS], exact=False)),
            with_fix(RERUN, *of_type("float64", *REWARD_MODELS)),
            with_fix(REDO, *not_null(*REWARD_MODELS), *finite(*REWARD_MODELS)),
        ),
        "FROM candidates",
    )


def _tastes() -> Suite:
    return Suite(
        "tastes",
        "Every user has a preference vector over the reward models, and the utilities that choices are made by.",
        (
            with_fix(RERUN, *filled([*USERS.names, "weight", "utility"], exact=False)),
            with_fix(RERUN, *not_null("weight", "utility")),
        ),
        "FROM users",
    )


def _personalllm_relations(source: Mapping[str, Any]) -> list[Suite]:
    dropped = source.get("dropped") or {}
    rules = [
        _on_simplex(),
        _higher_utility(list(source.get("scorers") or [])),
        _whole_sets(sum(int(dropped.get(reason, 0)) for reason in SHORTENED)),
    ]
    return [_sets(), relations("Users are on the simplex and choose what their rewards say.", rules, "personalllm")]


def _sets() -> Suite:
    between = gxe.ExpectColumnValuesToBeBetween(column="responses", min_value=2, max_value=RESPONSES)
    return Suite("sets", f"A prompt has {RESPONSES} responses, or a few less.", (with_fix(REDO, between),), SETS)


def _whole_sets(dropped: int) -> Rule:
    return Rule(
        "whole-sets",
        f"No more responses are missing from sets of {RESPONSES} than source.json says were dropped: {dropped}.",
        "WITH sets AS (SELECT group_id, count(*) AS responses FROM candidates GROUP BY group_id)\n"
        f"SELECT * FROM sets WHERE responses < {RESPONSES}\n"
        f"AND (SELECT sum({RESPONSES} - responses) FROM sets WHERE responses < {RESPONSES}) > {dropped}",
        RERUN,
    )


def _on_simplex() -> Rule:
    return Rule(
        "on-the-simplex",
        "A user's preference vector has ten parts, none negative, that sum to 1; the utilities are as many.",
        "SELECT user_id, weight, list_sum(weight) AS total FROM users\n"
        f"WHERE len(weight) <> {len(REWARD_MODELS)} OR len(utility) <> {len(REWARD_MODELS)}\n"
        f"   OR NOT abs(list_sum(weight) - 1) <= {SIMPLEX}\n"
        "   OR len(list_filter(weight, lambda x: x IS NULL OR NOT x >= 0)) > 0",
        RERUN,
    )


def _higher_utility(scorers: list[str]) -> Rule:
    def scores(side: str) -> str:
        columns = ", ".join(f'{side}."{scorer}"' for scorer in scorers)
        return f"list_dot_product(u.utility, [{columns}]::DOUBLE[])"

    return Rule(
        "higher-utility",
        "The chosen response is worth more to the user than the rejected one: utility . scores, of the pair's own set.",
        "WITH worth AS (\n"
        f"    SELECT p.pair_id, p.user_id, p.group_id, {scores('c')} AS chosen, {scores('r')} AS rejected\n"
        "    FROM pairs p JOIN users u ON u.user_id = p.user_id\n"
        "    LEFT JOIN candidates c ON c.group_id = p.group_id AND c.text_id = p.chosen\n"
        "    LEFT JOIN candidates r ON r.group_id = p.group_id AND r.text_id = p.rejected\n"
        f"    WHERE len(u.utility) = {len(scorers)}\n"
        ")\n"
        "SELECT * FROM worth WHERE NOT coalesce(chosen > rejected, false)",
        RERUN,
    )


def _tldr(source: Mapping[str, Any]) -> list[Suite]:
    least = source.get("minimum_annotations")
    if not isinstance(least, int) or isinstance(least, bool):
        raise InputError(f"source.json: minimum_annotations is {least!r}, but must be a whole number: {AGAIN}")
    few = gxe.ExpectColumnValuesToBeBetween(column="annotations", min_value=least)
    return [
        Suite(
            "annotators",
            f"Every annotator made at least {least} annotations.",
            (
                with_fix(RERUN, *filled([*USERS.names, "annotations"], exact=False)),
                with_fix(RERUN, *of_type("int64", "annotations")),
                with_fix(RERUN, *not_null("annotations"), few),
            ),
            "FROM users",
        )
    ]


def _tldr_relations(source: Mapping[str, Any]) -> list[Suite]:
    one = gxe.ExpectColumnValuesToBeBetween(column="posts", max_value=1, mostly=NEARLY_ALL)
    fix = "see which posts of the files share an id: pairs of one id are kept in one part of a split"
    rule = Rule(
        "annotated",
        "Nobody has more pairs than annotations.",
        "SELECT u.user_id, u.annotations, count(*) AS pairs\n"
        "FROM users u JOIN pairs p ON p.user_id = u.user_id\n"
        "GROUP BY u.user_id, u.annotations HAVING count(*) > u.annotations",
        RERUN,
    )
    return [
        Suite("posts", "The pairs of a group are about one post.", (with_fix(fix, one),), POSTS),
        relations("Pairs are what annotators said.", [rule], "tldr"),
    ]


def _prism(source: Mapping[str, Any]) -> list[Suite]:
    between = gxe.ExpectColumnValuesToBeBetween(column="score", min_value=LOWEST, max_value=HIGHEST)
    return [
        Suite(
            "scores",
            f"Every response was scored, from {LOWEST} to {HIGHEST}.",
            (
                with_fix(RERUN, *filled([*CANDIDATES.names, "score", "model"], exact=False)),
                with_fix(RERUN, *of_type("float64", "score"), *of_type("str", "model")),
                with_fix(REDO, *not_null("score"), between),
            ),
            "FROM candidates",
        )
    ]


def _prism_relations(source: Mapping[str, Any]) -> list[Suite]:
    return [_turns(), relations("A pair is the best and the worst of its turn.", [_margins()], "prism")]


def _turns() -> Suite:
    most = {"first_responses": FIRST_TURN, "later_responses": LATER_TURN, "later_models": 1}
    return Suite(
        "turns",
        f"A first turn has up to {FIRST_TURN} responses; a later one up to {LATER_TURN}, of one model.",
        (
            with_fix(
                "see whether interaction_id, turn and model_name of utterances.jsonl belong together",
                *(
                    gxe.ExpectColumnValuesToBeBetween(column=column, max_value=value, mostly=NEARLY_ALL)
                    for column, value in most.items()
                ),
            ),
        ),
        TURNS,
    )


def _margins() -> Rule:
    return Rule(
        "margins",
        "A pair's margin is the highest less the lowest score of its set, and those are of chosen and rejected.",
        "WITH sets AS (\n"
        "    SELECT group_id, max(score) AS highest, min(score) AS lowest FROM candidates GROUP BY group_id\n"
        ")\n"
        "SELECT p.pair_id, p.group_id, p.margin, c.score AS chosen, r.score AS rejected, s.highest, s.lowest\n"
        "FROM pairs p\n"
        "LEFT JOIN sets s ON s.group_id = p.group_id\n"
        "LEFT JOIN candidates c ON c.group_id = p.group_id AND c.text_id = p.chosen\n"
        "LEFT JOIN candidates r ON r.group_id = p.group_id AND r.text_id = p.rejected\n"
        f"WHERE NOT coalesce(abs(p.margin - (s.highest - s.lowest)) <= {ROUNDING}\n"
        f"                   AND abs(p.margin - (c.score - r.score)) <= {ROUNDING}, false)",
        RERUN,
    )


SOURCES: Mapping[str, Checks] = {
    "personalllm": Checks(("candidates",), _personalllm, _personalllm_relations),
    "tldr": Checks((), _tldr, _tldr_relations),
    "prism": Checks(("candidates", "prompts"), _prism, _prism_relations),
}
