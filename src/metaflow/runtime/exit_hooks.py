"""What ``@exit_hook`` asks for: functions that are called, each in a process of its own, when a run is over."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..decorators.exit_hook import Hook
    from ..flow.declaration import FlowDeclaration
    from ..flow.spec import FlowSpec
    from .console import Console
    from .specs import RunSpec


class HookSpec(NamedTuple):
    """Which function: the number of its decorator among the flow's, whether it is for success, and its number there."""

    decorator: int
    successful: bool
    function: int


def run_exit_hooks(
    declaration: FlowDeclaration, run: RunSpec, *, successful: bool, fork: bool, console: Console
) -> None:
    """Call the flow's exit hooks, one after the other; what fails in them is told and changes nothing.

    Parameters
    ----------
    declaration : FlowDeclaration
    run : RunSpec
        The run, whose end is recorded.
    successful : bool
    fork : bool
        Whether this process may be forked; otherwise each function gets a new interpreter.
    console : Console
    """
    for spec in _specs(declaration, successful):
        from ..decorators.exit_hook import function_name

        function = function_of(declaration, spec)
        console.flush()
        status = _wait(_forked(function, run)) if fork else _spawned(run, spec)
        if status:
            how = f"exited with code {status}" if status > 0 else f"was killed by signal {-status}"
            console.say(
                f"The exit hook *{function_name(function)}* failed: its process {how}. The run stays as it is.",
                bad=True,
            )
            console.flush()


def _specs(declaration: FlowDeclaration, successful: bool) -> list[HookSpec]:
    hooks = [(number, hook) for number, hook in enumerate(declaration.decorators) if hook.name == "exit_hook"]
    return [
        HookSpec(number, successful, function)
        for number, hook in hooks
        for function in range(len(hook.functions(successful)))  # type: ignore[attr-defined]
    ]


def function_of(declaration: FlowDeclaration, spec: HookSpec) -> Hook:
    """The function that `spec` names."""
    from ..decorators.exit_hook import ExitHookDecorator

    decorator = declaration.decorators[spec.decorator]
    assert isinstance(decorator, ExitHookDecorator)
    return decorator.functions(spec.successful)[spec.function]


def call_hook(function: Hook, run: RunSpec) -> int:
    """Call a function in this process, which is there for that alone.

    Returns
    -------
    int
        Exit code for the process.
    """
    from ..client.home import set_home_of_run
    from ..client.run import Run
    from ..decorators.exit_hook import call
    from ..error_text import format_error

    set_home_of_run(run.home)
    failure_of_run = sys.exc_info()[1]
    try:
        call(function, Run(f"{run.flow}/{run.run_id}", _namespace_check=False))
    except SystemExit as request:
        return request.code if isinstance(request.code, int) else int(request.code is not None)
    except BaseException as error:
        _detach(error, failure_of_run)
        sys.stderr.write(format_error(error))
        return 1
    return 0


def _detach(error: BaseException | None, earlier: BaseException | None) -> None:
    """Let `error` be told without `earlier`, which it has nothing to do with but that it came later."""
    while error is not None:
        if error.__context__ is earlier:
            error.__context__ = None
        error = error.__context__


def _forked(function: Hook, run: RunSpec) -> int:
    """Start a child that calls the function; returns its process id."""
    from .child import leave
    from .open_files import flush, open_files
    from .parent_death import die_with_parent

    files = open_files()
    flush(files)
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        die_with_parent(parent)
        code = call_hook(function, run)
        leave(files)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _wait(pid: int) -> int:
    """Wait for the end of a child, and end it if a person does not want to; returns its exit status."""
    import signal

    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except BaseException:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        raise


def _spawned(run: RunSpec, spec: HookSpec) -> int:
    """Call the function in a new interpreter; returns its exit status."""
    import json
    import subprocess
    import tempfile

    from .spawn_executor import script_command

    with tempfile.TemporaryFile() as file:
        file.write(json.dumps([run, spec]).encode())
        file.flush()
        command = [*script_command(), "exit-hook", "--spec-fd", str(file.fileno())]
        return subprocess.run(command, check=False, pass_fds=[file.fileno()]).returncode


def run_spawned_hook(flow_class: type[FlowSpec], spec_fd: int) -> int:
    """Body of a new interpreter that was started for one function; returns the exit code of the process."""
    import json

    from .declared import declaration_of_run
    from .specs import run_from_list

    with open(spec_fd, "rb") as file:
        file.seek(0)
        run_fields, hook_fields = json.load(file)
    run = run_from_list(run_fields)
    return call_hook(function_of(declaration_of_run(flow_class, run), HookSpec(*hook_fields)), run)
