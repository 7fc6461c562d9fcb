"""``Runner``: runs a flow from Python, in a process of its own."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from .arguments import seconds
from .executing import ExecutingProcess, ExecutingRun, ExecutingTask
from .flow_command import FlowCommand
from .flow_description import signature
from .flow_file import FlowFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from inspect import Signature
    from types import TracebackType
    from typing import TypeVar

    R = TypeVar("R", bound="Runner")
    P = TypeVar("P", bound=ExecutingProcess)

__all__ = ["ExecutingProcess", "ExecutingRun", "ExecutingTask", "Runner"]

#: Methods of a runner whose signature is that of a command, with the command and what the method returns.
_COMMANDS: dict[str, tuple[str, type[ExecutingProcess]]] = {
    "run": ("run", ExecutingRun),
    "async_run": ("run", ExecutingRun),
    "resume": ("resume", ExecutingRun),
    "async_resume": ("resume", ExecutingRun),
    "spin": ("spin", ExecutingTask),
    "async_spin": ("spin", ExecutingTask),
}


class Runner:
    """Runs a flow from Python.

    Each run is a process of its own, which ends when this one does. What it prints is kept in files until nobody can
    ask for it any more. Parameters are values of Python, and are checked before anything starts.

    Parameters
    ----------
    flow_file : str or path
        The flow's file, which holds exactly one flow.
    show_output : bool
        Whether to print what the runs print, as it comes.
    profile : str, optional
        Name of the profile whose settings the runs have.
    env : dict of str to str, optional
        Environment variables that the runs have beside those of this process.
    cwd : str or path, optional
        Working directory of the runs. Paths among the options and parameters are relative to it.
    file_read_timeout : float
        Seconds that a run may take to start.
    **kwargs
        Options of the flow that stand before its commands, such as ``decospecs=["retry:times=2"]``, ``pylint=False``,
        ``config=[("name", "path")]``, ``config_value=[("name", {"key": 1})]``, ``datastore_root="..."``.

    Raises
    ------
    MetaflowException
        If there is no such file, it does not hold exactly one flow, or it cannot be loaded.
    ValueError, TypeError
        If an option is unknown or its value wrong.

    Examples
    --------
    >>> with Runner("train.py") as runner:
    ...     result = runner.run(alpha=0.1, tags=["try"])
    >>> result.status
    'successful'
    >>> result.run.data.loss
    0.03
    """

    #: Whether the flow's file stays when the runner is done.
    _FILE_IS_LASTING = True

    def __init__(
        self,
        flow_file: str | os.PathLike[str],
        show_output: bool = True,
        profile: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        file_read_timeout: float = 3600,
        **kwargs: Any,
    ) -> None:
        self.flow_file = os.fspath(flow_file)
        self.show_output = show_output
        self._file_read_timeout = seconds("file_read_timeout", file_read_timeout)
        self._flow_file = FlowFile(
            flow_file,
            environment(env, profile),
            None if cwd is None else os.path.abspath(cwd),
            self._file_read_timeout,
            kwargs,
            self._FILE_IS_LASTING,
        )
        self._commands: list[FlowCommand] = []
        for name in _COMMANDS:
            setattr(self, name, _Described(self, name))

    def __enter__(self: R) -> R:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cleanup()

    async def __aenter__(self: R) -> R:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import asyncio

        running = [command for command in self._commands if not command.has_ended]
        await asyncio.gather(*(command.kill() for command in running))
        self._commands.clear()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.flow_file!r})"

    def run(
        self,
        *,
        tags: Sequence[str] | None = None,
        max_workers: int | None = None,
        max_num_splits: int | None = None,
        max_log_size: int | None = None,
        decospecs: Sequence[str] | None = None,
        run_id_file: str | os.PathLike[str] | None = None,
        user_namespace: str | None = None,
        **parameters: Any,
    ) -> ExecutingRun:
        """Run the flow, and wait for its end.

        Parameters
        ----------
        tags : sequence of str, optional
            Tags of the run.
        max_workers : int, optional
            How many tasks run at a time.
        max_num_splits : int, optional
            How wide a foreach may be.
        max_log_size : int, optional
            How many megabytes to keep of each stream that a task prints.
        decospecs : sequence of str, optional
            Decorators for every step, as in ``--with``.
        run_id_file : str or path, optional
            File to write the run's id to.
        user_namespace : str, optional
            Namespace of the run; empty for the global one.
        **parameters
            Parameters of the flow, with underscores for dashes. None stands for the default.

        Returns
        -------
        ExecutingRun
            The run. That it failed is told by its ``status``.

        Raises
        ------
        ValueError, TypeError
            If a parameter is unknown or its value wrong.
        RuntimeError
            If the process ended before the run started, with all that it printed.
        """
        values = _given(locals())
        return self._finished(self._blocking("run", values, ExecutingRun))

    async def async_run(
        self,
        *,
        tags: Sequence[str] | None = None,
        max_workers: int | None = None,
        max_num_splits: int | None = None,
        max_log_size: int | None = None,
        decospecs: Sequence[str] | None = None,
        run_id_file: str | os.PathLike[str] | None = None,
        user_namespace: str | None = None,
        **parameters: Any,
    ) -> ExecutingRun:
        """Start a run. Like :meth:`run`, but it returns as soon as the run has started."""
        return await self._asynchronous("run", _given(locals()), ExecutingRun)

    def resume(
        self,
        step_to_rerun: str | Sequence[str] | None = None,
        *,
        origin_run_id: str | None = None,
        tags: Sequence[str] | None = None,
        max_workers: int | None = None,
        max_num_splits: int | None = None,
        max_log_size: int | None = None,
        decospecs: Sequence[str] | None = None,
        run_id_file: str | os.PathLike[str] | None = None,
        **parameters: Any,
    ) -> ExecutingRun:
        """Run again what a past run did not finish, and wait for the end.

        Parameters
        ----------
        step_to_rerun : str or sequence of str, optional
            Run these steps again, and what comes after them.
        origin_run_id : str, optional
            The run to resume, instead of the latest.
        tags, max_workers, max_num_splits, max_log_size, decospecs, run_id_file
            As for :meth:`run`.
        **parameters
            Parameters of the flow that shall differ from those of the run that is resumed.

        Returns
        -------
        ExecutingRun
            The new run. That it failed is told by its ``status``.

        Raises
        ------
        ValueError, TypeError
            If an option is unknown or its value wrong.
        RuntimeError
            If the process ended before the run started, with all that it printed.
        """
        values = _given(locals())
        return self._finished(self._blocking("resume", values, ExecutingRun))

    async def async_resume(
        self,
        step_to_rerun: str | Sequence[str] | None = None,
        *,
        origin_run_id: str | None = None,
        tags: Sequence[str] | None = None,
        max_workers: int | None = None,
        max_num_splits: int | None = None,
        max_log_size: int | None = None,
        decospecs: Sequence[str] | None = None,
        run_id_file: str | os.PathLike[str] | None = None,
        **parameters: Any,
    ) -> ExecutingRun:
        """Resume a run. Like :meth:`resume`, but it returns as soon as the run has started."""
        return await self._asynchronous("resume", _given(locals()), ExecutingRun)

    def spin(
        self,
        pathspec: str,
        *,
        skip_decorators: bool | None = None,
        artifacts_module: str | os.PathLike[str] | None = None,
        persist: bool | None = None,
        max_log_size: int | None = None,
        run_id_file: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> ExecutingTask:
        """Run one step alone on what a past run has left, and wait for the end.

        Parameters
        ----------
        pathspec : str
            ``step``, ``run/step`` or ``run/step/task``.
        skip_decorators : bool, optional
            Whether to leave out all decorators of the step.
        artifacts_module : str or path, optional
            File whose ``ARTIFACTS`` stand in for what is stored.
        persist : bool, optional
            Whether to keep the artifacts.
        max_log_size, run_id_file
            As for :meth:`run`.
        **options
            Further options of the command.

        Returns
        -------
        ExecutingTask
            The task. That it failed is told by its ``status``.

        Raises
        ------
        ValueError, TypeError
            If an option is unknown or its value wrong.
        RuntimeError
            If the process ended before the task started, with all that it printed.
        """
        values = _given(locals())
        return self._finished(self._blocking("spin", values, ExecutingTask))

    async def async_spin(
        self,
        pathspec: str,
        *,
        skip_decorators: bool | None = None,
        artifacts_module: str | os.PathLike[str] | None = None,
        persist: bool | None = None,
        max_log_size: int | None = None,
        run_id_file: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> ExecutingTask:
        """Start a task. Like :meth:`spin`, but it returns as soon as the task has started."""
        return await self._asynchronous("spin", _given(locals()), ExecutingTask)

    def cleanup(self) -> None:
        """End all that was started here and still runs."""
        for command in self._commands:
            if not command.has_ended:
                command.process.ask_to_end()  # all at once, so that it does not take longer with many
        while self._commands:
            self._commands[-1].end()
            self._commands.pop()

    def _start(self, name: str, values: Mapping[str, Any]) -> FlowCommand:
        program, given = self._flow_file.command(name, values)
        command = FlowCommand(program, given, self._flow_file.env, self._flow_file.cwd, self.show_output)
        self._commands = [*(known for known in self._commands if not known.has_ended), command]
        return command

    def _blocking(self, name: str, values: Mapping[str, Any], kind: type[P]) -> P:
        command = self._start(name, values)
        try:
            command.wait_for_start(self._file_read_timeout)
            started = kind(self, command)
            command.wait_for_end()
        except BaseException:  # Ctrl-C among them
            command.end()
            raise
        return started

    async def _asynchronous(self, name: str, values: Mapping[str, Any], kind: type[P]) -> P:
        import asyncio

        if not self._flow_file.is_known():
            # It has changed, and asking it takes as long as its imports. Others may go on meanwhile.
            await asyncio.get_running_loop().run_in_executor(None, self._flow_file.describe)
        command = self._start(name, values)
        try:
            command.show_in_background()
            await command.started(self._file_read_timeout)
            return kind(self, command)
        except BaseException:  # among them that the caller was cancelled, who then has nothing to end it with
            await command.kill()
            raise

    def _finished(self, executing: P) -> P:
        self._commands = [command for command in self._commands if not command.has_ended]
        return executing


def environment(env: Mapping[str, str] | None, profile: str | None) -> dict[str, str]:
    """Environment of the processes of a flow: that of this one, with changes.

    Raises
    ------
    TypeError
        If something is no text.
    """
    if env is not None and not hasattr(env, "items"):
        raise TypeError(f"env takes texts by their names, as a dict, not {env!r}.")
    for name, value in (env or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"env takes texts by their names, not {name!r}: {value!r}.")
    changed = {**os.environ, **(env or {})}
    if profile is not None:
        changed["METAFLOW_PROFILE"] = profile
    return changed


def _given(names: Mapping[str, Any]) -> dict[str, Any]:
    """Values that a method was called with, from its local names."""
    values = dict(names)
    del values["self"]
    rest = values.pop("parameters") if "parameters" in values else values.pop("options")
    return {**values, **rest}


class _Described:
    """A method of a runner, with the signature that the runner's flow gives it."""

    def __init__(self, runner: Runner, name: str) -> None:
        self.__wrapped__ = getattr(type(runner), name).__get__(runner)
        functools.update_wrapper(self, self.__wrapped__)
        self._runner = runner

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)

    @property
    def __signature__(self) -> Signature:
        command, returns = _COMMANDS[self.__wrapped__.__name__]
        options = self._runner._flow_file.describe().commands.get(command)
        if options is None:
            raise AttributeError(command)  # then it has the signature of the method
        return signature(options, returns)
