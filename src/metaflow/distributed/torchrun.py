"""``current.torch``: PyTorch programs on all nodes of a gang, or with many processes on one node."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..exception import GangException
from .programs import arguments, run, temporary_folder, words_of_status
from .results import ResultsDirectory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..flow.parallel_node import Parallel
    from .rendezvous import Rendezvous

_RANK_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_rank.py")
#: What would contradict what each node is told.
_OURS = ("node_rank",)
#: Characters of a traceback that go into an error.
_MOST_OF_TRACEBACK = 6000


def check_torch(where: str) -> None:
    """See that PyTorch is there, without importing it.

    Raises
    ------
    GangException
        If it is not.
    """
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise GangException(
            f"{where} needs PyTorch, which the Python that runs the step ({sys.executable}) does not have. Install it "
            "(pip install torch), or have it in the image or environment of the step."
        )


def launch_command(options: Mapping[str, Any], entrypoint: str, entrypoint_args: Any) -> list[str]:
    """Command line of ``torch.distributed.run``.

    Parameters
    ----------
    options : mapping
        Its own options; ``module`` and ``no_python`` say what the entry point is.
    entrypoint : str
        Path of a script, or the name of a module or program.
    entrypoint_args : mapping or list
        As :func:`~metaflow.distributed.programs.arguments` takes them.

    Raises
    ------
    GangException
        If the script does not exist.
    """
    own = {name: value for name, value in options.items() if name not in ("m", "module")}
    command = [sys.executable, "-m", "torch.distributed.run", *arguments(own)]
    as_module = bool(options.get("m") or options.get("module"))
    if options.get("no_python") or options.get("run_path"):
        command.append(entrypoint)
    elif as_module:
        command += [_RANK_PROGRAM, "-m", entrypoint]
    elif os.path.isfile(entrypoint):
        command += [_RANK_PROGRAM, entrypoint]
    else:
        raise GangException(
            f"There is no script '{entrypoint}' in {os.getcwd()}. If it is a module, add "
            "torchrun_args={'module': True}; if it is there on your own machine but not here, see which files the code "
            "package takes along (--package-suffixes)."
        )
    return [*command, *arguments(entrypoint_args)]


class Torchrun:
    """Runs PyTorch programs on all nodes of the running ``@torchrun`` step: ``current.torch``.

    Parameters
    ----------
    node : Parallel
    port : callable
        Gives the port of node 0 at which the processes of a program meet, given how many the step has run before.
    nproc_per_node : int or str
    rendezvous : Rendezvous
    """

    def __init__(
        self, node: Parallel, port: Callable[[int], int], nproc_per_node: int | str, rendezvous: Rendezvous
    ) -> None:
        self._node = node
        self._port = port
        self._nproc_per_node = nproc_per_node
        self._rendezvous = rendezvous
        self._runs = 0

    def run(
        self,
        torchrun_args: Mapping[str, Any] | None = None,
        entrypoint: str | None = None,
        entrypoint_args: Mapping[str, Any] | Sequence[Any] | None = None,
        nproc_per_node: int | str | None = None,
        push_results_dir_to_cloud: bool = False,
        local_output_dir: str | None = None,
        cloud_output_dir: str | None = None,
    ) -> str | None:
        """Run a program on all nodes, with ``torch.distributed.run``. Every node has to call this.

        Parameters
        ----------
        torchrun_args : dict, optional
            Options of ``torchrun``, such as ``{"max_restarts": 3}``; they win over what is set here. With ``{"module":
            True}`` the entry point is a module.
        entrypoint : str
            Path of the script, relative to the working directory.
        entrypoint_args : dict or list, optional
            Its arguments: ``{"lr": 0.1, "fast": True}`` becomes ``--lr 0.1 --fast``.
        nproc_per_node : int or str, optional
            Processes on each node, or ``"gpu"`` or ``"auto"``; the decorator's if not given.
        push_results_dir_to_cloud : bool, default False
            Whether to keep what the program has written to `local_output_dir`.
        local_output_dir : str, optional
            Directory on the node.
        cloud_output_dir : str, optional
            Where its files go: an address such as ``s3://bucket/prefix``, or a path below that of the run's files. With
            several nodes each has a folder there, ``node-0``, ``node-1``, ...

        Returns
        -------
        str or None
            Address of this node's results, if they were pushed.

        Raises
        ------
        GangException
            If the program fails, with the traceback of the process of this node that failed first; or if an argument
            cannot be used.
        """
        options = _normal(torchrun_args)
        given = [name for name in _OURS if name in options]
        if given:
            raise GangException(f"torchrun_args cannot say {given[0]}: each node is told its own.")
        options = {
            "nnodes": self._node.num_nodes,
            "node_rank": self._node.node_index,
            "master_addr": self._node.main_ip,
            "master_port": self._port(self._runs),
            "nproc_per_node": self._nproc_per_node if nproc_per_node is None else nproc_per_node,
            **options,
        }
        results = (
            ResultsDirectory(local_output_dir, cloud_output_dir, self._node) if push_results_dir_to_cloud else None
        )
        self._runs += 1
        failure = _launch(options, entrypoint, entrypoint_args)
        if failure is not None:
            raise self._failed(*failure)
        return results.push() if results is not None else None

    def _failed(self, text: str, details: str) -> GangException:
        others = self._rendezvous.tell_failure(text)
        node = self._node
        lines = [f"On node {node.node_index} of {node.num_nodes}, {text}", *([details] if details else [])]
        lines += [f"At about the same time, on node {index}, {said}" for index, said in others.items()]
        return GangException("\n".join(lines))


class TorchrunSingleNodeMultiGPU:
    """Runs PyTorch programs with several processes on one machine, in any step or outside of one.

    Examples
    --------
    >>> TorchrunSingleNodeMultiGPU().run(entrypoint="train.py", nproc_per_node=4)
    """

    def run(
        self,
        torchrun_args: Mapping[str, Any] | None = None,
        entrypoint: str | None = None,
        entrypoint_args: Mapping[str, Any] | Sequence[Any] | None = None,
        nproc_per_node: int | str = 1,
        push_results_dir_to_cloud: bool = False,
        local_output_dir: str | None = None,
        cloud_output_dir: str | None = None,
    ) -> str | None:
        """Run a program with ``torch.distributed.run`` on this machine.

        Parameters, return value and errors are those of :meth:`Torchrun.run`.
        """
        check_torch("TorchrunSingleNodeMultiGPU")
        options = {"standalone": True, "nnodes": 1, "nproc_per_node": nproc_per_node, **_normal(torchrun_args)}
        results = None
        if push_results_dir_to_cloud:
            results = ResultsDirectory(local_output_dir, cloud_output_dir, None)
        failure = _launch(options, entrypoint, entrypoint_args)
        if failure is not None:
            text, details = failure
            raise GangException(f"{text[0].upper()}{text[1:]}" + (f"\n{details}" if details else ""))
        return results.push() if results is not None else None


def _normal(torchrun_args: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options by the names that are used here, however they are written."""
    if not isinstance(torchrun_args, Mapping) and torchrun_args is not None:
        raise GangException(f"torchrun_args is a dict such as {{'max_restarts': 3}}, not {torchrun_args!r}.")
    return {str(name).lstrip("-").replace("-", "_"): value for name, value in (torchrun_args or {}).items()}


def _launch(options: dict[str, Any], entrypoint: str | None, entrypoint_args: Any) -> tuple[str, str] | None:
    """Run the program; returns what went wrong in a line, and the traceback if there is one."""
    if not entrypoint or not isinstance(entrypoint, str):
        raise GangException("run() needs to know what to run: entrypoint='train.py'.")
    with temporary_folder("torchrun") as folder:
        options.setdefault("log_dir", folder)
        error_file = os.path.join(folder, "error.json")
        command = launch_command(options, entrypoint, entrypoint_args)
        status = run(command, {**os.environ, "TORCHELASTIC_ERROR_FILE": error_file})
        if status == 0:
            return None
        return failure_of(error_file, entrypoint, status)


def failure_of(error_file: str, entrypoint: str, status: int) -> tuple[str, str]:
    """What went wrong: in a line, and as a traceback if the process that failed first has left one.

    Parameters
    ----------
    error_file : str
        What ``torch.distributed.run`` may have written for us: a copy of what the first process that failed said.
    entrypoint : str
    status : int
        That of ``torch.distributed.run``.
    """
    try:
        with open(error_file) as file:
            message = json.load(file)["message"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"{entrypoint} failed: torch.distributed.run {words_of_status(status)}. See what it printed.", ""
    if not isinstance(message, dict):
        return f"{entrypoint} failed: {message}", ""
    extra = message.get("extraInfo") or {}
    rank = f"rank {extra['rank']} of " if extra.get("rank") else ""
    trace = str(extra.get("py_callstack") or "")
    return f"{rank}{entrypoint} failed: {message.get('message')}", trace[-_MOST_OF_TRACEBACK:].rstrip()
