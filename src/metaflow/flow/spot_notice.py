"""The file that appears when the machine that a task runs on is about to be taken away."""

from __future__ import annotations

import os

#: Environment variable with another path, where tasks share a directory of temporary files.
_VARIABLE = "METAFLOW_SPOT_TERMINATION_NOTICE"


def notice_path() -> str:
    """Where the file is, once there is one."""
    return os.environ.get(_VARIABLE) or "/tmp/spot_termination_notice"  # noqa: S108 - the path that programs look at
