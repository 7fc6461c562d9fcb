"""``@ssh``: what a step says. It is imported by every task, so it imports nothing that only the engine needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.decorators.remote import RemoteDecorator
from metaflow.flow.decorators import attach

if TYPE_CHECKING:
    from metaflow.flow.graph import FlowGraph


class SshDecorator(RemoteDecorator):
    """Declaration of ``@ssh``."""

    name = "ssh"
    backend = "ssh"
    #: The engine is made with these: SshBackend(hosts=..., directory=...). Steps that agree in them share one.
    connection = ("hosts", "directory")
    defaults = {"hosts": "", "directory": "metaflow-ssh", "executable": None, "max_concurrent_tasks": None}

    def validate(self, graph: FlowGraph, step: str) -> None:
        super().validate(graph, step)
        hosts = self.attributes["hosts"]
        if not isinstance(hosts, str) or not hosts.replace(",", " ").split():
            raise self.error(f"Step *{step}*: @ssh(hosts={hosts!r}) should name machines, as in hosts='ada@a, ada@b'.")


def ssh(f: Any = None, **attributes: Any) -> Any:
    """Run the step's tasks on other machines, over ssh.

    Parameters
    ----------
    hosts : str
        Machines as ``ssh`` knows them, separated by commas.
    directory : str, default "metaflow-ssh"
        For files of tasks there, below the home directory.
    executable : str, optional
        Python interpreter there.
    max_concurrent_tasks : int, optional
        How many tasks of the step run at a time.
    """
    return attach(SshDecorator, f, attributes)
