"""What a process that others are forked from reads of a datastore behind a network: only what is on this machine."""

from __future__ import annotations

import os

import pytest

from metaflow import Config, FlowSpec, step
from metaflow.datastore.task_writer import TaskWriter
from metaflow.datastore.tasks import open_task
from metaflow.exception import ConfigException, MetaflowException
from metaflow.flow.declaration import FlowDeclaration
from metaflow.runtime.short_process import call_in_child
from metaflow.runtime.specs import RunSpec, TaskSpec
from metaflow.runtime.stored_configs import stored_configs_without_network
from metaflow.runtime.task import TaskRunner
from remote_double import RemoteDouble, cached


class Plain(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


def test_a_function_is_called_in_another_process():
    assert call_in_child(lambda: (os.getpid(), "x" * 1_000_000)) != (os.getpid(), "x" * 1_000_000)

    def refuse() -> None:
        raise ConfigException("no value for the config")

    with pytest.raises(MetaflowException, match="no value for the config") as caught:
        call_in_child(refuse)
    assert caught.value.headline == ConfigException.headline
    with pytest.raises(MetaflowException, match="ZeroDivisionError"):
        call_in_child(lambda: 1 / 0)
    with pytest.raises(MetaflowException, match="died"):
        call_in_child(lambda: os._exit(3))


def commit(store, task_id: str, **values: object) -> None:
    writer = TaskWriter(store, "Plain", "1", "start", task_id, 0)
    for name, value in values.items():
        writer.save(name, value)
    writer.commit({"task": {}, "frames": []})


def test_inputs_are_opened_early_only_from_copies(tmp_path):
    remote = RemoteDouble()
    store, elsewhere = cached(remote, tmp_path / "here"), cached(remote, tmp_path / "there")
    commit(store, "1", x=1)
    commit(elsewhere, "2", x="y" * 10_000)
    declaration = FlowDeclaration(Plain)
    declaration.configure({})
    declaration.complete()
    runner = TaskRunner(declaration, RunSpec("Plain", "1", str(tmp_path), "me", "user:me"), store)
    remote.methods()
    for task_id in ("2", "1"):
        runner.warm(TaskSpec("end", "3", 0, 1, (f"start/{task_id}/0",)))
    assert remote.methods() == []
    assert runner.open("start/1/0").load("x") == 1 and remote.methods() == []
    # In a task, all can be read, also through what was opened early.
    assert runner.open("start/2/0").load("x") == "y" * 10_000 and remote.methods() == ["get", "get"]


def test_no_more_than_so_many_tasks_stay_in_memory(tmp_path):
    from metaflow.runtime import task

    store = cached(RemoteDouble(), tmp_path)
    commit(store, "1", x=1)
    declaration = FlowDeclaration(Plain)
    declaration.configure({})
    declaration.complete()
    runner = TaskRunner(declaration, RunSpec("Plain", "1", str(tmp_path), "me", "user:me"), store)
    reader = runner.open("start/1/0")
    for number in range(2 * task._MOST_OPENED):
        runner._keep(f"start/{number}/1", reader)
    assert len(runner._opened) == task._MOST_OPENED and runner.open("start/1/0").load("x") == 1


def test_configs_of_a_run_come_from_copies_or_through_another_process(tmp_path):
    class Configured(FlowSpec):
        small = Config("small", default_value={})
        large = Config("large", default_value={})

        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass

    values = {"small": {"a": 1}, "large": {"text": "x" * 50_000}}
    remote = RemoteDouble()
    here = cached(remote, tmp_path / "here")
    commit(here, "1", **values)
    declaration = FlowDeclaration(Configured)
    for store in (here, cached(remote, tmp_path / "there")):
        remote.methods()
        found = stored_configs_without_network(
            lambda store: open_task(store, "Plain", "1", "start", "1", 0), store, declaration
        )
        assert remote.methods() == [] and {name: dict(value) for name, value in found.items()} == values
    commit(here, "2", small={})
    with pytest.raises(MetaflowException, match="has no value for the config 'large'"):
        stored_configs_without_network(
            lambda store: open_task(store, "Plain", "1", "start", "2", 0), store, declaration
        )
