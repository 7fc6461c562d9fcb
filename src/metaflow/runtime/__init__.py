from __future__ import annotations


def __getattr__(name: str) -> object:
    # Where Metaflow has it.
    if name == "TaskFailed":
        from ..exception import TaskFailed

        return TaskFailed
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
