"""What one command costs: wall time, CPU time of all its processes, peak memory, files."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_ORPHAN_GRACE_SECONDS = 5.0


class CommandFailed(Exception):
    """A measured command ended with another status than 0."""


@dataclass(frozen=True)
class Cost:
    """What a command cost.

    Attributes
    ----------
    wall, cpu : float
        Seconds; `cpu` is user and system time of the command and of every process that it started.
    peak_bytes : int
        Largest resident memory of the command's own process; 0 if it was not watched.
    files, stored_bytes : int
        Regular files that it added to its directory, and their size.
    output : str
        Its standard output and standard error.
    began_at : float
        When it was started, in seconds since the epoch.
    """

    wall: float
    cpu: float
    peak_bytes: int
    files: int
    stored_bytes: int
    output: str
    began_at: float

    def figure(self, name: str) -> float:
        """Number that the command printed as ``<name> <number>``.

        Raises
        ------
        CommandFailed
            If it printed no such line.
        """
        for line in reversed(self.output.splitlines()):
            words = line.split()
            if len(words) >= 2 and words[-2] == name:
                return float(words[-1])
        raise CommandFailed(f"the command printed no figure {name!r}:\n{self.output[-2000:]}")


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent died, so that their CPU time is counted as well."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run_command(
    arguments: Sequence[str | Path],
    directory: Path,
    variables: Mapping[str, str],
    watch_memory: bool = False,
) -> Cost:
    """Run a command in `directory` and measure it.

    Parameters
    ----------
    arguments : sequence of str or Path
        The command.
    directory : Path
        Working directory; the files in it are counted before and afterwards.
    variables : mapping
        The whole environment of the command.
    watch_memory : bool
        Whether to sample the peak memory of the command's process (Linux only).

    Raises
    ------
    CommandFailed
        If its exit status is not 0; the message ends with its output.
    """
    # Another command's dirty pages must not be written back on this one's time.
    os.sync()
    files_before, bytes_before = _stored(directory)
    output_file = directory.with_name(directory.name + ".output")
    with output_file.open("wb") as output:
        began_at = time.time()
        began = time.perf_counter()
        process = subprocess.Popen(
            [str(argument) for argument in arguments],
            cwd=directory,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        peak_bytes = _watch(process.pid) if watch_memory else 0
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime + _orphans_cpu()
    text = output_file.read_text(encoding="utf-8", errors="replace")
    output_file.unlink()
    if process.returncode != 0:
        command = " ".join(str(argument) for argument in arguments)
        raise CommandFailed(f"exit status {process.returncode} of: {command}\n{text[-4000:]}")
    files, stored_bytes = _stored(directory)
    return Cost(wall, cpu, peak_bytes, files - files_before, stored_bytes - bytes_before, text, began_at)


def _stored(directory: Path) -> tuple[int, int]:
    """Number of the regular files under `directory`, and their bytes."""
    sizes = [path.stat().st_size for path in directory.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)


def _watch(pid: int) -> int:
    """Peak resident memory in bytes of process `pid`, sampled until it exits without being waited for."""
    peak = 0
    status_file = Path(f"/proc/{pid}/status")
    while not _has_exited(pid):
        try:
            for line in status_file.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    peak = max(peak, int(line.split()[1]) * 1024)
        except FileNotFoundError:  # no /proc on this system
            return 0
        time.sleep(0.02)
    return peak


def _has_exited(pid: int) -> bool:
    # WNOWAIT leaves the process to wait4, which alone tells its CPU time.
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _orphans_cpu() -> float:
    """CPU seconds of adopted processes; those that run on after a few seconds are left alone."""
    cpu = 0.0
    deadline = time.monotonic() + _ORPHAN_GRACE_SECONDS
    while time.monotonic() < deadline:
        try:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return cpu
        if pid:
            cpu += usage.ru_utime + usage.ru_stime
        else:
            time.sleep(0.005)
    return cpu
