"""Which node of a ``@parallel`` step a process is: told by environment variables, so that programs it starts know."""

from __future__ import annotations

import os
from typing import NamedTuple

MAIN_IP = "MF_PARALLEL_MAIN_IP"
NUM_NODES = "MF_PARALLEL_NUM_NODES"
NODE_INDEX = "MF_PARALLEL_NODE_INDEX"
CONTROL_TASK_ID = "MF_PARALLEL_CONTROL_TASK_ID"
#: Address of node 0, set in a node's process by whatever started it on another machine than the others.
MAIN_ADDRESS_VARIABLE = "METAFLOW_MAIN_ADDRESS"


class Parallel(NamedTuple):
    """One node among those of a ``@parallel`` step, as ``current.parallel`` shows it.

    Attributes
    ----------
    main_ip : str
        Address of node 0, at which the others find it.
    num_nodes : int
    node_index : int
        From 0. Node 0 is the control task.
    control_task_id : str or None
        Task id of node 0; None outside a ``@parallel`` step.
    """

    main_ip: str
    num_nodes: int
    node_index: int
    control_task_id: str | None

    def variables(self) -> dict[str, str]:
        """The environment variables that say the same."""
        return {
            MAIN_IP: self.main_ip,
            NUM_NODES: str(self.num_nodes),
            NODE_INDEX: str(self.node_index),
            CONTROL_TASK_ID: self.control_task_id or "",
        }


def node_of_process() -> Parallel:
    """What the environment variables of this process say; the only node where they say nothing."""
    get = os.environ.get
    return Parallel(
        get(MAIN_IP, "127.0.0.1"), int(get(NUM_NODES, "1")), int(get(NODE_INDEX, "0")), get(CONTROL_TASK_ID) or None
    )
