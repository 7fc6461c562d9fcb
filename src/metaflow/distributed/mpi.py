"""``current.mpi``: MPI programs on all nodes of a gang, led by node 0."""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..exception import GangException
from .control import Command
from .programs import arguments, find_program, run, temporary_folder, words_of_status
from .remote_shell import RemoteShell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .control import Control
    from .rendezvous import Rendezvous

_HINT = "install an MPI, such as Open MPI (apt-get install openmpi-bin libopenmpi-dev), or use an image that has one."
#: Seconds between two looks at whether a file has arrived everywhere.
_PAUSE = 0.1


def slots_of_hosts(roster: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many processes each host is good for: as many as it has processors, and one for each node at least.

    Parameters
    ----------
    roster : sequence of mapping
        What the nodes said of themselves: ``address``, ``slots``.
    """
    addresses = [str(facts["address"]) for facts in roster]
    return {
        address: max(addresses.count(address), *(int(f["slots"]) for f in roster if f["address"] == address))
        for address in dict.fromkeys(addresses)
    }


def settings_of_mpi(folder: str, hosts: Mapping[str, int], agent: str, as_root: bool) -> dict[str, str]:
    """Environment variables that tell ``mpirun`` where the nodes are and how to reach them.

    Parameters
    ----------
    folder : str
        Where the files of hosts are: ``openmpi-hosts`` and ``mpich-hosts``.
    hosts : mapping of str to int
        How many processes each is good for.
    agent : str
        Program to be used in the place of ``ssh``.
    as_root : bool
        Whether this user is root, of which Open MPI wants to be sure.
    """
    openmpi, mpich = os.path.join(folder, "openmpi-hosts"), os.path.join(folder, "mpich-hosts")
    variables = {
        # Open MPI 4
        "OMPI_MCA_orte_default_hostfile": openmpi,
        "OMPI_MCA_plm_rsh_agent": agent,
        "OMPI_MCA_plm_rsh_no_tree_spawn": "1",
        "OMPI_MCA_orte_keep_fqdn_hostnames": "1",
        # Open MPI 5
        "PRTE_MCA_prte_default_hostfile": openmpi,
        "PRTE_MCA_plm_ssh_agent": agent,
        "PRTE_MCA_plm_ssh_no_tree_spawn": "1",
        # MPICH and what comes of it
        "HYDRA_HOST_FILE": mpich,
        "HYDRA_LAUNCHER": "ssh",
        "HYDRA_LAUNCHER_EXEC": agent,
    }
    if as_root:
        variables |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        variables |= {"PRTE_ALLOW_RUN_AS_ROOT": "1", "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    with open(openmpi, "w") as file:
        file.writelines(f"{address} slots={slots}\n" for address, slots in hosts.items())
    with open(mpich, "w") as file:
        file.writelines(f"{address}:{slots}\n" for address, slots in hosts.items())
    return variables


def stand_in_for_directory(directory: str) -> None:
    """Let the working directory of node 0 be this node's own here, if there is none of that name.

    ``mpirun`` starts processes on all nodes in the working directory of node 0, and nodes need not agree on theirs.

    Parameters
    ----------
    directory : str
        Absolute path.
    """
    if os.path.lexists(directory):
        return
    try:
        os.makedirs(os.path.dirname(directory), exist_ok=True)
        os.symlink(os.getcwd(), directory)
    except OSError as error:
        if os.path.isdir(directory):  # another process was faster
            return
        print(  # noqa: T201
            f"There is no {directory} on this node, which is the working directory of node 0, and it cannot be made "
            f"({error.strerror}): programs start in another one."
        )


class Mpi:
    """Compiles and runs MPI programs on all nodes of the running ``@mpi`` step: ``current.mpi``.

    Parameters
    ----------
    rendezvous : Rendezvous
    roster : sequence of mapping
        What the nodes said of themselves.
    control : Control
    """

    def __init__(self, rendezvous: Rendezvous, roster: Sequence[Mapping[str, Any]], control: Control) -> None:
        self._rendezvous = rendezvous
        self._roster = roster
        self._control = control
        self._files = 0

    def cc(self, args: Sequence[Any] | Mapping[str, Any]) -> None:
        """Compile a program with ``mpicc``, on node 0.

        Parameters
        ----------
        args : list
            Arguments of the compiler, such as ``["-O2", "-o", "hello", "hello.c"]``.

        Raises
        ------
        GangException
            If there is no such compiler, or it fails.
        """
        self._succeed("mpicc", [find_program("mpicc", _HINT), *arguments(args, "-")], dict(os.environ))

    def run(
        self,
        args: Sequence[Any] | Mapping[str, Any] | None = None,
        program: str = "",
        program_args: Sequence[Any] | Mapping[str, Any] | None = None,
    ) -> None:
        """Run a program with ``mpirun``, on as many nodes as it takes.

        What the processes print is in the log of node 0. Environment variables that the step has set are set on all
        nodes.

        Parameters
        ----------
        args : list or dict, optional
            Options of ``mpirun``, such as ``["-n", "4"]`` or ``{"n": 4}``. Without a number of processes, there is one
            for each processor.
        program : str
            What to run, such as ``./hello``; it has to be on all nodes, see :meth:`broadcast_file`.
        program_args : list or dict, optional
            Its arguments.

        Raises
        ------
        GangException
            If there is no ``mpirun``, or the program fails.
        """
        self._launch("mpirun", args, program, program_args)

    def exec(
        self,
        args: Sequence[Any] | Mapping[str, Any] | None = None,
        program: str = "",
        program_args: Sequence[Any] | Mapping[str, Any] | None = None,
    ) -> None:
        """Run a program with ``mpiexec``, by which name some MPIs know ``mpirun``; see :meth:`run`."""
        self._launch("mpiexec", args, program, program_args)

    def broadcast_file(self, name: str) -> None:
        """Copy a file of node 0 to all nodes, to the same place, with the right to execute it if it has that here.

        Parameters
        ----------
        name : str
            Path of the file; a relative one is relative to the working directory of each node.

        Raises
        ------
        GangException
            If there is no such file, or a node cannot write it.
        """
        try:
            mode = os.stat(name).st_mode & 0o777
            with open(name, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                content: Any = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        except OSError as error:
            raise GangException(f"The file {name} cannot be sent to the other nodes: {error.strerror}.") from error
        own = self._roster[0]["address"]
        # What is on the same machine is the same file.
        others = [index for index, facts in enumerate(self._roster) if facts["address"] != own]
        if not others:
            return
        self._files += 1
        note = f"files/{self._files}"
        self._rendezvous.put_bytes(note, [memoryview(content)])
        numbers = {self._control.command(node, Command(fetch=(note, name, mode))): node for node in others}
        while numbers.keys() - (over := self._control.statuses()).keys():
            time.sleep(_PAUSE)
        failed = [str(node) for number, node in numbers.items() if over[number]]
        self._rendezvous.remove(note)
        if failed:
            raise GangException(f"The file {name} could not be written on node {', '.join(failed)}: see the log there.")

    def _launch(self, launcher: str, args: Any, program: str, program_args: Any) -> None:
        if not program or not isinstance(program, str):
            raise GangException("It needs to know what to run: program='./hello'.")
        path = find_program(launcher, _HINT)
        addresses = [str(facts["address"]) for facts in self._roster]
        with temporary_folder("mpi") as folder:
            shell = RemoteShell(self._control, addresses, folder, self._control.changed_variables())
            variables = settings_of_mpi(folder, slots_of_hosts(self._roster), shell.agent, os.geteuid() == 0)
            command = [path, *arguments(args, "-"), program, *arguments(program_args)]
            try:
                self._succeed(program, command, {**os.environ, **variables, **shell.variables})
            finally:
                shell.close()

    def _succeed(self, what: str, command: list[str], environment: dict[str, str]) -> None:
        status = run(command, environment)
        if status:
            name = os.path.basename(command[0])
            raise GangException(f"{what} failed: {name} {words_of_status(status)}. See what it printed.")
