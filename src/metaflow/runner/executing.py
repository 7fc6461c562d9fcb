"""What was started: a run or a single task, while it runs and afterwards."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from .arguments import seconds
from .flow_command import STREAMS, FlowCommand

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType
    from typing import TypeVar

    from ..client import Run, Task
    from .metaflow_runner import Runner

    P = TypeVar("P", bound="ExecutingProcess")


class ExecutingProcess:
    """A command that was started. As a context, it ends the command, if it still runs, when it is left.

    Attributes
    ----------
    runner : Runner
        What started it.
    command_obj : FlowCommand
        The process.
    """

    def __init__(self, runner: Runner, command_obj: FlowCommand) -> None:
        self.runner = runner
        self.command_obj = command_obj

    def __enter__(self: P) -> P:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.command_obj.end()

    async def __aenter__(self: P) -> P:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.command_obj.kill()

    @property
    def returncode(self) -> int | None:
        """Exit code, or the negated number of the signal that ended it; None as long as it runs."""
        return self.command_obj.process.poll()

    @property
    def status(self) -> str:
        """``running``, ``successful``, ``failed``, or ``timeout`` if it was ended because its time was over."""
        code = self.returncode
        if self.command_obj.timed_out:
            return "timeout"
        if code is None:
            return "running"
        return "successful" if code == 0 else "failed"

    @property
    def stdout(self) -> str:
        """All that it printed to stdout so far."""
        return self.command_obj.output("stdout")

    @property
    def stderr(self) -> str:
        """All that it printed to stderr so far."""
        return self.command_obj.output("stderr")

    async def wait(self: P, timeout: float | None = None, stream: str | None = None) -> P:
        """Wait for the end.

        Parameters
        ----------
        timeout : float, optional
            Seconds after which the command is ended and has the status ``timeout``.
        stream : str, optional
            ``stdout`` or ``stderr``: print its lines meanwhile.

        Returns
        -------
        ExecutingProcess
            This object.

        Raises
        ------
        TypeError
            If `timeout` is no number.
        """
        import asyncio

        if timeout is not None:
            timeout = seconds("timeout", timeout)
        try:
            await asyncio.wait_for(self._end(stream), timeout)
        except asyncio.TimeoutError:
            self.command_obj.timed_out = True
            await self.command_obj.kill()
            print(f"The process was killed, because it had not ended after {timeout:g} seconds.")  # noqa: T201
        return self

    async def kill(self, termination_timeout: float = 5.0) -> None:
        """Have it stop, with all of its tasks; kill it if it has not done so after `termination_timeout` seconds."""
        await self.command_obj.kill(termination_timeout)

    async def stream_log(self, stream: str, position: int | None = None) -> AsyncIterator[tuple[int, str]]:
        """Give lines as they come, until the command is over.

        Parameters
        ----------
        stream : str
            ``stdout`` or ``stderr``.
        position : int, optional
            Begin here: a position that was given with a line.

        Yields
        ------
        (int, str)
            Position behind the line, and the line.
        """
        _check_stream(stream)
        async for line in self.command_obj.lines(stream, position or 0):
            yield line

    async def _end(self, stream: str | None) -> None:
        if stream is not None:
            async for _, line in self.stream_log(stream):
                print(line, flush=True)  # noqa: T201
        await self.command_obj.ended()

    def _said(self) -> str:
        attributes = self.command_obj.attributes or {}
        parts = [attributes.get(name) for name in ("flow_name", "run_id", "step_name", "task_id")]
        return "/".join(str(part) for part in parts if part is not None)

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self._said()}', status={self.status!r})"


class ExecutingRun(ExecutingProcess):
    """A run that was started."""

    @cached_property
    def run(self) -> Run:
        """The run, as it is recorded where it was started, in whatever namespace."""
        from ..client import Run

        said = self.command_obj.attributes or {}
        return Run.at(f"{said['flow_name']}/{said['run_id']}", said["metadata"])


class ExecutingTask(ExecutingProcess):
    """A single task that was started."""

    @cached_property
    def task(self) -> Task:
        """The task, as it is recorded where it was started, in whatever namespace.

        Raises
        ------
        MetaflowNotFound
            Until it has left its results.
        """
        from ..client import Task

        said = self.command_obj.attributes or {}
        pathspec = "/".join(said[name] for name in ("flow_name", "run_id", "step_name", "task_id"))
        return Task.at(pathspec, said["metadata"])


def _check_stream(stream: str) -> None:
    if stream not in STREAMS:
        raise ValueError(f"There are the streams {' and '.join(STREAMS)}, not {stream!r}.")
