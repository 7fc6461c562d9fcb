"""Processes that clean up behind a task, which go on when all else that the task has left is ended."""

from __future__ import annotations

#: Environment variable of such a process.
OUTLIVES_VARIABLE = "_METAFLOW_OUTLIVES_TASK"
