"""MPI: where its processes go, and a real mpirun that reaches a node through the datastore instead of SSH."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from metaflow.distributed.control import Control
from metaflow.distributed.mpi import Mpi, settings_of_mpi, slots_of_hosts, stand_in_for_directory
from metaflow.distributed.worker import Worker
from metaflow.exception import GangException

from .gangs import on_all_nodes, rendezvous_of, store_in

needs_mpi = pytest.mark.skipif(shutil.which("mpirun") is None, reason="no MPI is installed (openmpi-bin)")


def test_a_host_has_its_processors_and_one_process_for_each_node_at_least():
    roster = [{"address": "a", "slots": 2}, {"address": "b", "slots": 8}, {"address": "b", "slots": 8}]
    assert slots_of_hosts(roster) == {"a": 2, "b": 8}
    assert slots_of_hosts([{"address": "a", "slots": 1}] * 3) == {"a": 3}


def test_every_kind_of_mpirun_is_told_of_hosts_and_agent(tmp_path: Path):
    settings = settings_of_mpi(str(tmp_path), {"10.0.0.1": 2, "10.0.0.2": 4}, "/agent", as_root=True)
    assert Path(settings["OMPI_MCA_orte_default_hostfile"]).read_text() == "10.0.0.1 slots=2\n10.0.0.2 slots=4\n"
    assert Path(settings["HYDRA_HOST_FILE"]).read_text() == "10.0.0.1:2\n10.0.0.2:4\n"
    agents = ("OMPI_MCA_plm_rsh_agent", "PRTE_MCA_plm_ssh_agent", "HYDRA_LAUNCHER_EXEC")
    assert {settings[name] for name in agents} == {"/agent"}
    assert settings["OMPI_ALLOW_RUN_AS_ROOT"] == "1"
    assert "OMPI_ALLOW_RUN_AS_ROOT" not in settings_of_mpi(str(tmp_path), {}, "/agent", as_root=False)


def test_a_node_without_the_directory_of_node_0_has_its_own_under_that_name(tmp_path: Path, monkeypatch):
    own = tmp_path / "own"
    own.mkdir()
    (own / "data").write_text("here")
    monkeypatch.chdir(own)
    other = tmp_path / "a" / "b"
    stand_in_for_directory(str(other))
    stand_in_for_directory(str(other))
    assert (other / "data").read_text() == "here"


def test_a_directory_that_cannot_be_made_is_told(capsys, monkeypatch, tmp_path: Path):
    (tmp_path / "file").write_text("")
    stand_in_for_directory(str(tmp_path / "file" / "directory"))
    assert "cannot be made" in capsys.readouterr().out


REMOTE_NAME = "node-without-a-name.invalid"


@needs_mpi
def test_mpirun_reaches_other_nodes_without_ssh(tmp_path: Path, monkeypatch, capfd):
    """The second node has a name that nobody can resolve, so it can only be reached through the agent."""
    store = store_in(tmp_path / "store")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    (work / "tool").write_text(
        '#!/bin/sh\necho "rank $OMPI_COMM_WORLD_RANK of $OMPI_COMM_WORLD_SIZE on ${NODE:-main} $COLOUR"\nexit $1\n'
    )
    (work / "tool").chmod(0o755)
    roster = [{"address": "127.0.0.1", "slots": 1}, {"address": REMOTE_NAME, "slots": 1}]

    def node(rendezvous):
        rendezvous.meet({}, 30)
        if rendezvous.node.node_index:
            Worker(rendezvous, 0.05).hold()
            rendezvous.leave(wait=True)
            return
        control = Control(rendezvous)
        control.start()
        mpi = Mpi(rendezvous, roster, control)
        monkeypatch.setenv("COLOUR", "blue")
        try:
            mpi.run(["-n", "2", "--map-by", "node", "-x", "COLOUR"], "./tool", [0])
            with pytest.raises(GangException, match="./tool failed: mpiexec ended with exit code 5"):
                mpi.exec({"n": 2, "--map-by": "node"}, "./tool", [5])
        finally:
            control.finish()
            rendezvous.leave(wait=True)
        return

    on_all_nodes(store, 2, node)
    out = capfd.readouterr().out
    assert "rank 0 of 2 on main blue" in out and "rank 1 of 2 on main blue" in out
    assert list(store.list("")) == []


def test_a_file_reaches_nodes_on_other_machines_with_its_mode(tmp_path: Path, monkeypatch):
    store = store_in(tmp_path / "store")
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "script"
    script.write_bytes(b"\x00binary\xff")
    script.chmod(0o750)

    def node(rendezvous, addresses=("10.0.0.1", "10.0.0.2")):
        rendezvous.meet({}, 30)
        if rendezvous.node.node_index:
            Worker(rendezvous, 0.01).hold()
            return
        control = Control(rendezvous)
        control.start()
        mpi = Mpi(rendezvous, [{"address": address, "slots": 1} for address in addresses], control)
        try:
            with pytest.raises(GangException, match="cannot be sent to the other nodes: No such file"):
                mpi.broadcast_file("missing")
            mpi.broadcast_file("script")
        finally:
            control.finish()

    def moving(rendezvous):
        # The nodes of this test share a directory, so the file is taken away before the other one writes it.
        if rendezvous.node.node_index == 0:
            put_bytes = rendezvous.put_bytes

            def put_and_move(name, parts):
                put_bytes(name, parts)
                if name.startswith("files/"):
                    script.rename(tmp_path / "moved")

            rendezvous.put_bytes = put_and_move
        node(rendezvous)

    on_all_nodes(store, 2, moving)
    assert script.read_bytes() == b"\x00binary\xff" and script.stat().st_mode & 0o777 == 0o750
    assert not any("files/" in key for key in store.list("")), "the file stays behind in the datastore"


def test_nodes_of_one_machine_share_the_file(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    rendezvous = rendezvous_of(store_in(tmp_path / "store"), 0, 3)
    mpi = Mpi(rendezvous, [{"address": "10.0.0.1", "slots": 1}] * 3, Control(rendezvous))
    mpi.broadcast_file(str(tmp_path / "file"))  # nobody is there to write it
    assert list(store_in(tmp_path / "store").list("")) == []


def test_what_is_missing_is_told(tmp_path: Path, monkeypatch):
    rendezvous = rendezvous_of(store_in(tmp_path / "store"), 0, 1)
    mpi = Mpi(rendezvous, [{"address": "127.0.0.1", "slots": 1}], Control(rendezvous))
    with pytest.raises(GangException, match="needs to know what to run"):
        mpi.run(["-n", "2"])
    monkeypatch.setenv("PATH", str(tmp_path))
    for call in (lambda: mpi.cc(["x.c"]), lambda: mpi.run([], "./x"), lambda: mpi.exec([], "./x")):
        with pytest.raises(GangException, match="There is no program 'mpi.*install an MPI"):
            call()
