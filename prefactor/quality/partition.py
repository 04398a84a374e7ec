"""Suites of the split: its pairs and users, the rules that tie them to the prepared tables, and the leakage rule."""

import great_expectations.expectations as gxe

from prefactor.quality.expectations import filled, not_null, of_type, relations, with_fix
from prefactor.quality.suite import Rule, Suite

COLUMNS = ["pair_id", "user_id", "group_id", "chosen", "rejected", "margin", "role", "part", "rank"]
NUMBERS = {"margin": "float64", "rank": "int32"}  # by column; all others are strings
PARTS = {
    "seen": ("train", "validation", "evaluation"),
    "validation": ("reference", "validation"),
    "unseen": ("reference", "evaluation"),
}
MEANINGS = {
    "within-user": "Leakage rule within-user: nobody is evaluated on a prompt that the same user's other pairs have.",
    "global": "Leakage rule global: no prompt or group of evaluation is anywhere in training, reference or validation.",
    "items-within-user": "Leakage rule items-within-user: nobody is evaluated on a text that the same user's other "
    "pairs have; those of other users may have it.",
    "items-global": "Leakage rule items-global: no text of evaluation is anywhere in training, reference, validation.",
    "pairs": "Leakage rule pairs: ONLY pairs are kept apart; evaluation meets prompts and responses of training again.",
}
HELD_OUT = "part = 'evaluation'"
OWN_HELD_OUT = "(part = 'evaluation' OR part = 'validation' AND role = 'validation')"  # which mirrors evaluation
RESPLIT = "the split does not belong to these tables or was changed after it was written: run stage split again"

PROMPTED = """WITH prompted AS (
    SELECT s.*, t.prompt_id
    FROM split_pairs s
    JOIN (SELECT text_id, md5(prompt) AS prompt_id FROM texts WHERE prompt <> '') t ON t.text_id = s.chosen
), """


def split_suites() -> list[Suite]:
    """The suites of the split's own tables."""
    return [_pairs(), _users()]


def split_relations(leakage: str) -> list[Suite]:
    """The suite of the rules between the split and the tables, under one leakage rule."""
    rules = [*_belonging_rules(), *_role_rules(), *_leakage_rules(leakage)]
    return [relations(f"The split belongs to its tables. {MEANINGS[leakage]}", rules)]


def _pairs() -> Suite:
    parts = sorted({part for parts in PARTS.values() for part in parts})
    return Suite(
        "pairs",
        "Every pair in one part of the split, at its rank among its user's pairs.",
        (
            with_fix(RESPLIT, *filled(COLUMNS, exact=True)),
            with_fix(
                RESPLIT,
                *of_type("str", *(column for column in COLUMNS if column not in NUMBERS)),
                *(check for column, kind in NUMBERS.items() for check in of_type(kind, column)),
            ),
            with_fix(
                RESPLIT,
                *not_null(*(column for column in COLUMNS if column != "margin")),
                gxe.ExpectColumnValuesToBeUnique(column="pair_id"),
                gxe.ExpectColumnValuesToBeInSet(column="role", value_set=list(PARTS)),
                gxe.ExpectColumnValuesToBeInSet(column="part", value_set=parts),
                gxe.ExpectColumnDistinctValuesToContainSet(column="part", value_set=["train", "evaluation"]),
                gxe.ExpectColumnValuesToBeBetween(column="rank", min_value=0),
            ),
        ),
        "FROM split_pairs",
    )


def _users() -> Suite:
    return Suite(
        "users",
        "Every user once, in one role: seen and unseen users are disjoint.",
        (
            with_fix(RESPLIT, *filled(["user_id", "role"], exact=True)),
            with_fix(RESPLIT, *of_type("str", "user_id", "role")),
            with_fix(
                RESPLIT,
                *not_null("user_id", "role"),
                gxe.ExpectColumnValuesToBeUnique(column="user_id"),
                gxe.ExpectColumnValuesToBeInSet(column="role", value_set=list(PARTS)),
            ),
        ),
        "FROM split_users",
    )


def _belonging_rules() -> list[Rule]:
    return [
        Rule(
            "prepared-pairs",
            "A pair of the split is a prepared pair, with the same user, group and texts.",
            "SELECT s.* FROM split_pairs s\n"
            "ANTI JOIN pairs p ON p.pair_id = s.pair_id AND p.user_id = s.user_id AND p.group_id = s.group_id\n"
            "                 AND p.chosen = s.chosen AND p.rejected = s.rejected",
            RESPLIT,
        ),
        Rule(
            "prepared-users",
            "A user of the split is a prepared user.",
            "SELECT s.* FROM split_users s ANTI JOIN users u ON u.user_id = s.user_id",
            RESPLIT,
        ),
        Rule(
            "users-have-pairs",
            "Every user of the split has a pair in it.",
            "SELECT u.* FROM split_users u ANTI JOIN split_pairs s ON s.user_id = u.user_id",
            RESPLIT,
        ),
    ]


def _role_rules() -> list[Rule]:
    allowed = ", ".join(f"('{role}', '{part}')" for role, parts in PARTS.items() for part in parts)
    return [
        Rule(
            "one-role",
            "A user's pairs are all under one role: seen and unseen users are disjoint.",
            "SELECT user_id, string_agg(DISTINCT role, ', ' ORDER BY role) AS roles, count(*) AS pairs\n"
            "FROM split_pairs GROUP BY user_id HAVING count(DISTINCT role) > 1",
            RESPLIT,
        ),
        Rule(
            "same-role",
            "A pair has the role of its user.",
            "SELECT s.*, u.role AS user_role FROM split_pairs s\n"
            "LEFT JOIN split_users u ON u.user_id = s.user_id\n"
            "WHERE s.role IS DISTINCT FROM u.role",
            RESPLIT,
        ),
        Rule(
            "parts-of-roles",
            "A role has the parts that belong to it.",
            f"SELECT * FROM split_pairs\nWHERE (role, part) NOT IN ({allowed})",
            RESPLIT,
        ),
        Rule(
            "ranks",
            "Ranks count from 0 without gaps within each part of a user.",
            "SELECT user_id, part, count(*) AS pairs, min(rank) AS first, max(rank) AS last,\n"
            "       count(DISTINCT rank) AS ranks\n"
            "FROM split_pairs GROUP BY user_id, part\n"
            "HAVING min(rank) <> 0 OR max(rank) <> count(*) - 1 OR count(DISTINCT rank) <> count(*)",
            RESPLIT,
        ),
    ]


def _leakage_rules(leakage: str) -> list[Rule]:
    if leakage == "pairs":  # only pairs are disjoint, which the uniqueness of pair_id says
        return []
    own, anyone = "the same user's other pairs", "anyone's training, reference or validation pairs"
    if leakage == "global":
        return [_whole_groups(), _no_shared_group(anyone), _no_shared_prompt(("prompt_id",), anyone)]
    rules = [_whole_groups(), _no_shared_prompt(("user_id", "prompt_id"), own)]
    if leakage == "items-within-user":
        rules.append(_no_shared_item(("user_id", "text_id"), OWN_HELD_OUT, own))
    if leakage == "items-global":
        rules.append(_no_shared_item(("text_id",), HELD_OUT, anyone))
    return rules


def _whole_groups() -> Rule:
    return Rule(
        "whole-groups",
        "All of a user's pairs of one group are in the same part.",
        "SELECT user_id, group_id, string_agg(DISTINCT part, ', ' ORDER BY part) AS parts, count(*) AS pairs\n"
        "FROM split_pairs GROUP BY user_id, group_id HAVING count(DISTINCT part) > 1",
        "keep the pairs of a group together: run stage split again, or look at how groups were made in stage prepare",
    )


def _no_shared_group(where: str) -> Rule:
    return Rule(
        "unseen-groups",
        f"No group of an evaluation pair is among {where}.",
        "WITH others AS (\n"
        "    SELECT group_id, string_agg(DISTINCT part, ', ' ORDER BY part) AS also_in, min(pair_id) AS for_example\n"
        "    FROM split_pairs WHERE part <> 'evaluation' GROUP BY group_id\n"
        ")\n"
        "SELECT e.*, o.also_in, o.for_example\n"
        "FROM split_pairs e JOIN others o ON o.group_id = e.group_id\n"
        "WHERE e.part = 'evaluation'",
        "split whole groups between training and evaluation, or name a weaker leakage rule for this dataset",
    )


def _no_shared_prompt(keys: tuple[str, ...], where: str) -> Rule:
    columns = ", ".join(keys)
    same = " AND ".join(f"o.{key} = e.{key}" for key in keys)
    return Rule(
        "unseen-prompts",
        f"No prompt of an evaluation pair is among {where}; an empty prompt says nothing.",
        PROMPTED + "others AS (\n"
        f"    SELECT {columns}, string_agg(DISTINCT part, ', ' ORDER BY part) AS also_in, min(pair_id) AS for_example\n"
        f"    FROM prompted WHERE part <> 'evaluation' GROUP BY {columns}\n"
        ")\n"
        "SELECT e.pair_id, e.user_id, e.group_id, e.role, o.also_in, o.for_example, t.prompt\n"
        f"FROM prompted e JOIN others o ON {same}\n"
        "JOIN texts t ON t.text_id = e.chosen\n"
        "WHERE e.part = 'evaluation'",
        "give pairs with the same prompt the same group, or name a weaker leakage rule for this dataset",
    )


def _no_shared_item(keys: tuple[str, ...], held_out: str, where: str) -> Rule:
    """``held_out``: SQL condition on the pairs whose texts must be new to the others with the same ``keys``."""
    columns = ", ".join(keys)
    return Rule(
        "unseen-items",
        f"No text of an evaluation pair, chosen or rejected, is among {where}.",
        f"""WITH items AS (
    SELECT pair_id, user_id, group_id, role, part, unnest([chosen, rejected]) AS text_id FROM split_pairs
), others AS (
    SELECT {columns}, string_agg(DISTINCT part, ', ' ORDER BY part) AS also_in, min(pair_id) AS for_example
    FROM items WHERE NOT {held_out} GROUP BY {columns}
)
SELECT e.pair_id, e.user_id, e.group_id, e.role, e.part, o.also_in, o.for_example, text_id, t.response
FROM items e JOIN others o USING ({columns})
JOIN texts t USING (text_id)
WHERE {held_out}""",
        "draw the items that evaluate anew: run stage split again, or name a weaker leakage rule for this dataset",
    )
