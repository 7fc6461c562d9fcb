"""Rules that look at one step at a time. Each raises LintWarn for the first step that breaks it."""

from __future__ import annotations

from ..exception import LintWarn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .graph import FlowGraph
    from .node import Node

_RESERVED = frozenset({"name", "next", "input", "index", "cmd"})
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")

_FORMS = """Make sure the self.next() expression matches with one of the supported forms:
    • Linear: self.next(self.step_name)
    • Fan-out: self.next(self.step1, self.step2, ...)
    • Foreach: self.next(self.step, foreach='variable')
    • Switch: self.next({"key": self.step, ...}, condition='variable')
    • if/else or match, every branch of which ends in self.next(self.step_name)
For switch statements, keys must be string literals, numbers or config expressions (self.config.key_name),
not variables."""


def violation(node: Node, message: str, line: int | None = None) -> LintWarn:
    """The error that says `message` about `node`, or about `line` of it."""
    return LintWarn(message, line or node.line, node.source_file)


def listed(names: Iterable[str]) -> str:
    """`names` as they are written in messages."""
    return ", ".join(f"*{name}*" for name in names)


def names_are_not_reserved(graph: FlowGraph) -> None:
    """A step may not hide an attribute that every flow has."""
    from .spec import FlowSpec

    attributes = dir(FlowSpec)
    for node in graph:
        if node.name in _RESERVED:
            raise violation(node, f"Step name *{node.name}* is a reserved word. Choose another name for the step.")
        if node.name in attributes:
            raise violation(
                node,
                f"Step name *{node.name}* is a reserved word, as self.{node.name} is an attribute of every "
                "flow. Choose another name for the step.",
            )


def start_and_end_exist(graph: FlowGraph) -> None:
    """There is exactly one start and one end."""
    _ = graph.start_step, graph.end_step


def marks_agree_with_names(graph: FlowGraph) -> None:
    """A step that is marked as start (end) leaves no other step of that name."""
    for word, name in (("start", graph.start_step), ("end", graph.end_step)):
        if name != word and word in graph and getattr(graph[name], f"marked_{word}"):
            raise violation(
                graph[name],
                f"Ambiguous {word} step: step *{name}* is annotated with @step({word}=True) but a step named "
                f"*{word}* also exists. Rename *{word}* or remove the @step({word}=True) annotation.",
            )


def nothing_before_start_or_after_end(graph: FlowGraph) -> None:
    """No transition leads to the start or out of the end."""
    start, end = graph[graph.start_step], graph[graph.end_step]
    if start.incoming:
        raise violation(
            start,
            f"The start step *{start.name}* has incoming transitions from {listed(start.incoming)}. "
            "A start step must have no incoming transitions: add a step before it.",
        )
    if end.targets:
        raise violation(
            end,
            f"The end step *{end.name}* has outgoing transitions to {listed(end.targets)}. An end step must "
            "have no outgoing transitions: it should not have a self.next() transition. Just remove it.",
            end.transition.line,
        )


def end_has_no_next(graph: FlowGraph) -> None:
    """The end does not call ``self.next``, rightly or wrongly."""
    end = graph[graph.end_step]
    if end.transition.kind != "missing":
        raise violation(
            end,
            f"The terminal step *{end.name}* should not have a self.next() transition. Just remove it.",
            end.transition.line,
        )


def end_is_no_join(graph: FlowGraph) -> None:
    """The end takes no `inputs`."""
    end = graph[graph.end_step]
    if end.is_join:
        raise violation(
            end,
            f"The terminal step *{end.name}* should not be a join step (it gets an extra argument). "
            "Add a join step before it.",
        )


def names_are_plain(graph: FlowGraph) -> None:
    """Names are made of lowercase letters, digits and underscores, and do not start with an underscore."""
    for node in graph:
        if node.name.startswith("_") or not _NAME_CHARACTERS.issuperset(node.name):
            raise violation(
                node,
                f"Step *{node.name}* has an invalid name. Only lowercase ascii characters, underscores, and "
                "digits are allowed, and it may not start with an underscore.",
            )


def arguments_are_few(graph: FlowGraph) -> None:
    """A step takes `self`, a join `inputs` as well, and nothing else."""
    for node in graph:
        if node.num_args > 2:
            raise violation(
                node,
                f"Step *{node.name}* has too many arguments. Normal steps take only 'self' as an argument. "
                "Join steps take 'self' and 'inputs'.",
            )


def joins_do_not_split(graph: FlowGraph) -> None:
    """A join leads to one step."""
    for node in graph:
        if node.is_join and (node.is_split or node.is_switch):
            raise violation(
                node,
                f"Step *{node.name}* is both a join step (it takes an extra argument) and a split step (it "
                "transitions to multiple steps). This is not allowed. Add a new step so that split and join "
                "become separate steps.",
            )


def self_is_an_argument(graph: FlowGraph) -> None:
    """The first argument is `self`, by which name the source is searched for ``self.next``."""
    for node in graph:
        without_self = node.first_argument != "self" and not node.transition.mentions_next and not node.is_end
        if not node.num_args or without_self:
            raise violation(node, f"Step *{node.name}* is missing the 'self' argument. Make it the first one.")


def next_is_last(graph: FlowGraph) -> None:
    """Every step but the end has a transition as its last statement."""
    for node in graph:
        if node.transition.kind == "missing" and not node.is_end:
            message = (
                f"Step *{node.name}* is missing a self.next() transition to the next step. "
                "Add a self.next() as the last line in the function."
            )
            raise violation(node, f"{message} {node.transition.problem}".rstrip())


def next_is_well_formed(graph: FlowGraph) -> None:
    """Transitions are written in a form that can be read from the source."""
    for node in graph:
        if node.transition.kind == "malformed":
            raise violation(
                node,
                f"Step *{node.name}* specifies an invalid self.next() transition: {node.transition.problem}. {_FORMS}",
                node.transition.line,
            )


def targets_exist(graph: FlowGraph) -> None:
    """Transitions lead to steps of this flow."""
    for node in graph:
        for target, line in zip(node.targets, node.transition.target_lines, strict=True):
            if target not in graph:
                raise violation(
                    node,
                    f"Step *{node.name}* specifies a self.next() transition to an unknown step, *{target}*. "
                    + _how_to_name_it(graph, target),
                    line,
                )


def _how_to_name_it(graph: FlowGraph, unknown: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(unknown, graph.nodes, n=1)
    if close:
        return f"Did you mean *{close[0]}*?"
    return f"If there is a method of that name, mark it with @step; otherwise add a step *{unknown}*."


def targets_differ(graph: FlowGraph) -> None:
    """The branches of a split start with different steps."""
    for node in graph:
        if len(set(node.targets)) < len(node.targets):
            twice = [name for name in dict.fromkeys(node.targets) if node.targets.count(name) > 1]
            raise violation(
                node,
                f"Step *{node.name}* names {listed(twice)} more than once in self.next(). Name each step "
                "once; to run one step several times in parallel, use self.next(self.step, "
                "foreach='variable').",
                node.transition.line,
            )


def switches_have_cases(graph: FlowGraph) -> None:
    """A switch has at least two cases to choose from."""
    for node in graph:
        if node.is_switch and node.condition is not None and len(node.cases) < 2:
            raise violation(
                node,
                f"Step *{node.name}* is a switch split but defines {len(node.cases)} transitions. "
                "Switch splits must define at least 2 transitions: add a case, or use "
                "self.next(self.step_name).",
                node.transition.line,
            )
