"""Node 0 and the nodes that it leads: what they do for it, and what happens when one of both is gone."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from metaflow.datastore.store import ObjectStore
from metaflow.distributed import control as module
from metaflow.distributed.control import STATE, Command, Control
from metaflow.distributed.worker import Worker
from metaflow.exception import GangException, StoreUnavailable

from .gangs import on_all_nodes, rendezvous_of, store_in


def lead(store: ObjectStore, nodes: int, body: Callable[[Control], object]) -> object:
    """Run a body on node 0, while the others hold; gives what it gives."""

    def node(rendezvous):
        rendezvous.meet({}, 30)
        if rendezvous.node.node_index:
            Worker(rendezvous, 0.01).hold()
            rendezvous.leave(wait=True)
            return None
        control = Control(rendezvous)
        control.start()
        try:
            return body(control)
        finally:
            control.finish()
            rendezvous.leave(wait=True)

    result = on_all_nodes(store, nodes, node)[0]
    assert list(store.list("")) == [], "notes stay behind"
    return result


def wait_for(control: Control, numbers: list[int]) -> list[int]:
    deadline = time.monotonic() + 30
    while not set(numbers) <= (over := control.statuses()).keys():
        assert time.monotonic() < deadline, "commands are not carried out"
        time.sleep(0.01)
    return [over[number] for number in numbers]


def script(text: str, *files: str) -> tuple[str, ...]:
    return (sys.executable, "-c", text, *files)


def test_commands_run_where_they_should_and_say_how_they_ended(tmp_path: Path, capfd):
    text = (
        "import os, sys; print(os.environ['COLOUR'], open(sys.argv[1]).read(), flush=True); sys.exit(int(sys.argv[2]))"
    )

    def body(control: Control):
        commands = [
            control.command(
                node, Command((*script(text, "hosts"), str(node)), {"COLOUR": "blue"}, {"hosts": f"n{node}"})
            )
            for node in (1, 2)
        ]
        killed = control.command(1, Command(script("import os; os.kill(os.getpid(), 9)")))
        missing = control.command(2, Command(("there-is-no-such-program",)))
        return wait_for(control, [*commands, killed, missing])

    assert lead(store_in(tmp_path / "store"), 3, body) == [1, 2, -signal.SIGKILL, 127]
    out, err = capfd.readouterr()
    assert "blue n1" in out and "blue n2" in out
    assert "There is no program 'there-is-no-such-program'" in err


def test_a_command_can_be_cancelled(tmp_path: Path):
    def body(control: Control):
        pid_file = tmp_path / "pid"
        text = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(300)"
        number = control.command(1, Command(script(text, str(pid_file))))
        while not (pid_file.exists() and pid_file.read_text()):
            time.sleep(0.01)
        control.cancel(number)
        assert wait_for(control, [number]) == [-signal.SIGTERM]
        return int(pid_file.read_text())

    pid = lead(store_in(tmp_path / "store"), 2, body)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_still_runs_ends_when_node_0_is_done(tmp_path: Path):
    pid_file = tmp_path / "pid"

    def body(control: Control):
        text = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(300)"
        control.command(1, Command(script(text, str(pid_file))))
        while not (pid_file.exists() and pid_file.read_text()):
            time.sleep(0.01)

    lead(store_in(tmp_path / "store"), 2, body)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def test_a_node_gives_up_when_node_0_falls_silent(tmp_path: Path):
    store = store_in(tmp_path / "store")
    control = Control(rendezvous_of(store, 0, 2))
    control._tell()
    pid_file = tmp_path / "pid"
    text = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(300)"
    control.command(1, Command(script(text, str(pid_file))))
    with pytest.raises(GangException, match="Node 0 has given no sign of life for 0.5 seconds, so node 1 gives up"):
        Worker(rendezvous_of(store, 1, 2), 0.01, lost_seconds=0.5).hold()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def test_signs_of_life_keep_nodes_holding(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.02)
    store = store_in(tmp_path / "store")
    control = Control(rendezvous_of(store, 0, 2))
    control.start()
    threading.Timer(1.0, control.finish).start()
    Worker(rendezvous_of(store, 1, 2), 0.01, lost_seconds=0.5).hold()


class FlakyStore:
    """A datastore that is away for a while."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.away = False
        self.refused = 0

    def __getattr__(self, name: str):
        if name in ("get", "put", "list", "delete") and self.away:
            self.refused += 1

            def refuse(*arguments):
                raise StoreUnavailable("The datastore is away.")

            return refuse
        return getattr(self._store, name)


def test_a_datastore_that_is_away_for_a_while_ends_nothing(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.02)
    store = FlakyStore(store_in(tmp_path / "store"))
    control = Control(rendezvous_of(store, 0, 2))
    control.start()

    def outage() -> None:
        store.away = True
        time.sleep(0.3)
        store.away = False
        control.finish()

    threading.Timer(0.2, outage).start()
    Worker(rendezvous_of(store, 1, 2), 0.01, lost_seconds=20).hold()
    assert store.refused > 5, "nobody asked while it was away"


def test_the_end_of_node_0_is_told_when_the_datastore_is_back(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(module, "_FINISH_PAUSE", 0.05)
    store = FlakyStore(store_in(tmp_path / "store"))
    control = Control(rendezvous_of(store, 0, 2))
    control.start()
    store.away = True
    back = threading.Timer(0.2, lambda: setattr(store, "away", False))
    back.start()
    control.finish()
    assert rendezvous_of(store, 1, 2).get(STATE)["done"] and store.refused > 1
    assert capsys.readouterr().err == ""


def test_a_datastore_that_stays_away_does_not_cost_the_result_of_the_step(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(module, "_FINISH_PAUSE", 0.001)
    store = FlakyStore(store_in(tmp_path / "store"))
    rendezvous = rendezvous_of(store, 0, 2)
    control = Control(rendezvous)
    control.start()
    store.away = True
    control.finish()
    assert "could not be told that node 0 is done: The datastore is away" in capsys.readouterr().err
    rendezvous.leave(wait=True)
    assert rendezvous.tell_failure("broke") == {}


def test_a_node_that_comes_to_see_only_the_end_ends_too(tmp_path: Path):
    """Node 0 waits for the others before it removes its notes, but not for ever."""
    store = store_in(tmp_path / "store")
    first = rendezvous_of(store, 0, 2)
    Control(first)._tell()
    first.put("roster", [{}, {}])

    def vanish() -> None:
        first.remove("roster")
        first.remove(STATE)

    threading.Timer(0.3, vanish).start()
    Worker(rendezvous_of(store, 1, 2), 0.01, lost_seconds=20).hold()


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, capfd):
    def body(control: Control):
        (tmp_path / "file").write_text("")
        return wait_for(control, [control.command(1, Command(fetch=("x", str(tmp_path / "file" / "below"), 0o644)))])

    assert lead(store_in(tmp_path / "store"), 2, body) == [127]
    assert "file" in capfd.readouterr().err


def test_node_0_alone_needs_nobody(tmp_path: Path):
    control = Control(rendezvous_of(store_in(tmp_path / "store"), 0, 1))
    control.start()
    control.finish()
    assert list(store_in(tmp_path / "store").list("")) == []


def test_variables_that_were_set_since(tmp_path: Path, monkeypatch):
    control = Control(rendezvous_of(store_in(tmp_path / "store"), 0, 2))
    monkeypatch.setenv("NEW_ONE", "1")
    assert control.changed_variables() == {"NEW_ONE": "1"}
    control.note_environment()
    assert control.changed_variables() == {}


def test_an_outage_does_not_cost_what_a_program_has_done(tmp_path: Path, monkeypatch):
    """Neither the node that ran it nor node 0, which waits for it, fails over a datastore that is away for a while."""
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.02)
    store = FlakyStore(store_in(tmp_path / "store"))
    marker = tmp_path / "over"

    def body(control: Control):
        number = control.command(1, Command(script(f"open({str(marker)!r}, 'w').close()")))
        while not marker.exists():
            time.sleep(0.001)
        store.away = True
        threading.Timer(0.3, lambda: setattr(store, "away", False)).start()
        return wait_for(control, [number])

    assert lead(store, 2, body) == [0]
    assert store.refused > 2, "nobody asked while it was away"


def test_a_datastore_that_stays_away_is_told(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "_AWAY_SECONDS", 0.1)
    store = FlakyStore(store_in(tmp_path / "store"))
    control = Control(rendezvous_of(store, 0, 2))
    control.command(1, Command(("true",)))
    store.away = True
    with pytest.raises(StoreUnavailable):
        wait_for(control, [1])


def test_a_command_that_could_not_be_given_is_not_carried_out_later(tmp_path: Path):
    store = FlakyStore(store_in(tmp_path / "store"))
    control = Control(rendezvous_of(store, 0, 2))
    store.away = True
    with pytest.raises(StoreUnavailable):
        control.command(1, Command(("true",)))
    store.away = False
    control.command(1, Command(("false",)))
    assert [command[2] for command in rendezvous_of(store, 1, 2).get(STATE)["commands"]] == [["false"]]


def test_many_who_wait_ask_the_datastore_as_often_as_one(tmp_path: Path):
    class CountingStore(FlakyStore):
        lists = 0

        def list(self, prefix: str):
            self.lists += 1
            return self._store.list(prefix)

    store = CountingStore(store_in(tmp_path / "store"))
    control = Control(rendezvous_of(store, 0, 2))
    control.statuses()
    assert store.lists == 0, "there is nothing to wait for"
    control.command(1, Command(("true",)))
    control.statuses()
    before = store.lists
    for _ in range(1000):
        control.statuses()
    assert store.lists - before < 20
