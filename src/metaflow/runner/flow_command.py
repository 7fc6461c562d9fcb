"""A command of a flow that runs in a process of its own: its start, its output and its end."""

from __future__ import annotations

import json
import os
import select
import sys
import time
import weakref
from typing import TYPE_CHECKING, Any

from .captured_output import Follower, read_text
from .child_process import LOOK_SECONDS, ChildProcess
from .file_changes import FileChanges

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

#: Seconds that a run has to end by itself when it is asked to, before it is killed. It gives its tasks three of them.
END_GRACE = 5.0
STREAMS = ("stdout", "stderr")


class FlowCommand:
    """A command, running or over.

    Parameters
    ----------
    program : sequence of str
        All that comes before the option which names the file for the attributes.
    arguments : sequence of str
        All that comes after it.
    env : mapping of str to str
    cwd : str or None
    show_output : bool
        Whether to print what it prints.

    Attributes
    ----------
    command : list of str
    attributes : dict or None
        What the command says of what it has started; None as long as it has said nothing.
    timed_out : bool
        Whether it was ended because its time was over.
    """

    def __init__(
        self,
        program: Sequence[str],
        arguments: Sequence[str],
        env: Mapping[str, str],
        cwd: str | None,
        show_output: bool,
    ) -> None:
        import shutil
        import tempfile

        self.directory = tempfile.mkdtemp(prefix="metaflow-run-")
        # Kept as long as somebody may ask for the output.
        weakref.finalize(self, shutil.rmtree, self.directory, ignore_errors=True)
        attribute_file = os.path.join(self.directory, "attributes")
        # A pipe with a name: we are told when it is written, rather than having to look.
        os.mkfifo(attribute_file)
        self._attribute_fd: int | None = os.open(attribute_file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._attribute_text = b""
        self.attributes: dict[str, Any] | None = None
        self.timed_out = False
        self.command = [*program, f"--runner-attribute-file={attribute_file}", *arguments]
        try:
            with open(self.path("stdout"), "wb") as stdout, open(self.path("stderr"), "wb") as stderr:
                self.process = ChildProcess(self.command, env, cwd, stdout, stderr)
        except BaseException:
            self._close_attributes()
            raise
        self._shown = [Follower(self.path(stream)) for stream in STREAMS] if show_output else []
        self._showing: asyncio.Task[None] | None = None

    def path(self, stream: str) -> str:
        """File that holds what was printed to a stream."""
        return os.path.join(self.directory, stream)

    def output(self, stream: str) -> str:
        """All that was printed to a stream so far."""
        return read_text(self.path(stream))

    @property
    def has_ended(self) -> bool:
        """Whether the process is over."""
        return self.process.poll() is not None

    # Waiting in a program without an event loop, or in spite of one.

    def wait_for_start(self, timeout: float) -> dict[str, Any]:
        """Wait until the command has said what it has started.

        Parameters
        ----------
        timeout : float
            Seconds.

        Returns
        -------
        dict
            The attributes.

        Raises
        ------
        RuntimeError
            If it ended before.
        TimeoutError
            If it took longer.
        """
        self._drive(lambda: self.attributes is not None or self.has_ended, time.monotonic() + timeout)
        return self._started(timeout)

    def wait_for_end(self, timeout: float | None = None) -> bool:
        """Wait until the process is over; False if that takes longer than `timeout` seconds."""
        self._drive(lambda: self.has_ended, None if timeout is None else time.monotonic() + timeout)
        return self.has_ended

    def end(self, grace: float = END_GRACE) -> None:
        """Have the command stop; kill it, and its process group, if it has not done so after `grace` seconds."""
        try:
            self.process.ask_to_end()
            self.wait_for_end(grace)
        finally:
            self.process.kill()
            self.wait_for_end()
            self._close_attributes()

    def _drive(self, done: Callable[[], bool], deadline: float | None) -> None:
        """Take what comes until something is done or the time is over."""
        changes = FileChanges() if self._shown else None
        if changes is not None and changes.watch(self.directory) is None:
            changes.close()
        try:
            while not done():
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    break
                self._wait_for_news(changes, left)
            if self.has_ended:
                self._read_attributes()
            self._show()
        finally:
            if changes is not None:
                changes.close()

    def _wait_for_news(self, changes: FileChanges | None, timeout: float | None) -> None:
        poll = select.poll()
        looking = self.process.exit_fd is None
        for descriptor in (self.process.exit_fd, self._attribute_fd):
            if descriptor is not None:
                poll.register(descriptor, select.POLLIN)
        if changes is not None:
            if changes.fd is not None:
                poll.register(changes.fd, select.POLLIN)
            else:
                looking = True
        if looking:
            timeout = LOOK_SECONDS if timeout is None else min(timeout, LOOK_SECONDS)
        ready = {descriptor for descriptor, _ in poll.poll(None if timeout is None else timeout * 1000 + 1)}
        if self._attribute_fd in ready:
            self._read_attributes()
        if changes is not None:
            changes.take()
            self._show()

    # The same in an asyncio program.

    def show_in_background(self) -> None:
        """Print what the command prints for as long as the running event loop runs."""
        import asyncio

        if self._shown:
            self._showing = asyncio.get_running_loop().create_task(self._show_live())

    async def started(self, timeout: float) -> dict[str, Any]:
        """Like :meth:`wait_for_start`, for asyncio."""
        import asyncio

        try:
            await asyncio.wait_for(self._attributes_or_end(), timeout)
        except asyncio.TimeoutError:
            pass  # told with all that is known of it
        return self._started(timeout)

    async def ended(self) -> None:
        """Wait until the process is over, and all is shown that is to be shown."""
        import asyncio

        await self._process_ended()
        showing = self._showing
        if showing is not None and showing.get_loop() is asyncio.get_running_loop():
            await asyncio.shield(showing)
        else:
            self._show()

    async def kill(self, termination_timeout: float = END_GRACE) -> None:
        """Have the command stop; kill it, and its process group, if it has not done so by then.

        Parameters
        ----------
        termination_timeout : float
            Seconds that it has to stop by itself.
        """
        import asyncio

        try:
            self.process.ask_to_end()
            await asyncio.wait_for(self._process_ended(), termination_timeout)
        except asyncio.TimeoutError:
            pass
        finally:
            self.process.kill()
            await self._process_ended()
            self._close_attributes()

    async def lines(self, stream: str, position: int = 0) -> AsyncIterator[tuple[int, str]]:
        """Lines of a stream as they come, until the command is over, each with the position behind it, in bytes."""
        from .event_loop import DirectoryChanges

        follower = Follower(self.path(stream), position)
        rest = b""
        with DirectoryChanges(self.directory) as changes:
            while True:
                over = self.has_ended  # asked before reading, so that nothing printed last is missed
                data = follower.read()
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    position += len(line) + 1
                    yield position, line.decode("utf-8", "replace")
                if data:
                    continue
                if over:
                    break
                await self._news(changes)
        if rest:
            yield position + len(rest), rest.decode("utf-8", "replace")

    async def _show_live(self) -> None:
        from .event_loop import DirectoryChanges

        with DirectoryChanges(self.directory) as changes:
            over = False
            while not over:
                over = self.has_ended
                self._show()
                if not over:
                    await self._news(changes)

    async def _news(self, changes: Any) -> None:
        await _first_of(changes.next(), self._process_ended())

    async def _attributes_or_end(self) -> None:
        from .event_loop import readable

        while self._attribute_fd is not None and not self.has_ended:
            await _first_of(readable(self._attribute_fd), self._process_ended())
            if self.has_ended or _is_readable(self._attribute_fd):
                self._read_attributes()

    async def _process_ended(self) -> None:
        import asyncio

        from .event_loop import readable

        while not self.has_ended:
            if self.process.exit_fd is None:
                await asyncio.sleep(LOOK_SECONDS)
            else:
                await readable(self.process.exit_fd)

    # What both have in common.

    def _started(self, timeout: float) -> dict[str, Any]:
        if self.attributes is None and self.has_ended:
            self._read_attributes()
        if self.attributes is not None:
            return self.attributes
        outputs = "".join(f"\n--- {stream}:\n{self.output(stream).rstrip()}" for stream in STREAMS)
        shown = _shown(self.command)
        if not self.has_ended:
            raise TimeoutError(f"`{shown}` has started nothing in {timeout:g} seconds.{outputs}")
        code = self.process.poll()
        why = f"It ended with exit code {code} before anything was started."
        if code == 0:
            why += " Does the file start its flow, under `if __name__ == '__main__':`?"
        raise RuntimeError(f"`{shown}` failed. {why}{outputs}")

    def _read_attributes(self) -> None:
        """Take what was written to the attribute file; to be called when there is something, or nothing can come."""
        while self._attribute_fd is not None:
            try:
                data = os.read(self._attribute_fd, 65536)
            except BlockingIOError:
                return  # the rest will come
            self._attribute_text += data
            if not data:
                self._close_attributes()
        if self._attribute_text:
            text, self._attribute_text = self._attribute_text, b""
            try:
                self.attributes = json.loads(text)
            except ValueError:
                pass  # the process died while it wrote

    def _close_attributes(self) -> None:
        if self._attribute_fd is not None:
            descriptor, self._attribute_fd = self._attribute_fd, None
            os.close(descriptor)

    def _show(self) -> None:
        for follower in self._shown:
            follower.show()


async def _first_of(*awaitables: Any) -> None:
    """Wait for the first; the others are given up."""
    import asyncio

    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()  # raises what it raised


def _is_readable(descriptor: int | None) -> bool:
    if descriptor is None:
        return False
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _shown(command: Sequence[str]) -> str:
    """A command as a person would write it."""
    import shlex

    shown = [word for word in command if not word.startswith("--runner-attribute-file=")]
    return shlex.join(["python" if word == sys.executable else word for word in shown])
