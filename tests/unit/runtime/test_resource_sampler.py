"""Looking at running tasks: real processes through /proc, and the sampler over doubles."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from metaflow.datastore.resource_series import ResourceUse
from metaflow.runtime.graphics_use import Device, _device, _handles, used_by
from metaflow.runtime.own_use import used_so_far
from metaflow.runtime.process_table import ProcessTable, Usage, machine_facts
from metaflow.runtime.resource_sampler import ResourceSampler

PROC = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="There is no /proc here.")

# A task whose child has left its process group, as a daemon does; both hold memory.
_FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen(
    [sys.executable, "-c", "import time; held = bytearray(30 << 20); print('x', flush=True); time.sleep(300)"],
    start_new_session=True, stdout=subprocess.PIPE)
child.stdout.read(1)
held = bytearray(20 << 20)
end = time.process_time() + 0.2
while time.process_time() < end:
    pass
print("ready", flush=True)
time.sleep(300)
"""


@PROC
def test_all_processes_of_a_task_count_wherever_they_have_gone():
    task = subprocess.Popen([sys.executable, "-c", _FAMILY], start_new_session=True, stdout=subprocess.PIPE)
    table = ProcessTable()
    try:
        table.look([])  # the task is seen before it is known as one
        assert task.stdout is not None and task.stdout.readline() == b"ready\n"
        table.look([])  # and what it has started is, too
        used = table.look([task.pid])[task.pid]
        assert len(used.pids) == 2 and used.memory > 50 << 20 and used.cpu_seconds >= 0.1
        assert os.getpid() not in used.pids, "processes of others do not count"
    finally:
        for pid in table.look([task.pid])[task.pid].pids:
            os.kill(pid, 9)
        task.wait()
    deadline = time.monotonic() + 60
    while table.look([task.pid]) and time.monotonic() < deadline:
        time.sleep(0.01)  # nobody waits for the child
    assert table.look([task.pid]) == {}, "what is gone uses nothing"


def test_names_of_programs_may_hold_anything(tmp_path: Path):
    fields = ["S", "1", "77", "77", "0", "-1", "0", "1", "2", "3", "4", "100", "50", "7", "3", *["0"] * 6, "25", "0"]
    (tmp_path / "77").mkdir()
    (tmp_path / "77" / "stat").write_bytes(b"77 (a ) 1 2 (b) \xff\n) " + " ".join(fields).encode())
    (tmp_path / "77" / "io").write_bytes(b"rchar: 9\nread_bytes: 4096\nwrite_bytes: 8192\n")
    (tmp_path / "78").mkdir()  # it has just gone
    used = ProcessTable(str(tmp_path)).look([77])[77]
    tick, page = 1 / os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    assert used == Usage(160 * tick, 25 * page, 4096, 8192, (77,))


class Table:
    """What tasks use, as a test says."""

    def __init__(self) -> None:
        self.used: dict[int, Usage] = {}

    def look(self, tasks):
        return {task: self.used[task] for task in tasks if task in self.used}


class Sampled:
    """A sampler whose time a test makes pass."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.table = Table()
        self.written: list[tuple[str, ResourceUse]] = []
        self.sampler = ResourceSampler(self._write, table=self.table, clock=lambda: self.now)  # type: ignore[arg-type]

    def _write(self, key: str, content: bytes, is_over: bool) -> None:
        use = ResourceUse.decode(content)
        assert use.is_over == is_over
        self.written.append((key, use))

    def pass_time(self, seconds: float, cpu: float, memory: int, tasks) -> float:
        self.now += seconds
        for _, (pid, _) in tasks.items():
            before = self.table.used.get(pid, Usage(0, 0, 0, 0, (pid,)))
            self.table.used[pid] = Usage(before.cpu_seconds + cpu * seconds, memory, 0, 0, (pid,))
        return self.sampler.look(tasks)


def test_a_task_is_followed_from_its_start_to_its_end():
    world = Sampled()
    tasks = {"work/2/0": (5, 1000.0)}
    for second in range(10):
        world.pass_time(1, 1.5, 100 + second, tasks)
    world.sampler.ended("work/2/0")
    key, last = world.written[-1]
    assert key == "work/2/0" and last.is_over and last.started_at == 1000.0
    assert [point.cpu for point in last.points] == pytest.approx([1.5] * 10) and last.points[-1].memory == 109
    assert len(world.written) < 8, "a file is not written at each look"
    world.sampler.ended("work/2/0")
    assert world.written[-1] == (key, last), "an end that is told of twice changes nothing"


def test_a_short_task_leaves_no_file():
    world = Sampled()
    world.pass_time(0.3, 1, 1, {"a/1/0": (5, 1000.0)})
    world.sampler.ended("a/1/0")
    assert world.written == []


def test_processor_time_that_shrinks_is_no_negative_use():
    world = Sampled()
    tasks = {"a/1/0": (5, 1000.0)}
    world.pass_time(1, 2, 1, tasks)
    world.table.used[5] = Usage(0.0, 1, 0, 0, (5,))
    world.now += 1
    world.sampler.look(tasks)
    world.sampler.close()
    assert [point.cpu for point in world.written[-1][1].points] == pytest.approx([2, 0])


@PROC
def test_looking_at_a_hundred_tasks_is_cheap():
    me = os.getpid()
    table = ProcessTable()
    table.look([me])
    began = time.thread_time()
    for _ in range(100):
        table._used({me: [me]}, {})
    # A bound that only a mistake in the order of magnitude breaks: it takes about 3 ms.
    assert time.thread_time() - began < 0.1


def test_a_process_knows_what_it_used():
    used = used_so_far()
    assert used["cpu_seconds"] > 0 and used["peak_memory"] > 1_000_000
    facts = machine_facts()
    assert facts["cores"] >= 1 and facts["host"]  # type: ignore[operator]


def test_graphics_processors_count_for_those_who_use_them():
    devices = [Device(0.5, 1000, {7: 300, 8: 0}), Device(1.0, 2000, {9: 2000}), Device(0.0, 10, {7: 5})]
    assert used_by(devices, [7]) == (0.5, 305)
    assert used_by(devices, [8]) == (0.5, 1000), "where the driver does not tell of processes, the device counts"
    assert used_by(devices, [1]) == (None, None)


class Driver:
    """NVML, as a library that fills what it is given."""

    def nvmlDeviceGetCount_v2(self, count):
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index, handle):
        handle._obj.value = 100 + index
        return 15 if index else 0  # the second one is lost

    def nvmlDeviceGetUtilizationRates(self, handle, rates):
        rates._obj.gpu = 42
        return 0

    def nvmlDeviceGetMemoryInfo(self, handle, memory):
        memory._obj.total, memory._obj.used = 1000, 600
        return 0

    def nvmlDeviceGetComputeRunningProcesses_v3(self, handle, count, processes):
        count._obj.value = 2
        processes[0].pid, processes[0].used = 7, 500
        processes[1].pid, processes[1].used = 8, 2**64 - 1
        return 0


def test_the_driver_is_asked_in_its_terms():
    handles = _handles(Driver())
    assert [handle.value for handle in handles] == [100]
    assert _device(Driver(), handles[0]) == Device(0.42, 600, {7: 500, 8: 0})
