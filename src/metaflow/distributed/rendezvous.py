"""How the nodes of a gang find each other: notes in the run's datastore, which are removed when the gang is over."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from ..datastore.layout import gang_prefix
from ..datastore.store import ObjectMissing
from ..exception import DataException, GangException, MetaflowDataMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..datastore.store import Buffer, ObjectStore
    from ..flow.parallel_node import Parallel

#: Seconds between two looks at the datastore: at first, and at most where it is on this machine, or behind a network.
_FIRST_PAUSE, _LONGEST_PAUSE, _LONGEST_PAUSE_REMOTE = 0.01, 0.2, 2.0
#: Seconds that node 0 waits for the others to leave before it removes all notes.
_LEAVE_SECONDS = 30.0
#: Seconds that a node that failed waits for others that may have failed with it.
_FAILURE_SECONDS = 1.0
#: Most nodes that a message names.
_MOST_NAMED = 10


class Rendezvous:
    """A place where the nodes of one attempt of a gang leave notes for each other.

    Parameters
    ----------
    store : ObjectStore
    prefix : str
        What the keys of all notes begin with.
    node : Parallel
        Which node this process is.
    """

    def __init__(self, store: ObjectStore, prefix: str, node: Parallel) -> None:
        self._store = store
        self._prefix = prefix
        self.node = node
        self._own: set[str] = set()

    @property
    def longest_pause(self) -> float:
        """Seconds that may go by between two looks at the datastore if nothing asks for fewer."""
        return _LONGEST_PAUSE_REMOTE if self._store.is_remote else _LONGEST_PAUSE

    def put(self, name: str, content: Any) -> None:
        """Leave a note: anything that JSON can express."""
        self.put_bytes(name, [json.dumps(content).encode()])

    def put_bytes(self, name: str, parts: Sequence[Buffer]) -> None:
        """Leave a note that is not JSON."""
        self._own.add(name)
        self._store.put(self._prefix + name, parts)

    def get(self, name: str) -> Any:
        """Content of a note; None if there is none."""
        content = self.get_bytes(name)
        return None if content is None else json.loads(content)

    def get_bytes(self, name: str) -> bytes | None:
        """Bytes of a note; None if there is none."""
        try:
            return self._store.get(self._prefix + name)
        except (ObjectMissing, MetaflowDataMissing):
            return None

    def names(self, folder: str) -> set[str]:
        """Names of the notes in a folder, without that of the folder."""
        prefix = f"{self._prefix}{folder}/"
        return {key[len(prefix) :] for key in self._store.list(prefix)}

    def remove(self, name: str) -> None:
        """Remove a note, if it is there."""
        self._store.delete(self._prefix + name)
        self._own.discard(name)

    def meet(self, facts: Mapping[str, Any], timeout: float) -> list[dict[str, Any]]:
        """Wait until all nodes are here, and learn what each says of itself.

        Parameters
        ----------
        facts : mapping
            What this node says of itself; anything that JSON can express.
        timeout : float
            Seconds to wait.

        Returns
        -------
        list of dict
            The facts of all nodes, in order.

        Raises
        ------
        GangException
            If some nodes are not here in time; says which.
        """
        node = self.node
        if node.num_nodes == 1:
            return [dict(facts)]
        if node.node_index != 0:
            self.put(f"here/{node.node_index}", facts)
        roster = self._wait(self._call_the_roll if node.node_index == 0 else lambda: self.get("roster"), timeout)
        if roster is None:
            raise self._incomplete(timeout)
        if node.node_index == 0:
            roster = [dict(facts), *roster]
            self.put("roster", roster)
        else:
            roster[node.node_index] = dict(facts)
        return list(roster)

    def part(self) -> None:
        """Say, as a node other than 0, that the notes are no longer needed here: nothing more is read."""
        if self.node.node_index != 0:
            self.remove(f"here/{self.node.node_index}")

    def tell_failure(self, text: str) -> dict[int, str]:
        """Say that this node failed, and hear of others that failed at about the same time.

        When a process of a distributed program dies, those that talk to it fail too. Which of the nodes is the first to
        say so is chance, so each says what it has heard of all.

        Parameters
        ----------
        text : str
            What went wrong, in a line.

        Returns
        -------
        dict of int to str
            What the other nodes said.
        """
        if self.node.num_nodes == 1:
            return {}
        try:
            self.put(f"failed/{self.node.node_index}", text)
            time.sleep(_FAILURE_SECONDS)
            others = self.names("failed") - {str(self.node.node_index)}
            return {int(name): str(self.get(f"failed/{name}")) for name in sorted(others, key=int)}
        except DataException:
            return {}  # what went wrong here is what has to be told

    def leave(self, wait: bool) -> None:
        """Remove the notes: those of this node; as node 0 all of them.

        Parameters
        ----------
        wait : bool
            Whether to give the other nodes the time that they need to read them. There is no need to if the gang has
            failed: it is stopped then.
        """
        if self.node.num_nodes == 1:
            return
        try:
            if self.node.node_index == 0:
                if wait:
                    self._wait(lambda: not self.names("here") or None, _LEAVE_SECONDS)
                for key in list(self._store.list(self._prefix)):
                    self._store.delete(key)
                return
            for name in list(self._own):
                self.remove(name)
        except DataException:
            return  # a few bytes stay until the run is deleted: no reason to lose what the step has done

    def _call_the_roll(self) -> list[dict[str, Any]] | None:
        if len(self.names("here")) < self.node.num_nodes - 1:
            return None
        from ..datastore.parallel import map_in_threads

        names = [f"here/{index}" for index in range(1, self.node.num_nodes)]
        return map_in_threads(self.get, names, threads=8)

    def _wait(self, look: Callable[[], Any], timeout: float) -> Any:
        """Look again and again until there is something to see; None if there is nothing in time."""
        deadline = time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while (seen := look()) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, self.longest_pause)
        return seen

    def _incomplete(self, timeout: float) -> GangException:
        here = {0, self.node.node_index, *map(int, self.names("here"))}
        missing = [index for index in range(self.node.num_nodes) if index not in here]
        if self.node.node_index != 0 and not missing:
            return GangException(
                f"Node 0 of this parallel step did not say within {timeout:g} seconds that all nodes are there: it has "
                "not started, or died. See its log."
            )
        named = ", ".join(map(str, missing[:_MOST_NAMED])) + (", ..." if len(missing) > _MOST_NAMED else "")
        return GangException(
            f"{len(missing)} of the {self.node.num_nodes} nodes of this parallel step did not start within {timeout:g} "
            f"seconds: {'node' if len(missing) == 1 else 'nodes'} {named}. If there was no room for them, use a "
            "smaller num_parallel, or wait for longer with all_nodes_started_timeout."
        )


def rendezvous_of_task(node: Parallel, attempt: int) -> Rendezvous:
    """Where the nodes of the gang meet that the running task is part of.

    Parameters
    ----------
    node : Parallel
    attempt : int

    Raises
    ------
    GangException
        If the nodes do not run at the same time, as in the process of a test.
    """
    from ..client.home import home_of_run
    from ..flow.current import current

    home = home_of_run()
    if node.num_nodes == 1:
        from ..datastore.null_store import NullStore

        return Rendezvous(NullStore(), "", node)
    if home is None:
        raise GangException(
            f"The {node.num_nodes} nodes of step *{current.step_name}* have to run at the same time, but here tasks "
            "run one after the other, in one process. Run the flow as a program, or use num_parallel=1 here."
        )
    gang = node.control_task_id or ""
    prefix = gang_prefix(current.flow_name, current.run_id, current.step_name, gang, attempt)
    return Rendezvous(home.open_store(), prefix, node)
