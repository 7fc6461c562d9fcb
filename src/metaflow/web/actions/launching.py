"""Starting a flow as a process of its own that outlives the app; its output is kept in files."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.datastore.layout import STORE_DIRECTORY
from metaflow.exception import CannotStart

if TYPE_CHECKING:
    from metaflow.client.provider import Provider
    from metaflow.web.actions.operations import Operation

#: Seconds in which a flow must say which run it has started; importing its libraries can take long.
START_SECONDS = 180.0
#: Starts whose output is kept.
KEPT_STARTS = 100
#: Bytes of output that are shown, the last ones.
SHOWN_OUTPUT = 16_384
_LOOK_SECONDS = 0.05
# What a run does reaches the index a fraction of a second later; its page needs it there.
_INDEX_SECONDS = 3.0


class Command(NamedTuple):
    """A command line to start.

    Attributes
    ----------
    head : tuple of str
        The program and all up to the name of the command.
    arguments : tuple of str
        What follows it.
    directory : Path
        Where it runs.
    shown : str
        The same for a shell.
    """

    head: tuple[str, ...]
    arguments: tuple[str, ...]
    directory: Path
    shown: str


def launch(provider: Provider, command: Command, operation: Operation) -> str:
    """Start a command that starts a run, and wait until it has said which one.

    Parameters
    ----------
    provider : Provider
        Where the run will be found, and where the output is kept.
    command : Command
    operation : Operation
        Told in its result what the command prints, and which run it has started.

    Raises
    ------
    CannotStart
        The command ended before there was a run, or took too long.
    """
    folder = _new_folder(Path(provider.home.root) / STORE_DIRECTORY / "started")
    attributes = folder / "attributes.json"
    started = operation.result["started"] = {
        "flow": None,
        "run_id": None,
        "command": command.shown,
        "directory": str(command.directory),
        "pid": None,
        "output": "",
        "output_file": str(folder / "output.txt"),
    }
    process = _process(command, attributes, folder / "output.txt")
    started["pid"] = process.pid
    deadline = time.monotonic() + START_SECONDS
    while True:
        code = process.poll()
        said = _read(attributes)
        started["output"] = _tail(folder / "output.txt")
        if said is not None:
            break
        if code is not None:
            raise CannotStart(f"The command ended with exit code {code} before there was a run. It said why.")
        if time.monotonic() > deadline:
            _leave(process)
            raise CannotStart(
                f"The command has not started a run in {START_SECONDS:g} seconds. It goes on as process {process.pid}: "
                f"its output is in {folder / 'output.txt'}."
            )
        time.sleep(_LOOK_SECONDS)
    _leave(process)
    flow, run_id = str(said["flow_name"]), str(said["run_id"])
    operation.runs = ((flow, run_id),)
    _wait_for_record(provider, flow, run_id)
    started.update(flow=flow, run_id=run_id)
    return f"Run {flow}/{run_id} has started."


def _new_folder(parent: Path) -> Path:
    """A new folder among those of the latest starts; older ones go."""
    folder = parent / f"{time.time_ns()}-{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True)
        for old in sorted(parent.iterdir())[:-KEPT_STARTS]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise CannotStart(
            f"The output of a run cannot be kept in {parent}: {error.strerror or error}. Make that writable, or start "
            "the run on the command line."
        ) from error
    return folder


def _process(command: Command, attributes: Path, output: Path) -> subprocess.Popen[bytes]:
    arguments = [*command.head, f"--runner-attribute-file={attributes}", *command.arguments]
    try:
        with open(output, "wb") as file:
            return subprocess.Popen(
                arguments,
                cwd=command.directory,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                # Neither Ctrl-C at the app's terminal nor the app's end is the run's end.
                start_new_session=True,
            )
    except OSError as error:
        raise CannotStart(f"{command.head[0]} cannot be started: {error.strerror or error}.") from error


def _read(path: Path) -> dict[str, Any] | None:
    """What the command says of its run; None as long as it has not said all of it."""
    try:
        said = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return said if isinstance(said, dict) else None


def _tail(path: Path) -> str:
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - SHOWN_OUTPUT))
        return file.read().decode("utf-8", "replace")


def _leave(process: subprocess.Popen[bytes]) -> None:
    """Let it go on; somebody must take note of its end as long as this process is there."""
    threading.Thread(target=process.wait, name="metaflow-started-run", daemon=True).start()


def _wait_for_record(provider: Provider, flow: str, run_id: str) -> None:
    deadline = time.monotonic() + _INDEX_SECONDS
    while provider.run(flow, run_id) is None and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
