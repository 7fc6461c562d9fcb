"""What follows from the edges of a graph: an order, loops, which join closes which split, how branches nest.

Think of a task as a token. A split turns it into one token for each branch (a foreach into many of the same
branch), a switch sends it one way, a join takes the tokens of all branches and gives one back. So it does not
matter how many edges lead into a join, only that each branch of its split delivers: by different ways, if a
switch inside the branch chooses among them.

Nothing here recurses: a flow may have thousands of steps in a row.
"""

from __future__ import annotations

from .node import Frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypeAlias

    from .node import Node

    Nodes: TypeAlias = Mapping[str, Node]
    #: Nested lists of step names.
    Structure: TypeAlias = list["str | Structure"]


def successors(nodes: Nodes, node: Node) -> list[str]:
    """Steps that `node` leads to: each once, without itself if it is recursive and without unknown ones."""
    return [
        name for name in dict.fromkeys(node.targets) if name in nodes and not (name == node.name and node.is_switch)
    ]


def topological_order(nodes: Nodes, start: str) -> list[str]:
    """Steps that can be reached from `start`, each after all steps that lead to it.

    Steps that lie on a loop, or behind one, are left out.
    """
    reached = {start}
    waiting: dict[str, int] = {}
    pending = [start]
    while pending:
        for name in successors(nodes, nodes[pending.pop()]):
            waiting[name] = waiting.get(name, 0) + 1
            if name not in reached:
                reached.add(name)
                pending.append(name)
    order = [start] if start not in waiting else []
    for position in order:  # grows while it is gone through
        for name in successors(nodes, nodes[position]):
            waiting[name] -= 1
            if not waiting[name]:
                order.append(name)
    return order


def reachable(nodes: Nodes, start: str) -> set[str]:
    """Steps that can be reached from `start`, itself included."""
    reached = {start}
    pending = [start]
    while pending:
        new = [name for name in successors(nodes, nodes[pending.pop()]) if name not in reached]
        reached.update(new)
        pending.extend(new)
    return reached


def find_loop(nodes: Nodes) -> list[str] | None:
    """First loop other than that of a recursive step, as the steps on the way round: ``["a", "b", "a"]``."""
    done: set[str] = set()
    for root in nodes:
        path: dict[str, None] = {}
        pending = [(root, False)]
        while pending:
            name, leaving = pending.pop()
            if leaving:
                del path[name]
                done.add(name)
            elif name in path:
                way = list(path)
                return [*way[way.index(name) :], name]
            elif name not in done:
                path[name] = None
                pending.append((name, True))
                pending.extend((target, False) for target in reversed(successors(nodes, nodes[name])))
    return None


def nest(nodes: Nodes, order: Sequence[str]) -> None:
    """Find for every step the splits around it, and pair splits with joins.

    Sets `frame`, `entry_frames`, `matching_join`, `closes` and `merges_switch` of the nodes.

    A step that takes `inputs` closes the innermost split if every branch of it arrives. Otherwise, if it is
    where branches of an ``if``/``else`` meet, it is the merge of these. Branches of a switch with
    ``condition=`` meet in an ordinary step, so there a step with `inputs` can only be a join.
    """
    branches: dict[tuple[str, str], Frame] = {}
    dominators: dict[str, str | None] | None = None
    for name in order:
        node = nodes[name]
        arriving = [nodes[source] for source in node.incoming if source != name]
        frames = [branches.get((source.name, name), source.frame) for source in arriving]
        node.entry_frames = tuple(frames)
        node.frame = frames[0] if frames else None
        if node.takes_inputs:
            closed = _closed_split(nodes, frames)
            if closed is not None:
                node.frame = closed.outer
                node.closes = closed.split
                nodes[closed.split].matching_join = name
            elif len(frames) > 1 and all(frame is frames[0] for frame in frames):
                if dominators is None:
                    dominators = immediate_dominators(order, {each: nodes[each].incoming for each in order})
                origin = dominators[name]
                node.merges_switch = origin is not None and is_chosen_by_code(nodes[origin])
        if node.is_split:
            for target in node.targets:
                branches[name, target] = Frame(name, target, node.frame)


def is_chosen_by_code(node: Node) -> bool:
    """Whether an ``if`` or ``match`` of the step chooses the branch of this switch, not ``condition=``."""
    return node.is_switch and node.condition is None


def _closed_split(nodes: Nodes, frames: Sequence[Frame | None]) -> Frame | None:
    """A frame of the split that a step where `frames` arrive closes; None if it closes none.

    All of them must be branches of one split, none of its branches may be missing, and no other step may have
    closed it: tasks that a switch sends to different joins would never be together in one.
    """
    if not frames or frames[0] is None or nodes[frames[0].split].matching_join is not None:
        return None
    split = frames[0].split
    arrived = {frame.branch for frame in frames if frame is not None and frame.split == split}
    strangers = any(frame is None or frame.split != split for frame in frames)
    return None if strangers or arrived != set(nodes[split].targets) else frames[0]


def immediate_dominators(order: Sequence[str], predecessors: Mapping[str, Iterable[str]]) -> dict[str, str | None]:
    """For each step, the nearest one that every way to it leads through.

    Parameters
    ----------
    order : sequence of str
        Steps in topological order.
    predecessors : mapping
        Steps right before each; those that are not earlier in `order` are ignored.

    Returns
    -------
    dict
        None for the steps that nothing leads to.
    """
    rank = {name: position for position, name in enumerate(order)}
    nearest: dict[str, str | None] = {}
    for name in order:
        before = [source for source in predecessors[name] if source in nearest]
        common = before[0] if before else None
        for source in before[1:]:
            other: str | None = source
            while common is not None and other is not None and common != other:
                if rank[common] > rank[other]:
                    common = nearest[common]
                else:
                    other = nearest[other]
            if other is None:
                common = None
        nearest[name] = common
    return nearest


def nested_structure(nodes: Nodes, order: Sequence[str]) -> Structure:
    """The graph as nested lists: steps in sequence, and after a split or switch the list of its branches.

    A branch ends before the step where the branches meet, which comes after the list; a branch that leads
    straight there is empty. A step that several branches share, without being where all of them meet, is
    listed in the first.

    Parameters
    ----------
    nodes : mapping
        Steps of a valid graph.
    order : sequence of str
        The same in topological order.
    """
    following = {name: successors(nodes, nodes[name]) for name in order}
    meeting: dict[str, str | None] = {}
    if any(node.is_switch for node in nodes.values()):
        meeting = immediate_dominators(order[::-1], following)
    structure: Structure = []
    listed: set[str] = set()
    pending: list[tuple[str | None, str | None, Structure]] = [(order[0] if order else None, None, structure)]
    while pending:
        name, stop, sequence = pending.pop()
        while name is not None and name != stop and name not in listed:
            listed.add(name)
            sequence.append(name)
            ways = following[name]
            if len(ways) < 2 and not nodes[name].is_split:
                name = ways[0] if ways else None
                continue
            meet = nodes[name].matching_join or meeting.get(name)
            branches: list[Structure] = [[] for _ in ways]
            sequence.append(list(branches))
            pending.extend(reversed([(way, meet, branch) for way, branch in zip(ways, branches, strict=True)]))
            name = meet
    return structure
