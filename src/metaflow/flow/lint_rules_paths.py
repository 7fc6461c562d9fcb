"""Rules about how steps follow each other. Each raises LintWarn for the first step that breaks it.

They take it for granted that the rules about single steps hold: every target exists, only the end leads
nowhere.
"""

from __future__ import annotations

from .graph_analysis import find_loop, immediate_dominators, is_chosen_by_code, reachable
from .lint_rules import listed, violation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .graph import FlowGraph
    from .node import Frame, Node


def no_loops(graph: FlowGraph) -> None:
    """No way leads back to a step, but for a switch that chooses itself."""
    loop = find_loop(graph.nodes)
    if loop is not None:
        node = graph[loop[-2]]
        raise violation(
            node,
            f"There is a loop in your flow: *{'->'.join(loop)}*. Break the loop by fixing self.next() "
            "transitions. To repeat a step, let it choose between itself and the next one with condition= or "
            "if/else.",
            node.transition.line,
        )


def all_reachable(graph: FlowGraph) -> None:
    """Every step can be reached from the start."""
    reached = reachable(graph.nodes, graph.start_step)
    for node in graph:
        if node.name not in reached:
            raise violation(
                node,
                f"Step *{node.name}* is unreachable from the entry step *{graph.start_step}*. "
                f"Add self.next(self.{node.name}) in another step or remove *{node.name}*.",
            )


def splits_are_joined(graph: FlowGraph) -> None:
    """Each split is closed by one join, to which all its branches lead, and each join closes one split."""
    hint = _where_branches_meet(graph)
    for name in graph.order:
        node = graph[name]
        inside = [frame for frame in node.entry_frames if frame is not None]
        if node.is_end and inside:
            raise violation(
                node,
                f"The terminal step *{name}* was reached before a split started at step(s) "
                f"{listed(dict.fromkeys(frame.split for frame in inside))} were joined. "
                f"Add a join step before *{name}*.{hint}",
            )
        if node.is_join and node.closes is None:
            raise violation(node, _why_it_joins_nothing(graph, node) + hint)
    if hint:
        meeting = next(node for node in map(graph.__getitem__, graph.order) if _merges_parallel(node))
        raise violation(meeting, f"Parallel branches are not joined.{hint}")


def _merges_parallel(node: Node) -> bool:
    return not node.is_join and len({id(frame) for frame in node.entry_frames}) > 1


def _where_branches_meet(graph: FlowGraph) -> str:
    """Advice on the first step that would run more than once, as branches reach it that are not exclusive."""
    for name in graph.order:
        node = graph[name]
        if not node.is_end and _merges_parallel(node):
            return (
                f" The branches through {listed(_sources(node))} run in parallel and meet at step *{name}*, "
                f"which is no join: write it as `def {name}(self, inputs)` to join them there."
            )
    return ""


def _why_it_joins_nothing(graph: FlowGraph, node: Node) -> str:
    seems = f"Step *{node.name}* seems like a join step (it takes an extra input argument) but "
    around = [frame for frame in node.entry_frames if frame is not None]
    if not around:
        return (
            f"{seems}it is not preceded by a split. Ensure that there is a matching split for every join."
            f"{_why_it_needs_no_join(graph, node)}"
        )
    split = graph[around[0].split]
    if split.matching_join is not None and all(frame.split == split.name for frame in around):
        return (
            f"{seems}its split *{split.name}* is already joined by *{split.matching_join}*. Ensure that "
            f"there is a matching join for every split: all paths from *{split.name}* have to lead to the "
            "same join."
        )
    if len({frame.split for frame in around}) == 1 and len(around) == len(node.entry_frames):
        arrived = {frame.branch for frame in around}
        missing = [branch for branch in split.targets if branch not in arrived]
        detail = f"No path leads here from {listed(missing)}."
    else:
        pairs = zip(_sources(node), node.entry_frames, strict=True)
        places = ", ".join(f"*{source}* ({_place(frame)})" for source, frame in pairs)
        detail = f"The paths that meet here come through {places}: join inner splits first, in their own steps."
    if len(node.entry_frames) == len(split.targets):
        return (
            f"{seems}it joins steps from unrelated splits. "
            f"Ensure that there is a matching join for every split. {detail}"
        )
    return (
        f"{seems}an incorrect number of steps ({listed(_sources(node))}) lead to it. This join was expecting "
        f"{len(split.targets)} incoming paths, starting from split step(s) {listed(split.targets)}. {detail}"
    )


def _sources(node: Node) -> list[str]:
    """Steps that lead to `node`, in the order of its `entry_frames`."""
    return [source for source in node.incoming if source != node.name]


def _place(frame: Frame | None) -> str:
    return f"inside the split of *{frame.split}*" if frame is not None else "outside of any split"


def _why_it_needs_no_join(graph: FlowGraph, node: Node) -> str:
    """Advice for who joins the branches of a switch, or closed a foreach by mistake."""
    dominators = immediate_dominators(graph.order, {name: graph[name].incoming for name in graph.order})
    origin = dominators[node.name]
    if len(node.entry_frames) > 1 and origin is not None and graph[origin].is_switch:
        return " The branches of a switch are exclusive and need no join: remove the extra argument."
    while origin is not None:
        before = dominators[origin]
        closed = graph[origin].closes
        if closed is not None and graph[closed].is_foreach and before and is_chosen_by_code(graph[before]):
            return (
                f" The foreach of *{closed}* was already joined by *{origin}*, as that step takes `inputs`; "
                "if only the branches of an if/else meet there, remove the extra argument from it."
            )
        origin = before
    return ""


def splits_run_steps(graph: FlowGraph) -> None:
    """There is a step between a foreach, or any other split, and its join."""
    for node in graph:
        for target in node.targets:
            if node.is_split and graph[target].is_join:
                kind = "Foreach split" if node.is_foreach else "Split"
                raise violation(
                    node,
                    f"{kind} step *{node.name}* is followed directly by the join step *{target}*. "
                    "Add a step between them, for the tasks that the join is to join.",
                    node.transition.line,
                )


def gangs_are_parallel_steps(graph: FlowGraph) -> None:
    """The target of ``num_parallel`` has a @parallel decorator."""
    for node in graph:
        for target in node.targets:
            if node.num_parallel and not graph[target].parallel_step:
                raise violation(
                    graph[target],
                    f"Step *{target}* is called as a parallel step with self.next(num_parallel=..) from step "
                    f"*{node.name}* but does not have a @parallel decorator. Add @parallel above its @step.",
                )


def gangs_do_not_choose(graph: FlowGraph) -> None:
    """A @parallel step is no switch."""
    for node in graph:
        if node.parallel_step and node.is_switch:
            raise violation(
                node,
                f"Step *{node.name}* has a @parallel decorator, but chooses among {listed(node.targets)}: a @parallel "
                "step cannot be a switch, as its nodes have to stay together. Let it lead to a join, and choose after "
                "that.",
                node.transition.line,
            )


def gangs_are_joined(graph: FlowGraph) -> None:
    """A @parallel step leads to a join."""
    for node in graph:
        for target in node.targets:
            if node.parallel_step and not graph[target].is_join:
                raise violation(
                    graph[target],
                    f"An @parallel step should be followed by a join step. Step *{target}* is called after "
                    f"the @parallel step *{node.name}* but is not a join step. "
                    "Please add an extra `inputs` argument to the step.",
                )


def parallel_steps_are_gangs(graph: FlowGraph) -> None:
    """A @parallel step is started with ``num_parallel``."""
    for node in graph:
        if node.parallel_step and not (node.incoming and all(graph[name].num_parallel for name in node.incoming)):
            raise violation(
                node,
                f"Step *{node.name}* has a @parallel decorator, but is not called with num_parallel. Lead to "
                f"it by self.next(self.{node.name}, num_parallel=...), or remove the decorator.",
            )


def switches_do_not_join(graph: FlowGraph) -> None:
    """No branch of a switch leads directly to a join."""
    for node in graph:
        for target in node.targets:
            if node.is_switch and graph[target].is_join:
                message = (
                    "A conditional path cannot lead directly to a join step. In the conditional step *{0}*, "
                    "one or more of the possible paths transition directly to the join step *{1}*. Please "
                    "introduce an intermediate, unconditional step on that path before joining."
                )
                if is_chosen_by_code(node):
                    message += " If *{1}* is only where the branches meet, remove its extra argument."
                raise violation(node, message.format(node.name, target), node.transition.line)


def foreaches_are_not_nested(graph: FlowGraph) -> None:
    """No foreach runs inside another: for deployment to schedulers that cannot nest them."""
    for name in graph.order:
        node = graph[name]
        outer = [split for split in node.split_parents if graph[split].is_foreach]
        if node.is_foreach and outer:
            raise violation(
                node,
                f"Step *{name}* is a foreach inside the foreach of *{outer[-1]}*. The target scheduler does "
                "not support nested foreach: join the outer one first, or make one list of all combinations.",
                node.transition.line,
            )
