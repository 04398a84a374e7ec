"""What users share who judge pairs: the prompts or, where there are none, the texts."""

from duckdb import DuckDBPyConnection

# A pair falls with its prompt or, without one, with each of its texts.
NUMBERED = """
CREATE TEMP TABLE IF NOT EXISTS numbered AS
SELECT text_id, row_number() OVER ()::INTEGER AS number, min(length(response)) AS length,
    min(CASE WHEN prompt = '' THEN NULL ELSE md5_number_lower(prompt) END) AS prompt
FROM texts SEMI JOIN (SELECT chosen AS text_id FROM pairs UNION SELECT rejected FROM pairs) USING (text_id)
GROUP BY text_id
"""
HAS_PROMPTS = "SELECT count(prompt) > 0 FROM numbered"


def number_texts(connection: DuckDBPyConnection) -> str:
    """Make the table ``numbered`` of the judged texts, with their prompts; what users share is ``prompts`` or
    ``texts``."""
    connection.execute(NUMBERED)
    (prompts,) = connection.execute(HAS_PROMPTS).fetchone() or (False,)
    return "prompts" if prompts else "texts"
