"""Suites of the normalized tables: texts, pairs, users, candidates, prompts, and the rules between them."""

from collections.abc import Collection, Mapping
from typing import Any

import great_expectations.expectations as gxe

from prefactor.preferences import CANDIDATES, PAIRS, PROMPTS, TEXTS, USERS
from prefactor.quality.expectations import RERUN, filled, finite, not_null, of_type, relations, with_fix
from prefactor.quality.judgements import JUDGEMENTS
from prefactor.quality.parameters import QualityParameters
from prefactor.quality.suite import Rule, Suite

# What Python calls white space, said to DuckDB, whose \s is that of ASCII.
WRITTEN = r"[^\s\p{Z}\x0b\x1c-\x1f\x{85}]"

# What the gate wants to know of texts, instead of texts: memory may not hold them all, and failed rows tell no words.
MEASURED = f"""SELECT text_id,
       length(prompt) AS prompt_characters, NOT regexp_matches(prompt, '{WRITTEN}') AS prompt_blank,
       length(response) AS response_characters, NOT regexp_matches(response, '{WRITTEN}') AS response_blank
FROM texts"""

# Written with equalities only: to DuckDB, "c.prompt <> r.prompt" is a join of nearly all texts with all others. And
# with hashes, so that memory need not hold the prompts.
ONE_PROMPT = """WITH asked AS (SELECT text_id, md5_number(prompt) AS prompt FROM texts), crossed AS (
    SELECT p.*
    FROM pairs p
    JOIN asked c ON c.text_id = p.chosen
    ANTI JOIN asked s ON s.text_id = p.rejected AND s.prompt = c.prompt
)
SELECT p.pair_id, p.user_id, c.prompt AS chosen_prompt, r.prompt AS rejected_prompt
FROM crossed p
JOIN texts c ON c.text_id = p.chosen
JOIN texts r ON r.text_id = p.rejected"""


# What a turn adds to the prompt of the turn before. The first message of all stands alone, without "User: " before it.
PROMPT_HASHES = """WITH said AS (
    SELECT *, array_to_string(list_transform(messages, lambda message:
        chr(10) || chr(10) || CASE message.role WHEN 'user' THEN 'User: ' WHEN 'assistant' THEN 'Assistant: ' END
        || message.content), '') AS added
    FROM prompts
), whole AS (
    SELECT conversation_id, turn, prompt_id, parent, string_agg(
        CASE WHEN parent IS NULL THEN substr(added, length('..User: ') + 1) ELSE added END, '' ORDER BY turn
    ) OVER (PARTITION BY conversation_id ORDER BY turn) AS prompt
    FROM said
)
SELECT conversation_id, turn, prompt_id, substr(sha256(prompt), 1, 32) AS hash
FROM whole WHERE prompt_id IS DISTINCT FROM substr(sha256(prompt), 1, 32)"""


def table_suites(source: Mapping[str, Any], tables: Collection[str], parameters: QualityParameters) -> list[Suite]:
    """The suites of one dataset's ``tables``, by their names; ``source`` is its source.json."""
    suites = [_texts(bool(source.get("empty_prompts", False)), parameters), _pairs(), _users()]
    if "candidates" in tables:
        suites.append(_candidates(list(source.get("scorers") or [])))
    return [*suites, _prompts()] if "prompts" in tables else suites


def relation_suites(source: Mapping[str, Any], tables: Collection[str], parameters: QualityParameters) -> list[Suite]:
    """The suites that join tables: the rules between them, and what users' judgements look like."""
    rules = _pair_rules()
    rules += _candidate_rules() if "candidates" in tables else []
    rules += _prompt_rules() if "prompts" in tables else []
    rules += _truth_rules() if source.get("truth") else []
    between = relations("The tables fit each other, and ids are the hashes of what they name.", rules)
    return [between, _judgements(parameters)]


def _texts(empty_prompts: bool, parameters: QualityParameters) -> Suite:
    length = with_fix(
        "mend the texts, or change quality.minimum_characters or quality.maximum_characters",
        gxe.ExpectColumnValuesToBeBetween(
            column="prompt_characters", min_value=0 if empty_prompts else 1, max_value=parameters.maximum_characters
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="response_characters",
            min_value=parameters.minimum_characters,
            max_value=parameters.maximum_characters,
        ),
    )
    written = [] if empty_prompts else ["prompt_blank"]
    if parameters.minimum_characters > 0:
        written.append("response_blank")
    blank = [gxe.ExpectColumnValuesToBeInSet(column=column, value_set=[False]) for column in written]
    return Suite(
        "texts",
        "Each response to a prompt once, under the hash of both.",
        (
            with_fix(RERUN, *filled(TEXTS.names, exact=True)),
            with_fix(RERUN, *of_type("str", *TEXTS.names)),
            (
                *with_fix(RERUN, *not_null("text_id", "prompt_characters", "response_characters")),
                *with_fix(RERUN, gxe.ExpectColumnValuesToBeUnique(column="text_id")),
                *length,
                *with_fix("fill in the blank texts of the input, or drop their pairs", *blank),
            ),
        ),
        MEASURED,
        head="FROM texts LIMIT 1",
    )


def _pairs() -> Suite:
    required = [field.name for field in PAIRS if not field.nullable]
    return Suite(
        "pairs",
        "Which of two responses a user chose, each judgement once.",
        (
            with_fix(RERUN, *filled(PAIRS.names, exact=True)),
            with_fix(
                RERUN,
                *of_type("str", *required),
                *of_type("float64", "margin"),
                *of_type("int64", "order"),
            ),
            (
                *with_fix(RERUN, *not_null(*required)),
                *with_fix(RERUN, gxe.ExpectColumnValuesToBeUnique(column="pair_id")),
                *with_fix("mend the scores of the input: they are infinite", *finite("margin")),
            ),
        ),
        "FROM pairs",
    )


def _users() -> Suite:
    return Suite(
        "users",
        "Each user once, with the attributes that the source has.",
        (
            with_fix(RERUN, *filled(USERS.names, exact=False)),
            with_fix(RERUN, *of_type("str", "user_id")),
            with_fix(
                RERUN,
                *not_null("user_id"),
                gxe.ExpectColumnValuesToBeUnique(column="user_id"),
                gxe.ExpectColumnValueLengthsToBeBetween(column="user_id", min_value=1),
            ),
        ),
        "FROM users",
    )


def _candidates(scorers: list[str]) -> Suite:
    return Suite(
        "candidates",
        "Sets of responses to one prompt, with their scores.",
        (
            with_fix(RERUN, *filled([*CANDIDATES.names, *scorers], exact=False)),
            with_fix(
                RERUN,
                *of_type("str", *CANDIDATES.names),
                *of_type("float64", *scorers),
            ),
            with_fix(RERUN, *not_null(*CANDIDATES.names, *scorers)),
        ),
        "FROM candidates",
    )


def _prompts() -> Suite:
    required = [field.name for field in PROMPTS if not field.nullable]
    return Suite(
        "prompts",
        "Prompts that are conversations: every turn up to the last that is asked about, and what it adds.",
        (
            with_fix(RERUN, *filled(PROMPTS.names, exact=True)),
            with_fix(RERUN, *of_type("str", "prompt_id", "parent", "conversation_id"), *of_type("int64", "turn")),
            with_fix(RERUN, *not_null(*required), gxe.ExpectColumnValuesToBeBetween(column="turn", min_value=0)),
        ),
        "FROM prompts",
    )


def _judgements(parameters: QualityParameters) -> Suite:
    longer, first = parameters.chosen_longer, parameters.chosen_first
    return Suite(
        "judgements",
        "Users have judged enough pairs, and chosen neither always the longer response nor always the first by its id.",
        (
            (
                *with_fix(
                    "drop these users from the input, or lower quality.minimum_pairs_per_user",
                    gxe.ExpectColumnValuesToBeBetween(column="pairs", min_value=parameters.minimum_pairs_per_user),
                ),
                *with_fix(
                    "see whether the input has chosen and rejected swapped or cut off; widen quality.chosen_longer if "
                    "people really choose that way",
                    gxe.ExpectColumnMeanToBeBetween(column="chosen_longer", min_value=longer[0], max_value=longer[1]),
                ),
                *with_fix(
                    "chosen and rejected of the input are sorted, not judged: take them from the judgements",
                    gxe.ExpectColumnMeanToBeBetween(column="chosen_first", min_value=first[0], max_value=first[1]),
                ),
            ),
        ),
        JUDGEMENTS,
    )


def _pair_rules() -> list[Rule]:
    return [
        Rule(
            "text-ids",
            "A text_id is the hash of its prompt and response.",
            "SELECT text_id, substr(sha256(prompt || chr(31) || response), 1, 32) AS hash, prompt, response\n"
            "FROM texts\n"
            "WHERE text_id <> substr(sha256(prompt || chr(31) || response), 1, 32)",
            RERUN,
        ),
        Rule(
            "pair-ids",
            "A pair_id is the hash of its user, chosen and rejected text.",
            "SELECT substr(sha256(user_id || chr(31) || chosen || chr(31) || rejected), 1, 32) AS hash, *\n"
            "FROM pairs\n"
            "WHERE pair_id <> substr(sha256(user_id || chr(31) || chosen || chr(31) || rejected), 1, 32)",
            RERUN,
        ),
        Rule(
            "chosen-differs",
            "Nobody chooses between a response and itself.",
            "SELECT * FROM pairs WHERE chosen = rejected",
            "drop the pairs of the input whose two responses are the same",
        ),
        Rule(
            "known-texts",
            "Both responses of a pair are in the table of texts.",
            "SELECT p.*, 'chosen' AS missing FROM pairs p ANTI JOIN texts t ON t.text_id = p.chosen\n"
            "UNION ALL\n"
            "SELECT p.*, 'rejected' AS missing FROM pairs p ANTI JOIN texts t ON t.text_id = p.rejected",
            RERUN,
        ),
        Rule(
            "known-users",
            "The user of a pair is in the table of users.",
            "SELECT p.* FROM pairs p ANTI JOIN users u ON u.user_id = p.user_id",
            RERUN,
        ),
        Rule(
            "one-prompt",
            "The two responses of a pair answer the same prompt.",
            ONE_PROMPT,
            "give both responses of a pair the same prompt in the input",
        ),
    ]


def _candidate_rules() -> list[Rule]:
    return [
        Rule(
            "known-candidates",
            "Every candidate is in the table of texts.",
            "SELECT c.group_id, c.text_id FROM candidates c ANTI JOIN texts t ON t.text_id = c.text_id",
            RERUN,
        ),
        Rule(
            "candidates-once",
            "A set holds each candidate once.",
            "SELECT group_id, text_id, count(*) AS times\n"
            "FROM candidates GROUP BY group_id, text_id HAVING count(*) > 1",
            RERUN,
        ),
    ]


def _prompt_rules() -> list[Rule]:
    return [
        Rule(
            "turns-once",
            "A conversation has each turn once.",
            "SELECT conversation_id, turn, count(*) AS times\n"
            "FROM prompts GROUP BY conversation_id, turn HAVING count(*) > 1",
            RERUN,
        ),
        Rule(
            "known-parents",
            "What a turn goes on from is a lower turn of the same conversation.",
            "SELECT p.prompt_id, p.parent, p.conversation_id, p.turn\n"
            "FROM prompts p ANTI JOIN prompts q\n"
            "ON q.prompt_id = p.parent AND q.conversation_id = p.conversation_id AND q.turn < p.turn\n"
            "WHERE p.parent IS NOT NULL",
            RERUN,
        ),
        Rule(
            "prompt-ids",
            "A prompt_id is the hash of what its conversation said up to the turn.",
            PROMPT_HASHES,
            RERUN,
        ),
        Rule(
            "known-prompts",
            "The prompt of every text is among the conversations' prompts, under its hash.",
            "SELECT substr(sha256(t.prompt), 1, 32) AS prompt_id, any_value(t.prompt) AS prompt\n"
            "FROM texts t ANTI JOIN prompts p ON p.prompt_id = substr(sha256(t.prompt), 1, 32)\n"
            "GROUP BY 1",
            RERUN,
        ),
    ]


def _truth_rules() -> list[Rule]:
    return [
        Rule(
            "true-weights",
            "Every user of a synthetic source has a true preference vector of finite numbers.",
            "SELECT user_id, weight FROM users\n"
            "WHERE weight IS NULL OR len(weight) = 0\n"
            "   OR len(list_filter(weight, lambda x: x IS NULL OR NOT isfinite(x))) > 0",
            RERUN,
        )
    ]
