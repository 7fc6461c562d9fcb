"""The log of a task attempt as answers have it: what is to be known of it, and a page of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.web.logs.log_pages import changed_row, rows, unfinished_rows

if TYPE_CHECKING:
    from metaflow.metadata_store.records import TaskRecord
    from metaflow.web.logs.log_files import LogFiles, OpenLog, Origin
    from metaflow.web.logs.log_pages import Looking

#: Rows of one message about what is new; a page asks for what is missing when it is scrolled to.
MOST_NEW_ROWS = 500


class TaskLog(NamedTuple):
    """The log of an attempt, opened.

    Attributes
    ----------
    task : TaskRecord
    latest_attempt : int
    origin : Origin
        Whose log it is.
    log : OpenLog
    looking : Looking
        What of it is looked at.
    """

    task: TaskRecord
    latest_attempt: int
    origin: Origin
    log: OpenLog
    looking: Looking

    def facts(self) -> dict[str, Any]:
        """What is to be known of it."""
        index, looking = self.log.index, self.looking
        is_running = self.task.status == "running"
        return {
            "version": self.log.version,
            "attempt": self.task.attempt,
            "latest_attempt": self.latest_attempt,
            "status": self.task.status,
            "started_at": self.task.started_at,
            "total_rows": looking.rows(index),
            "total_lines": index.lines,
            "stdout_lines": index.count("stdout"),
            "stderr_lines": index.stderr_lines,
            "bytes": index.end,
            "redrawn_lines": len(index.hidden[looking.view]),
            "untimed_lines": index.untimed_lines,
            "truncated": sorted(index.truncated),
            "scrubbed": sorted(index.scrubbed),
            "origin": self.origin.pathspec,
            "is_origin_gone": self.origin.is_gone,
            "is_missing": self.log.is_missing,
            # What a task left that was killed is no longer being written.
            "unfinished": unfinished_rows(self.log, looking) if is_running else [],
        }

    def page(self, begin: int, limit: int) -> dict[str, Any]:
        """Rows from a place on."""
        total = self.looking.rows(self.log.index)
        begin = max(0, min(begin, total))
        with self.log.reading() as file:
            return {
                **self.facts(),
                "first_row": begin,
                "rows": rows(self.log.index, file, self.looking, begin, begin + limit),
            }

    def tail(self, limit: int) -> dict[str, Any]:
        """The last rows."""
        return self.page(self.looking.rows(self.log.index) - limit, limit)

    def around(self, line: int, limit: int) -> dict[str, Any]:
        """Rows around the one that shows a line, whose number is from 1."""
        with self.log.reading() as file:
            row = self.looking.row(self.log.index, file, line - 1)
        return self.page(row - limit // 2, limit)

    def growth(self, known_lines: int) -> dict[str, Any]:
        """What is new to somebody who knows so many lines."""
        index = self.log.index
        with self.log.reading() as file:
            first = changed_row(index, self.looking, file, known_lines)
        return self.page(max(first, self.looking.rows(index) - MOST_NEW_ROWS), MOST_NEW_ROWS)


def open_task_log(files: LogFiles, task: TaskRecord, latest_attempt: int, looking: Looking) -> TaskLog:
    """Open the log of an attempt.

    Raises
    ------
    DataException
        It cannot be read.
    """
    origin = files.origin(task)
    return TaskLog(task, latest_attempt, origin, files.open(origin.task), looking)
