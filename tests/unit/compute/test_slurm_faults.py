"""The backend of Slurm where Slurm's commands fail, or say what a small cluster without accounting never says."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from metaflow.compute.backend import EngineUnavailable, Job, JobRefused, SubmittedJob
from metaflow.compute.slurm import backend as module
from metaflow.compute.slurm.backend import SlurmBackend
from metaflow.compute.slurm.commands import Finished, SshCommands

CONFIGURATION = "mf|ada|/home/ada\nMaxArraySize = 1001\nAccountingStorageType = accounting_storage/none\n"
VIOLATES = "sbatch: error: {}\nsbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job "
VIOLATES += "submit limit, user's size and/or time limits)\n"


class Scripted:
    """In place of Slurm's commands: what each answers, by its name.

    Attributes
    ----------
    answers : dict
        A result, or an error to raise.
    asked : list of list of str
    """

    place, is_here = "there", False

    def __init__(self) -> None:
        self.answers: dict[str, Finished | Exception] = {"scontrol show config": Finished(0, CONFIGURATION, "")}
        self.asked: list[list[str]] = []

    def run(self, command: Sequence[str], text: str = "") -> Finished:
        self.asked.append(list(command))
        said = " ".join(command)
        answer = next((answer for name, answer in self.answers.items() if name in said), Finished(0, "", ""))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        pass


@pytest.fixture
def commands() -> Scripted:
    return Scripted()


@pytest.fixture
def backend(commands: Scripted, monkeypatch: pytest.MonkeyPatch) -> SlurmBackend:
    monkeypatch.setattr(module, "LocalCommands", lambda: commands)
    return SlurmBackend()


def job(tasks: int = 1) -> Job:
    keys = tuple(f"work/{number}/0" for number in range(tasks))
    return Job("mf-1", "work", keys, False, ("true",), {}, {}, None, {"flow": "F"})


def line(number: str, state: str, reason: str) -> str:
    return f"mf|{number}|N/A|{state}|n1|mf-1|(null)|{reason}\n"


def test_a_job_that_was_given_up_is_told_of_although_it_cannot_be_cancelled_yet(
    backend: SlurmBackend, commands: Scripted
) -> None:
    waiting = SubmittedJob("mf-1", "7", ("work/0/0",))
    commands.answers["squeue"] = Finished(0, line("7", "PENDING", "BadConstraints"), "")
    commands.answers["scancel"] = EngineUnavailable("Slurm has not answered")
    backend.poll([waiting], 0)
    [state] = backend.poll([waiting], 0)
    assert (state.phase, state.retriable) == ("ended", False)
    with pytest.raises(EngineUnavailable):
        backend.poll([waiting], 0)
    del commands.answers["scancel"]
    backend.close()
    assert commands.asked[-1] == ["scancel", "7"]


def test_a_job_that_was_taken_and_has_ended_before_that_was_known_is_not_started_again(
    backend: SlurmBackend, commands: Scripted
) -> None:
    commands.answers["sbatch"] = EngineUnavailable("Slurm has not answered")
    with pytest.raises(EngineUnavailable):
        backend.submit(job())
    commands.answers["--states=all"] = Finished(0, line("7", "COMPLETED", "None"), "")
    assert backend.submit(job()).engine_id == "7"


@pytest.mark.parametrize("limit", ["QOSMaxCpuPerJobLimit", "QOSMaxMemoryPerUser", "AssocMaxWallDurationPerJobLimit"])
def test_a_job_that_asks_for_more_than_may_be_is_not_submitted_again_and_again(
    backend: SlurmBackend, commands: Scripted, limit: str
) -> None:
    commands.answers["sbatch"] = Finished(1, "", VIOLATES.format(limit))
    with pytest.raises(JobRefused, match=limit):
        backend.submit(job())


@pytest.mark.parametrize("limit", ["QOSMaxSubmitJobPerUserLimit", "AssocMaxSubmitJobLimit"])
def test_an_array_waits_for_others_to_leave_the_queue_but_not_for_itself(
    backend: SlurmBackend, commands: Scripted, limit: str
) -> None:
    commands.answers["sbatch"] = Finished(1, "", VIOLATES.format(limit))
    commands.answers["squeue"] = Finished(0, line("3", "RUNNING", "None"), "")
    with pytest.raises(EngineUnavailable):
        backend.submit(job(tasks=500))
    commands.answers["squeue"] = Finished(0, "", "")
    with pytest.raises(JobRefused, match="array of 500 tasks .*max_concurrent_tasks"):
        backend.submit(job(tasks=500))
    with pytest.raises(EngineUnavailable):
        backend.submit(job())


def test_arrays_are_no_larger_than_the_scheduler_takes(backend: SlurmBackend, commands: Scripted) -> None:
    backend.check()
    assert backend.largest_job == 1000
    with_limit = CONFIGURATION + "SchedulerParameters = bf_interval=30,max_array_tasks=200\n"
    commands.answers["scontrol show config"] = Finished(0, with_limit, "")
    limited = SlurmBackend()
    limited.check()
    assert limited.largest_job == 200


@pytest.mark.skipif(shutil.which("ssh") is None, reason="there is no ssh on this machine")
def test_an_address_is_never_an_option_of_ssh(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    commands = SshCommands(f"-oProxyCommand=touch {touched}")
    try:
        with pytest.raises(EngineUnavailable, match="SSH cannot connect"):
            commands.run(["true"])
    finally:
        commands.close()
    assert not touched.exists()
