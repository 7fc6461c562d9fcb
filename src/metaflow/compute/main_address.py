"""Where the nodes of a gang find their control task: from the engine if it tells, else through the datastore."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

from ..datastore.layout import live_key
from ..datastore.live_tasks import ADDRESS
from ..datastore.store import ObjectMissing
from ..exception import MetaflowException
from .backend import MAIN_ADDRESS_VARIABLE

if TYPE_CHECKING:
    from ..datastore.store import ObjectStore
    from ..runtime.specs import TaskSpec
    from .jobs import JobDescription

#: Environment variable with the time, in seconds, that the name of node 0 may take to be known.
RESOLUTION_VARIABLE = "METAFLOW_HOSTNAME_RESOLUTION_TIMEOUT"
_SECONDS_BETWEEN_LOOKS = 0.5
_MOST_SECONDS = 600.0


def find_main_address(store: ObjectStore, job: JobDescription, spec: TaskSpec) -> None:
    """Put the control task's address into the environment, for the task's process.

    Raises
    ------
    MetaflowException
        If the control task has not said within ten minutes where it is, or its name is not known in time.
    DataException
        If the datastore cannot be used.
    """
    told = os.environ.get(MAIN_ADDRESS_VARIABLE)
    if told:
        limit = float(os.environ.get(RESOLUTION_VARIABLE, _MOST_SECONDS))
        os.environ[MAIN_ADDRESS_VARIABLE] = _resolved(told, limit)
        return
    control = job.tasks[0]
    key = live_key(job.run.flow, job.run.run_id, control.step, control.task_id, control.attempt, ADDRESS)
    if spec.task_id == control.task_id:
        address = own_address()
        store.put(key, [address.encode()])
    else:
        address = _wait_for(store, key, control)
    os.environ[MAIN_ADDRESS_VARIABLE] = address


def _resolved(name: str, limit: float) -> str:
    """The address behind a name, which may become known a while after the node that it belongs to is there."""
    deadline = time.monotonic() + limit
    while True:
        try:
            return socket.gethostbyname(name)
        except OSError as error:
            if time.monotonic() >= deadline:
                raise MetaflowException(
                    f"The name of node 0, {name}, has led to no address within {limit:g} seconds: {error}. See whether "
                    "that node was started, and whether names are resolved where this one runs."
                ) from error
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _wait_for(store: ObjectStore, key: str, control: TaskSpec) -> str:
    deadline = time.monotonic() + _MOST_SECONDS
    while time.monotonic() < deadline:
        try:
            return store.get(key).decode()
        except ObjectMissing:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    raise MetaflowException(
        f"Node 0 of step *{control.step}*, task {control.task_id}, has not said where it is within "
        f"{_MOST_SECONDS / 60:g} minutes. It may not have been started: see the engine's own view of its job."
    )


def own_address() -> str:
    """An address at which other machines reach this one; that of the way out, which need not lead anywhere."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.255", 9))  # sends nothing: only a route is looked up
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
