"""How a database looks into the records of tasks, which are JSON."""

from __future__ import annotations

from typing import NamedTuple


class RecordSql(NamedTuple):
    """How a database looks into the records of tasks, which are JSON.

    Attributes
    ----------
    source : str
        The table of tasks, with what the expressions below need.
    text, number, truth, given, plain : str
        Expression for a field, whose name stands for ``{}``: its text, its number, whether it is true, whether it is
        there, its JSON.
    splits : str
        Expression for the number of tasks of the innermost foreach.
    """

    source: str
    text: str
    number: str
    truth: str
    given: str
    plain: str
    splits: str


SQLITE_RECORDS = RecordSql(
    source="tasks",
    text="json_extract(record, '$.{}')",
    number="json_extract(record, '$.{}')",
    truth="json_extract(record, '$.{}')",
    given="json_type(record, '$.{}') IS NOT NULL",
    plain="json_extract(record, '$.{}')",
    splits="json_extract(record, '$.foreach_stack[#-1][3]')",
)

# PostgreSQL takes no JSON with a zero character or half of a surrogate pair, which names and errors may have. Where a
# record has any escape, these are taken out of it; escaped backslashes and whole pairs, which look alike, stay.
_HALF = "d[89ab][0-9a-f][0-9a-f]"
_ESCAPES = rf"(\\\\|\\u{_HALF}\\ud[c-f][0-9a-f][0-9a-f])|\\u(0000|d[89a-f][0-9a-f][0-9a-f])"
POSTGRES_RECORD = (
    r"(CASE WHEN strpos(record, '\u') = 0 THEN record "
    rf"ELSE regexp_replace(record, '{_ESCAPES}', '\1', 'g') END)::jsonb"
)

POSTGRES_RECORDS = RecordSql(
    # Read once for each row, and not once for each field.
    source=f"tasks CROSS JOIN LATERAL (SELECT {POSTGRES_RECORD} AS parsed OFFSET 0) AS record_of",
    text="parsed ->> '{}'",
    number="(parsed ->> '{}')::float8",
    truth="(parsed ->> '{}')::boolean",
    given="(parsed -> '{}') IS NOT NULL",
    plain="(parsed -> '{}')::text",
    splits="(parsed -> 'foreach_stack' -> -1 ->> 3)::int8",
)
