"""``MetaflowAPI``: command lines of a flow, built from values of Python but not run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .flow_file import FlowFile

if TYPE_CHECKING:
    from collections.abc import Callable


class MetaflowAPI:
    """Builds command lines of one flow.

    Parameters
    ----------
    flow_file : str or path
    **kwargs
        Options before the command.

    Examples
    --------
    >>> MetaflowAPI.from_cli("train.py")(pylint=False).run(tags=["try"], alpha=0.5)
    ['python', 'train.py', '--no-pylint', 'run', '--tag=try', '--alpha=0.5']
    """

    def __init__(self, flow_file: str | os.PathLike[str], **kwargs: Any) -> None:
        self._flow_file = os.fspath(flow_file)
        self._described = FlowFile(flow_file, os.environ, None, 3600, kwargs)

    @classmethod
    def from_cli(cls, flow_file: str | os.PathLike[str], cli_collection: object = None) -> MetaflowAPI:
        """The command lines of a file; `cli_collection` is not needed, as the file itself tells its commands."""
        return cls(flow_file)

    def __call__(self, **kwargs: Any) -> MetaflowAPI:
        """The same with these options before the command."""
        return MetaflowAPI(self._flow_file, **kwargs)

    def __getattr__(self, name: str) -> Callable[..., list[str]]:
        commands = {} if name.startswith("_") else self._described.describe().commands
        if name not in commands:
            raise AttributeError(f"There is no command '{name}'; there are {', '.join(commands)}.")

        def command(**kwargs: Any) -> list[str]:
            before, after = self._described.command(name, kwargs)
            return ["python", self._flow_file, *before[2:], *after]

        return command
