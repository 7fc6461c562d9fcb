"""The SQL of a query for runs.

A statement chooses first and reads then. What is chosen are keys of runs, out of one table or index that is in the
wanted order, or small: the runs, those with a tag, or those with a value. All else that is asked is looked up by key.
Only then are the chosen runs themselves read, which takes much longer for each.
"""

from __future__ import annotations

from typing import NamedTuple

from metaflow.metadata_store.record_sql import SQLITE_RECORDS, RecordSql
from metaflow.metadata_store.records import encodable
from metaflow.metadata_store.run_text import words_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from metaflow.metadata_store.store import RunOrder, RunQuery, ValueCondition

#: What a run is made from again, without and with the values of its parameters and artifacts.
RUN_COLUMNS = (
    "runs.record, runs.tags, runs.status, runs.finished_at, runs.message, runs.heartbeat_at, "
    "runs.end_ok, runs.end_success, runs.end_finished_at"
)
RUN_COLUMNS_WITH_VALUES = f"{RUN_COLUMNS}, runs.parameters, runs.artifacts"

#: Names of all flows; jumps from one to the next instead of reading every run.
FLOW_NAMES = """
WITH RECURSIVE names (flow) AS (
    SELECT MIN(flow) FROM runs
    UNION ALL
    SELECT (SELECT MIN(flow) FROM runs WHERE flow > names.flow) FROM names WHERE names.flow IS NOT NULL
)
SELECT flow FROM names WHERE flow IS NOT NULL"""

_SORT_COLUMNS = {
    "started_at": "{}.started_at",
    "finished_at": "{}.finished_at",
    "duration": (
        "(COALESCE({0}.finished_at, CASE WHEN {0}.status = 'running' THEN COALESCE({0}.heartbeat_at, {0}.started_at) "
        "END) - {0}.started_at)"
    ),
    "flow": "{}.flow",
    "user": "{}.user",
    "status": "{}.status",
}
_COMPARISONS = {"=", "<", "<=", ">", ">="}


class Dialect(NamedTuple):
    """What a database says in its own way.

    Attributes
    ----------
    name : str
    value : callable
        What stands for a value of a parameter or artifact in the table of values.
    first_text : str
        What is greater than all that stands for numbers, and not greater than any that stands for a text.
    differs : str
        The comparison that takes nothing for a value like any other.
    join : str
        What follows the chosen runs to join them with the table of runs, so that the chosen ones are read first.
    by_flow : frozenset of str
        Tables all of whose indexes begin with the flow, so that a query for all flows must name them.
    no_limit : int or None
        The limit that is none.
    position : str
        Where in a text a part of it begins, counted from 1; 0 if it does not have it.
    field : callable
        What gives, as text or number, the field of that name of a record; nothing if it has its default.
    records : RecordSql
        How it looks into the records of tasks.
    error : str
        What gives type and text of a task's error in one text; nothing if it has none.
    """

    name: str
    value: Callable[[Any], Any]
    first_text: str
    differs: str
    join: str
    by_flow: frozenset[str]
    no_limit: int | None
    position: str
    field: Callable[[str], str]
    records: RecordSql
    error: str

    @property
    def contains(self) -> str:
        """The condition that a text has a part."""
        return f"{self.position} > 0"


def _sqlite_value(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    # An integer that SQLite cannot hold is beyond all that it does hold, and so is the float.
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float("inf") if value > 0 else float("-inf")
    return value


SQLITE = Dialect(
    "SQLite",
    _sqlite_value,
    first_text="''",
    differs="IS NOT",
    join="CROSS JOIN runs ON runs.flow = chosen.flow AND runs.run_id = chosen.run_id",
    by_flow=frozenset({"run_values"}),
    no_limit=-1,
    position="instr({}, ?)",
    field=lambda name: f"json_extract(record, '$.{name}')",
    records=SQLITE_RECORDS,
    error="json_extract(record, '$.error[0]') || ': ' || json_extract(record, '$.error[1]')",
)


class Statement(NamedTuple):
    """A query, and what stands in the place of its question marks; the last one is the limit."""

    sql: str
    parameters: list[Any]


def run_statements(query: RunQuery, dialect: Dialect) -> list[Statement]:
    """The statements whose results, one after the other, are the runs that match.

    Parameters
    ----------
    query : RunQuery
        What is asked. Its limit holds for all statements together, so it is in none of them.
    dialect : Dialect
        The database that is asked.

    Returns
    -------
    list of Statement
        Give columns as `RUN_COLUMNS` or `RUN_COLUMNS_WITH_VALUES` names them.
    """
    if query.order is None:
        select = _Select(query, dialect)
        if query.after is not None:
            select.require_below_cursor(query.after)
        return [select.statement()]
    # Those that have what they are sorted by; then the others.
    statements = []
    if query.after is None or query.after[0] is not None:
        select = _Select(query, dialect, query.order)
        if query.after is not None:
            select.require_behind(query.order, query.after)
        statements.append(select.statement())
    select = _Select(query, dialect)
    select.require_nothing_to_sort_by(query.order)
    if query.after is not None and query.after[0] is None:
        select.require_below_cursor(query.after[1:])
    return [*statements, select.statement()]


def count_statement(query: RunQuery, dialect: Dialect) -> Statement:
    """The statement that gives how many runs match; its last parameter is how many are counted at most."""
    return _Select(query._replace(order=None, after=None), dialect).count()


def _with_singles(query: RunQuery) -> RunQuery:
    """The query in which one of one is that one: there are indexes for that."""
    if len(query.flows) == 1 and query.flow is None:
        query = query._replace(flow=query.flows[0], flows=())
    if len(query.statuses) == 1 and query.status is None:
        query = query._replace(status=query.statuses[0], statuses=())
    if len(query.users) == 1 and query.user is None:
        query = query._replace(user=query.users[0], users=())
    alone = tuple(group[0] for group in query.any_tags if len(group) == 1)
    return query._replace(tags=query.tags + alone, any_tags=tuple(group for group in query.any_tags if len(group) > 1))


def _one_of(values: Sequence[str]) -> str:
    return "= ?" if len(values) == 1 else f"IN ({', '.join('?' * len(values))})"


class _Select:
    """A statement being put together. Every value is a parameter."""

    def __init__(self, query: RunQuery, dialect: Dialect, order: RunOrder | None = None) -> None:
        self._query = query = _with_singles(query)
        self._dialect = dialect
        self._order = order
        self._conditions: list[str] = []
        self._parameters: list[Any] = []
        self._sort_key = ""
        self._words = words_of(query.text or "")
        tags, values = list(query.tags), list(query.values)
        self._table = self._choose_table(tags, values)
        for tag in tags:
            self._require_tags("EXISTS", [tag])
        for group in query.any_tags:
            self._require_tags("EXISTS", group)
        if query.without_tags:
            self._require_tags("NOT EXISTS", query.without_tags)
        self._require_words()
        self._require_keys()
        for condition in values:
            comparison, *operands = self._comparison("v.value", condition)
            self._require_value("EXISTS", condition.kind, condition.name, comparison, operands)
        self._require_columns()
        if query.flows:
            self._require(f"a.flow {_one_of(query.flows)}", *map(encodable, query.flows))
        if query.without_flows:
            self._require(f"NOT a.flow {_one_of(query.without_flows)}", *map(encodable, query.without_flows))
        if query.since is not None:
            self._require("a.started_at >= ?", query.since)
        if query.until is not None:
            self._require("a.started_at < ?", query.until)
        if query.id_part is not None:
            part = encodable(query.id_part)
            end = "substr(a.run_id, length(a.run_id) - ? + 1)"
            self._require(f"(substr(a.run_id, 1, ?) = ? OR {end} = ?)", *(len(part), part) * 2)

    def _choose_table(self, tags: list[str], values: list[ValueCondition]) -> str:
        """Choose where keys are read, and require of it what it answers by itself; that is taken from the lists."""
        query, order = self._query, self._order
        by_column = query.status is not None or query.user is not None or query.successful
        indexed = [condition for condition in values if condition.operator in _COMPARISONS]
        if order is not None:
            if order.name is not None:
                self._sort_key = "a.value"
                self._require_flow("run_values")
                self._require("a.kind = ? AND a.name = ? AND a.value IS NOT NULL", order.by, encodable(order.name))
                return "run_values"
            self._sort_key = _SORT_COLUMNS[order.by].format("a")
            self._require(f"{self._sort_key} IS NOT NULL")
        elif query.keys is not None:
            return "runs"  # they are few
        elif indexed:
            # Of equal values the index is in order of time, so that need not be sorted.
            condition = min(indexed, key=lambda each: each.operator != "=")
            values.remove(condition)
            self._require_flow("run_values")
            self._require("a.kind = ? AND a.name = ?", condition.kind, encodable(condition.name))
            self._require(*self._comparison("a.value", condition))
            return "run_values"
        # The first tag is that of the namespace, which most runs have: a status or a user says more.
        elif len(tags) > 1 or (tags and not by_column):
            self._require_flow("run_tags")
            self._require("a.tag = ?", encodable(tags.pop()))
            return "run_tags"
        elif self._words and not by_column:
            # Texts are much narrower than runs, and in order of time.
            self._require_flow("run_texts")
            return "run_texts"
        # Most runs succeed, so that for all flows it is quickest to go through them in order of time.
        if query.flow is not None or query.status is not None or query.user is not None:
            self._require_flow("runs")
        return "runs"

    def _require_flow(self, table: str) -> None:
        if self._query.flow is not None:
            self._require("a.flow = ?", encodable(self._query.flow))
        elif table in self._dialect.by_flow:
            self._require(f"a.flow IN ({FLOW_NAMES})")

    def _require_tags(self, exists: str, tags: Sequence[str]) -> None:
        """Have the run have one of the tags, or none."""
        self._require(
            f"{exists} (SELECT 1 FROM run_tags AS t WHERE t.flow = a.flow AND t.tag {_one_of(tags)} "  # noqa: S608
            "AND t.started_at = a.started_at AND t.run_id = a.run_id)",
            *map(encodable, tags),
        )

    def _require_words(self) -> None:
        if self._table == "run_texts":
            for word in self._words:
                self._require(self._dialect.contains.format("a.text"), word)
        elif self._words:
            own = (
                "SELECT 1 FROM run_texts AS x "
                "WHERE x.started_at = a.started_at AND x.flow = a.flow AND x.run_id = a.run_id"
            )
            tests = " AND ".join([self._dialect.contains.format("x.text")] * len(self._words))
            self._require(f"EXISTS ({own} AND {tests})", *self._words)

    def _require_keys(self) -> None:
        keys = self._query.keys
        if keys:
            places = ", ".join(["(?, ?)"] * len(keys))
            self._require(
                f"(a.flow, a.run_id) IN (VALUES {places})", *(encodable(part) for key in keys for part in key)
            )
        elif keys is not None:
            self._require("1 = 0")

    def _require_columns(self) -> None:
        """Conditions on what only the runs' own table has."""
        query, alias = self._query, "a" if self._table == "runs" else "r"
        tests: list[str] = []
        operands: list[Any] = []
        if query.status == "running":
            tests.append(f"{alias}.status = 'running'")  # written out, so that the index of these few is used
        elif query.status is not None:
            tests.append(f"{alias}.status = ?")
            operands.append(query.status)
        if query.statuses:
            tests.append(f"{alias}.status {_one_of(query.statuses)}")
            operands.extend(query.statuses)
        if query.user is not None:
            tests.append(f"{alias}.user = ?")
            operands.append(encodable(query.user))
        if query.users:
            tests.append(f"{alias}.user {_one_of(query.users)}")
            operands.extend(map(encodable, query.users))
        if query.successful:
            tests.append(f"{alias}.end_success")
        if tests and alias == "r":
            self._require_run(" AND ".join(tests), operands)
        elif tests:
            self._require(" AND ".join(tests), *operands)

    def _require_run(self, test: str, operands: list[Any]) -> None:
        own = "SELECT 1 FROM runs AS r WHERE r.flow = a.flow AND r.run_id = a.run_id"
        self._require(f"EXISTS ({own} AND {test})", *operands)

    def _require_value(self, exists: str, kind: str, name: str, test: str, operands: list[Any]) -> None:
        own = (
            "SELECT 1 FROM run_values AS v WHERE v.flow = a.flow AND v.run_id = a.run_id AND v.kind = ? AND v.name = ?"
        )
        self._require(f"{exists} ({own} AND {test})", kind, encodable(name), *operands)

    def _require(self, condition: str, *values: Any) -> None:
        self._conditions.append(condition)
        self._parameters.extend(values)

    def require_nothing_to_sort_by(self, order: RunOrder) -> None:
        """Only runs that lack what the list is sorted by."""
        if order.name is not None:
            self._require_value("NOT EXISTS", order.by, order.name, "v.value IS NOT NULL", [])
        elif self._table == "runs":
            self._require(f"{_SORT_COLUMNS[order.by].format('a')} IS NULL")
        else:
            self._require_run(f"{_SORT_COLUMNS[order.by].format('r')} IS NULL", [])

    def require_below_cursor(self, cursor: tuple[Any, ...]) -> None:
        """Only runs that come later in a list that is newest first."""
        self._require(*self._below(cursor))

    def _below(self, cursor: tuple[Any, ...]) -> tuple[Any, ...]:
        started_at, flow, run_id = cursor[0], encodable(cursor[1]), encodable(cursor[2])
        place = (started_at, run_id) if self._query.flow is not None else (started_at, flow, run_id)
        columns = self._newest_first("a")
        return (f"({', '.join(columns)}) < ({', '.join('?' * len(columns))})", *place)

    def require_behind(self, order: RunOrder, after: tuple[Any, ...]) -> None:
        """Only runs that come later in a list of that order."""
        value = encodable(after[0]) if isinstance(after[0], str) else after[0]
        if order.name is not None:
            value = self._dialect.value(value)
        key = self._sort_key
        beyond = "<" if order.descending else ">"
        below, *place = self._below(after[1:])
        # The first comparison says nothing new: with it, an index is read from there on.
        self._require(f"{key} {beyond}= ? AND ({key} {beyond} ? OR {below})", value, value, *place)

    def _newest_first(self, alias: str) -> list[str]:
        names = ("started_at", "run_id") if self._query.flow is not None else ("started_at", "flow", "run_id")
        return [f"{alias}.{name}" for name in names]

    def statement(self) -> Statement:
        """The whole."""
        columns = RUN_COLUMNS_WITH_VALUES if self._query.with_values else RUN_COLUMNS
        where = f"WHERE {' AND '.join(self._conditions)} " if self._conditions else ""
        direction = "DESC" if self._order is not None and self._order.descending else "ASC"
        inner, outer = ([f"{name} DESC" for name in self._newest_first(alias)] for alias in ("a", "chosen"))
        key = ""
        if self._sort_key:
            key = f", {self._sort_key} AS sort_key"
            inner.insert(0, f"{self._sort_key} {direction}")
            outer.insert(0, f"chosen.sort_key {direction}")
        choose = (
            f"SELECT a.flow, a.run_id, a.started_at{key} FROM {self._table} AS a {where}"  # noqa: S608
            f"ORDER BY {', '.join(inner)} LIMIT ?"
        )
        sql = (
            f"SELECT {columns} FROM ({choose}) AS chosen {self._dialect.join} "  # noqa: S608 - no text from outside
            f"ORDER BY {', '.join(outer)}"
        )
        return Statement(sql, self._parameters)

    def count(self) -> Statement:
        """How many there are, up to a limit."""
        where = f"WHERE {' AND '.join(self._conditions)} " if self._conditions else ""
        sql = f"SELECT COUNT(*) FROM (SELECT 1 FROM {self._table} AS a {where}LIMIT ?) AS found"  # noqa: S608
        return Statement(sql, self._parameters)

    def _comparison(self, column: str, condition: ValueCondition) -> tuple[Any, ...]:
        """The condition and its operands."""
        operator, operand = condition.operator, condition.operand
        if operator == "in":
            assert isinstance(operand, tuple)
            # A flat list: SQLite limits how deep a condition may be, so that they cannot be many comparisons with OR.
            given = [self._dialect.value(item) for item in operand if item is not None]
            test = f"{column} IN ({', '.join('?' * len(given))})" if given else "1 = 0"
            return (f"({test} OR {column} IS NULL)" if None in operand else test, *given)
        if operand is None:
            unequal = {"=": "IS NULL", "!=": "IS NOT NULL"}.get(operator)
            return (f"{column} {unequal}" if unequal else "1 = 0",)  # nothing is neither less nor more than it
        value = self._dialect.value(operand)
        if operator == "=":
            return (f"{column} = ?", value)
        if operator == "!=":
            return (f"{column} {self._dialect.differs} ?", value)
        # Any text is greater than any number; the second comparison keeps to the kind of the operand.
        first_text = self._dialect.first_text
        if isinstance(operand, str):
            bound = f"{column} >= {first_text}" if operator in ("<", "<=") else "1 = 1"
        else:
            bound = f"{column} < {first_text}" if operator in (">", ">=") else "1 = 1"
        return (f"{column} {operator} ? AND {bound}", value)
