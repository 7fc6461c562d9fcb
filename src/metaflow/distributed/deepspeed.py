"""``current.deepspeed``: DeepSpeed's launcher on all nodes of a gang, led by node 0."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..exception import GangException
from .control import Command
from .programs import arguments, end, find_program, start, temporary_folder, words_of_status
from .results import ResultsDirectory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..flow.parallel_node import Parallel
    from .control import Control

_HOSTFILE = "hostfile"
#: Seconds between two looks at whether all nodes are done.
_PAUSE = 0.2
#: What says where the nodes are and how to reach them, which is said here.
_OURS = ("hostfile", "H", "node_rank", "no_ssh", "launcher", "force_multi", "master_addr")


def count_accelerators() -> int:
    """How many processes this node is good for: one for each graphics card that it may use, or one."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return max(1, len([each for each in visible.split(",") if each.strip() not in ("", "-1")]))
    try:
        cards = [name for name in os.listdir("/dev") if name.startswith("nvidia") and name[6:].isdecimal()]
    except OSError:
        cards = []
    return max(1, len(cards))


class Launch(NamedTuple):
    """What DeepSpeed is to run.

    Attributes
    ----------
    slots : tuple of int
        Processes on each node.
    main_address : str
    port : int
    options : list of str
        For the launcher.
    program : list of str
        Entry point and its arguments.
    """

    slots: tuple[int, ...]
    main_address: str
    port: int
    options: list[str]
    program: list[str]

    @property
    def hostfile(self) -> str:
        """The nodes as DeepSpeed wants to be told of them."""
        return "".join(f"node-{index} slots={slots}\n" for index, slots in enumerate(self.slots))

    def command(self, launcher: str, node: int) -> tuple[str, ...]:
        """Command line on a node; its file of hosts is called ``hostfile``."""
        where = ["--hostfile", _HOSTFILE, "--no_ssh", "--node_rank", str(node)]
        main = ["--master_addr", self.main_address, "--master_port", str(self.port)]
        return (launcher, *where, *main, *self.options, *self.program)


def launch_of(
    slots: Sequence[int], main_address: str, port: int, deepspeed_args: Any, entrypoint: str, entrypoint_args: Any
) -> Launch:
    """What to run.

    Parameters
    ----------
    slots : sequence of int
        Processes on each node.
    main_address : str
    port : int
    deepspeed_args, entrypoint_args : mapping or list
        As :func:`~metaflow.distributed.programs.arguments` takes them.
    entrypoint : str

    Raises
    ------
    GangException
        If the arguments contradict what is set here, or there is no such script.
    """
    options = arguments(deepspeed_args)
    said = {option.lstrip("-").partition("=")[0].replace("-", "_") for option in options if option.startswith("-")}
    ours = sorted(said & set(_OURS))
    if ours:
        raise GangException(
            f"deepspeed_args cannot say --{ours[0]}: where the nodes are, and how to reach them, is known already."
        )
    if not entrypoint or not isinstance(entrypoint, str):
        raise GangException("run() needs to know what to run: entrypoint='train.py'.")
    if not said & {"module", "no_python"} and not os.path.isfile(entrypoint):
        raise GangException(
            f"There is no script '{entrypoint}' in {os.getcwd()}. If it is a module, add "
            "deepspeed_args={'module': True}."
        )
    if "master_port" in said:
        raise GangException("deepspeed_args cannot say --master_port: a free one is chosen for each gang.")
    return Launch(tuple(slots), main_address, port, options, [entrypoint, *arguments(entrypoint_args)])


class DeepSpeed:
    """Runs DeepSpeed programs on all nodes of the running ``@deepspeed`` step: ``current.deepspeed``.

    Parameters
    ----------
    node : Parallel
    roster : sequence of mapping
        What the nodes said of themselves.
    port : callable
        Gives the port of node 0 at which the processes of a program meet, given how many the step has run before.
    control : Control
    """

    def __init__(
        self, node: Parallel, roster: Sequence[Mapping[str, Any]], port: Callable[[int], int], control: Control
    ) -> None:
        self._node = node
        self._slots = [int(facts["slots"]) for facts in roster]
        self._port = port
        self._control = control
        self._runs = 0

    def run(
        self,
        deepspeed_args: Mapping[str, Any] | Sequence[Any] | None = None,
        entrypoint: str = "",
        entrypoint_args: Mapping[str, Any] | Sequence[Any] | None = None,
        push_results_dir_to_cloud: bool = False,
        local_output_dir: str | None = None,
        cloud_output_dir: str | None = None,
    ) -> str | None:
        """Run a program on all nodes with the ``deepspeed`` launcher.

        What the program prints on a node is in the log of that node's task. Environment variables that the step has set
        are set on all nodes.

        Parameters
        ----------
        deepspeed_args : dict or list, optional
            Options of the launcher, such as ``{"num_gpus": 2}`` or ``["--num_gpus", "2"]``. To ``--include`` and
            ``--exclude`` the nodes are ``node-0``, ``node-1``, ...
        entrypoint : str
            Path of the script, relative to the working directory.
        entrypoint_args : dict or list, optional
            Its arguments: ``{"deepspeed_config": "ds.json"}`` becomes ``--deepspeed_config ds.json``.
        push_results_dir_to_cloud : bool, default False
            Whether to keep what the program has written to `local_output_dir` on node 0.
        local_output_dir : str, optional
            Directory on node 0.
        cloud_output_dir : str, optional
            Where its files go: an address such as ``s3://bucket/prefix``, or a path below that of the run's files.

        Returns
        -------
        str or None
            Address of the results, if they were pushed.

        Raises
        ------
        GangException
            If the program fails on any node, or an argument cannot be used.
        """
        launcher = find_program("deepspeed", "install DeepSpeed (pip install deepspeed), or use an image that has it.")
        port = self._port(self._runs)
        launch = launch_of(self._slots, self._node.main_ip, port, deepspeed_args, entrypoint, entrypoint_args)
        results = ResultsDirectory(local_output_dir, cloud_output_dir, None) if push_results_dir_to_cloud else None
        self._runs += 1
        failed = self._run_everywhere(launch, launcher)
        if failed is not None:
            node, status = failed
            how = f"deepspeed {words_of_status(status)}"
            log = "" if node == 0 else f" What it printed there is in the log of task {self._task_of(node)}."
            raise GangException(f"{entrypoint} failed on node {node} of {self._node.num_nodes}: {how}.{log}")
        return results.push() if results is not None else None

    def _task_of(self, node: int) -> str:
        return f"{self._node.control_task_id}_node_{node}"

    def _run_everywhere(self, launch: Launch, launcher: str) -> tuple[int, int] | None:
        """Run it; returns the node that failed first, and how."""
        files = {_HOSTFILE: launch.hostfile}
        variables = self._control.changed_variables()
        numbers = {
            self._control.command(node, Command(launch.command("deepspeed", node), variables, files)): node
            for node in range(1, self._node.num_nodes)
        }
        with temporary_folder("deepspeed") as folder:
            path = os.path.join(folder, _HOSTFILE)
            with open(path, "w") as file:
                file.write(launch.hostfile)
            command = [path if part == _HOSTFILE else part for part in launch.command(launcher, 0)]
            started = []
            try:
                started.append(process := start(command))
                while True:
                    own = process.poll()
                    over = self._control.statuses() if numbers else {}
                    states = {0: own, **{node: over.get(number) for number, node in numbers.items()}}
                    for node, status in states.items():
                        if status:
                            return node, status
                    if None not in states.values():
                        return None
                    time.sleep(_PAUSE)
            finally:
                end(started)
                for number in numbers.keys() - self._control.statuses().keys() if numbers else ():
                    self._control.cancel(number)
