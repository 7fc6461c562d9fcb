"""At which address the other nodes of a gang reach this one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..exception import GangException

if TYPE_CHECKING:
    from ..flow.parallel_node import Parallel

#: Any port will do: nothing is sent.
_PORT = 9
#: Seconds between two tries to resolve a name.
_PAUSE = 1.0


def address_of_node(node: Parallel, timeout: float) -> str:
    """Address of this node, in the network in which it reaches node 0.

    Parameters
    ----------
    node : Parallel
    timeout : float
        Seconds to wait until the name of node 0 can be resolved, which an engine may make known only after a while.

    Raises
    ------
    GangException
        If node 0 has no address.
    """
    import socket

    if node.node_index == 0:
        return node.main_ip
    deadline = time.monotonic() + timeout
    while True:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(node.main_ip, _PORT, type=socket.SOCK_DGRAM)[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.connect(address)
                return str(probe.getsockname()[0])
        except OSError as error:
            if time.monotonic() > deadline:
                raise GangException(
                    f"Node {node.node_index} does not find node 0 at '{node.main_ip}' within {timeout:g} seconds: "
                    f"{error.strerror or error}. The nodes of a parallel step have to be in one network."
                ) from error
            time.sleep(_PAUSE)
