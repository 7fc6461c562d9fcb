"""The backend of Slurm against a real cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from metaflow.compute.backend import EngineUnavailable, Job, JobQuery, JobRefused, SubmittedJob, TaskState
from metaflow.compute.slurm.backend import SlurmBackend
from metaflow.exception import MetaflowException
from slurm_cluster import SlurmCluster, running_cluster
from ssh_server import running_ssh_server

_numbers = iter(range(1, 10**6))


def job(script: str, tasks: int = 1, is_gang: bool = False, timeout: float | None = None, **options: Any) -> Job:
    name = f"mf-{next(_numbers):016x}"
    keys = tuple(f"work/{number}/0" for number in range(tasks))
    facts = {"flow": "My Flow|x", "run_id": name, "step": "work", "user": 'ada "A" %s'}
    variables = {"ODD": 'it\'s\n"odd" $HOME'}
    return Job(name, "work", keys, is_gang, ("bash", "-c", script), variables, options, timeout, facts)


class Followed:
    """A job and what its backend said of its tasks, last."""

    def __init__(self, backend: SlurmBackend, submitted: SubmittedJob) -> None:
        self.backend, self.submitted = backend, submitted
        self.states: dict[str, TaskState] = {}

    def until(self, condition: Callable[[dict[str, TaskState]], object], seconds: float = 90) -> dict[str, TaskState]:
        deadline = time.monotonic() + seconds
        while not condition(self.states):
            assert time.monotonic() < deadline, self.states
            time.sleep(0.1)
            self.states |= {state.task: state for state in self.backend.poll([self.submitted], 0)}
        return self.states

    def end(self, seconds: float = 90) -> list[TaskState]:
        tasks = self.submitted.tasks
        states = self.until(
            lambda states: len(states) == len(tasks) and all(s.phase == "ended" for s in states.values()), seconds
        )
        return [states[task] for task in tasks]

    def output(self, index: int = 0) -> str:
        return self.backend.output(self.submitted, self.submitted.tasks[index]).decode()


@pytest.fixture
def backend(slurm_cluster: SlurmCluster, tmp_path: Path) -> Iterator[SlurmBackend]:
    backend = SlurmBackend(remote_workdir=str(tmp_path / "files of %j jobs"))
    yield backend
    backend.close()


def submit(backend: SlurmBackend, wanted: Job) -> Followed:
    return Followed(backend, backend.submit(wanted))


def running(states: dict[str, TaskState]) -> bool:
    return bool(states) and all(state.phase == "running" for state in states.values())


def test_a_task_has_its_variables_and_its_end_is_told(backend: SlurmBackend) -> None:
    backend.check()
    assert backend.largest_job == 1000
    task = submit(backend, job('echo "$ODD ${METAFLOW_JOB_INDEX_VARIABLE-none}"; exit 3'))
    [state] = task.end()
    assert (state.status, state.reason, state.retriable) == (3, None, True)
    assert task.output() == 'it\'s\n"odd" $HOME none\n'
    assert list(backend.poll([task.submitted], 0)) == []  # it is said once


def test_tasks_write_with_the_umask_of_whoever_runs_the_flow(backend: SlurmBackend, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        single = submit(backend, job("umask"))
    finally:
        os.umask(before)
    single.end()
    assert single.output() == "0027\n"
    assert (tmp_path / "files of %j jobs/slurm" / single.submitted.name).stat().st_mode & 0o077 == 0


def test_every_other_task_of_a_wide_array_is_cancelled(backend: SlurmBackend) -> None:
    wide = submit(backend, job("sleep 600", tasks=1000))
    backend.cancel(wide.submitted, wide.submitted.tasks[::2])
    states = wide.until(lambda states: sum(state.phase == "ended" for state in states.values()) >= 500)
    assert {task for task, state in states.items() if state.phase == "ended"} == set(wide.submitted.tasks[::2])
    backend.cancel(wide.submitted, wide.submitted.tasks)


def test_the_tasks_of_an_array_end_each_in_its_own_way(backend: SlurmBackend) -> None:
    script = (
        "i=${!METAFLOW_JOB_INDEX_VARIABLE}; echo task $i; case $i in 1) exit 7;; 2) kill -9 $$;; 3|4) sleep 600;; esac"
    )
    array = submit(backend, job(script, tasks=30, max_concurrent_tasks=20))
    others = set(array.submitted.tasks) - set(array.submitted.tasks[3:5])
    array.until(
        lambda states: (
            {task for task, state in states.items() if state.phase == "ended"} == others
            and all(states[task].phase == "running" for task in array.submitted.tasks[3:5])
        )
    )
    found = backend.find(JobQuery("My Flow|x", user='ada "A" %s'))
    assert [(each.engine_id, each.phase, each.facts["step"]) for each in found] == [
        (array.submitted.engine_id, "running", "work")
    ]
    assert not backend.find(JobQuery("Other"))
    assert not backend.find(JobQuery("My Flow|x", run_id="other"))
    backend.cancel(array.submitted, array.submitted.tasks[3:5])
    states = array.end()
    assert [state.status for state in states[:3]] == [0, 7, -9]
    assert all(state.reason == "its Slurm job was cancelled" for state in states[3:5])
    assert all(state.status == 0 for state in states[5:])
    assert array.output(29) == "task 29\n"
    backend.cancel(array.submitted, array.submitted.tasks)  # those that have ended are passed over


def test_cancelling_a_job_ends_what_runs_and_what_waits(backend: SlurmBackend) -> None:
    array = submit(backend, job("trap '' TERM; sleep 600 & wait; wait", tasks=50, max_concurrent_tasks=1))
    states = array.until(lambda states: any(state.phase == "running" for state in states.values()))
    assert "max_concurrent_tasks" in states[array.submitted.tasks[49]].text
    backend.cancel(array.submitted, array.submitted.tasks)
    assert all(state.reason for state in array.end())  # although it does not heed SIGTERM


def test_the_nodes_of_a_gang_find_each_other(backend: SlurmBackend) -> None:
    script = 'echo "${!METAFLOW_JOB_INDEX_VARIABLE} $SLURMD_NODENAME $METAFLOW_MAIN_ADDRESS $ODD"'
    gang = submit(backend, job(script, tasks=3, is_gang=True, cpus_per_task=2))
    assert [state.status for state in gang.end()] == [0, 0, 0]
    said = [gang.output(index).split()[:3] for index in range(3)]
    assert said == [["0", "n1", "127.0.0.1"], ["1", "n2", "127.0.0.1"], ["2", "n3", "127.0.0.1"]]


def test_a_gang_may_share_nodes_and_ends_as_a_whole(backend: SlurmBackend) -> None:
    last_words = "trap 'cat \"$METAFLOW_GANG_FAILURE_FILE\"; exit 143' TERM; sleep 600 & wait"
    script = f'if [ "$SLURM_PROCID" = 3 ]; then sleep 1; kill -KILL $$; fi; {last_words}'
    gang = submit(backend, job(script, tasks=4, is_gang=True, nodes=2))
    assert {state.status for state in gang.end()} <= {137, 143}  # of all nodes together; the others were ended
    assert "Exited with exit code 137" in gang.output(3)
    assert "3 137" in gang.output(0).splitlines(), "the others know who has failed first"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"partition": "nope"}, "invalid partition specified: nope"),
        ({"memory": "900G"}, "Memory specification can not be satisfied"),
        ({"gpus": 1}, "Invalid generic resource"),
        ({"constraint": "moon"}, "Invalid feature"),
        ({"sbatch_options": {"no-such-option": 1}}, "unrecognized option"),
    ],
)
def test_what_slurm_refuses_is_said_in_its_words(backend: SlurmBackend, options: dict[str, Any], words: str) -> None:
    with pytest.raises(JobRefused, match=r"step \*work\*.*" + words):
        backend.submit(job("true", **options))


@pytest.mark.parametrize(
    "options",
    [
        {"partition": "short", "sbatch_options": {"time": 10}},
        {"nodes": 9},
    ],
)
def test_a_job_that_can_never_start_is_given_up(
    backend: SlurmBackend, slurm_cluster: SlurmCluster, options: dict[str, Any]
) -> None:
    waiting = submit(backend, job("true", **options))
    [state] = waiting.end()
    assert state.reason is not None
    assert state.reason.startswith("Slurm will never start it")
    assert not state.retriable
    assert not slurm_cluster.call("squeue", "-h", "-j", waiting.submitted.engine_id, "-t", "PENDING").strip()


def test_a_directory_that_nodes_do_not_have_is_told(backend: SlurmBackend, tmp_path: Path) -> None:
    blocked = job("true")
    backend.submit(job("true"))  # finds out where files go
    waiting = submit(backend, blocked._replace(options={"sbatch_options": {"begin": "now+2"}}))
    folder = tmp_path / "files of %j jobs/slurm" / blocked.name
    folder.rmdir()
    [state] = waiting.end()
    assert state.reason is not None
    assert f"could not write its output to {folder}" in state.reason


def test_all_jobs_are_asked_for_at_once(backend: SlurmBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted = [backend.submit(job("exit 2", tasks=2)) for _ in range(4)]
    commands: list[str] = []
    real = backend._commands.run
    monkeypatch.setattr(
        backend._commands, "run", lambda command, text="": commands.append(command) or real(command, text)
    )
    states: dict[str, TaskState] = {}
    deadline = time.monotonic() + 90
    told = 0
    while told < 8:
        assert time.monotonic() < deadline
        before = len(commands)
        found = backend.poll(submitted, 0)
        assert len(commands) - before <= 2, commands[before:]
        told += sum(state.phase == "ended" for state in found)
        states |= {f"{state.engine_id}": state for state in found}
        time.sleep(0.3)
    assert {state.status for state in states.values() if state.phase == "ended"} == {2}


def test_a_job_that_slurm_does_not_know_has_ended(backend: SlurmBackend) -> None:
    gone = Followed(backend, SubmittedJob("mf-gone", "987654", ("work/1/0",)))
    [state] = gone.end()
    assert (state.status, state.phase) == (None, "ended")
    assert state.reason is not None and "no longer knows it" in state.reason


def test_a_submission_that_was_not_confirmed_is_not_done_twice(
    backend: SlurmBackend, monkeypatch: pytest.MonkeyPatch, slurm_cluster: SlurmCluster
) -> None:
    real = backend._commands.run

    def lose_answer(command: Any, text: str = "") -> Any:
        finished = real(command, text)
        if any("sbatch" in part for part in command):
            raise EngineUnavailable("Slurm has not answered")
        return finished

    wanted = job("sleep 600")
    with monkeypatch.context() as patched:
        patched.setattr(backend._commands, "run", lose_answer)
        with pytest.raises(EngineUnavailable):
            backend.submit(wanted)
    submitted = backend.submit(wanted)
    assert slurm_cluster.call("squeue", "-h", f"--name={wanted.name}", "-o", "%i").split() == [submitted.engine_id]
    backend.cancel(submitted, submitted.tasks)


def test_files_are_removed_if_asked_for(slurm_cluster: SlurmCluster, tmp_path: Path) -> None:
    backend = SlurmBackend(remote_workdir=str(tmp_path), cleanup=True)
    ended, lasting = submit(backend, job("echo x")), submit(backend, job("sleep 600"))
    ended.end()
    lasting.until(running)
    backend.close()
    assert [path.name for path in (tmp_path / "slurm").iterdir()] == [lasting.submitted.name]
    backend.cancel(lasting.submitted, lasting.submitted.tasks)


def test_a_run_does_not_fail_because_files_cannot_be_removed(
    slurm_cluster: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = SlurmBackend(remote_workdir=str(tmp_path), cleanup=True)
    name = submit(backend, job("true")).submitted.name

    def is_away(command: Any, text: str = "") -> Any:
        raise EngineUnavailable("Slurm has not answered")

    monkeypatch.setattr(backend._commands, "run", is_away)
    backend.close()
    assert (tmp_path / "slurm" / name).is_dir()


def test_without_slurm_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MetaflowException, match=r"no Slurm on this machine.*login node"):
        SlurmBackend().check()


def test_a_lost_node_and_a_controller_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults, on a cluster of its own."""
    with running_cluster(tmp_path, nodes=2, min_job_age=2) as cluster:
        monkeypatch.setenv("SLURM_CONF", cluster.environment["SLURM_CONF"])
        backend = SlurmBackend(remote_workdir=str(tmp_path / "files"))
        backend.check()
        lost, kept, quick = (
            submit(backend, job("sleep 600", sbatch_options={"nodelist": "n1"})),
            submit(backend, job("sleep 6; exit 4", sbatch_options={"nodelist": "n2"})),
            submit(backend, job("true", sbatch_options={"nodelist": "n2"})),
        )
        lost.until(running)
        kept.until(lambda states: states and all(state.phase != "pending" for state in states.values()))
        cluster.stop("n1", signal.SIGKILL)
        cluster.call("scontrol", "update", "nodename=n1", "state=down", "reason=test")
        [state] = lost.end()
        assert (state.reason, state.retriable) == ("its node n1 failed", True)

        cluster.stop("slurmctld")
        with pytest.raises(EngineUnavailable, match="Unable to contact"):
            backend.poll([kept.submitted], 0)
        with pytest.raises(EngineUnavailable):
            backend.cancel(kept.submitted, kept.submitted.tasks)
        cluster.start_controller()
        time.sleep(1)

        def answers(states: dict[str, TaskState]) -> bool:
            try:
                backend.poll([quick.submitted], 0)
            except EngineUnavailable:
                return False
            return True

        kept.until(answers)
        assert kept.end()[0].status == 4
        assert all(state.phase == "ended" for state in quick.end())
        backend.close()


def test_a_cluster_behind_ssh_is_used_over_one_connection(
    shared_slurm_cluster: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLURM_CONF", raising=False)
    with running_ssh_server(tmp_path, shared_slurm_cluster.environment) as server:
        monkeypatch.setenv("PATH", f"{server.programs}:/usr/bin:/bin")
        backend = SlurmBackend(
            address="127.0.0.1", ssh_key_file=str(server.key), remote_workdir=f"{tmp_path}/it's remote", cleanup=True
        )
        backend.check()
        array = submit(backend, job('echo "$ODD ${!METAFLOW_JOB_INDEX_VARIABLE}"; sleep $SLURM_ARRAY_TASK_ID', tasks=4))
        backend.cancel(array.submitted, array.submitted.tasks[3:])
        states = array.end()
        assert [state.status for state in states[:3]] == [0, 0, 0]
        assert states[3].reason
        assert array.output(1) == 'it\'s\n"odd" $HOME 1\n'
        with pytest.raises(JobRefused, match="invalid partition"):
            backend.submit(job("true", partition="nope"))
        assert server.connections == 1
        children = subprocess.run(["pgrep", "-P", str(server.pid)], capture_output=True, text=True).stdout.split()
        os.kill(int(children[0]), signal.SIGKILL)  # the connection breaks
        try:
            backend.poll([array.submitted], 0)
        except EngineUnavailable as error:  # if it was noticed only now
            assert "SSH cannot connect" in error.message
        assert list(backend.poll([array.submitted], 0)) == []
        made = server.connections
        assert list(backend.poll([array.submitted], 0)) == []
        assert server.connections == made <= 3
        backend.close()
        assert [path.name for path in (tmp_path / "it's remote/slurm").iterdir()] == []


def test_a_login_node_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ssh"
    program.write_text('#!/bin/sh\necho "nobody@nowhere: Permission denied (publickey)." >&2\nexit 255\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    backend = SlurmBackend(address="nowhere", username="nobody")
    with pytest.raises(MetaflowException, match=r"connect to nobody@nowhere: .*Permission denied.*ssh -o BatchMode"):
        backend.check()
    backend.close()
