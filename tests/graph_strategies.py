"""Random flows: nested blocks, laid out as steps, rendered as the source of a flow that can be run.

Three forms, each pure data, so that a test can start from any of them:

1. *blocks* say how a flow is nested, so every tree of blocks is a valid flow (:func:`flows`);
2. :func:`lay_out` gives the steps and edges, and what must be true of them; edges can be changed here, to get
   flows that may be invalid (:func:`mutated`);
3. :func:`render` writes Python.

In the rendered flow ``self.seen`` counts the tasks in a task's history, so the ``end`` of a run can be
checked.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from hypothesis import strategies as st


@dataclass(frozen=True)
class Plain:
    """One ordinary step."""


@dataclass(frozen=True)
class Split:
    """Parallel branches, and the join that closes them."""

    branches: tuple[Body, ...]


@dataclass(frozen=True)
class Foreach:
    """`width` tasks of each step of `body`, and the join that closes them."""

    width: int
    body: Body


@dataclass(frozen=True)
class Gang:
    """A step that starts `nodes` nodes of a @parallel step, that step, and its join."""

    nodes: int


@dataclass(frozen=True)
class Switch:
    """One of several branches; `chosen` says which one is taken when the flow runs.

    `merge` says where they meet: in a ``step`` of their own, in one that takes ``inputs`` (where that is
    allowed), or in ``nothing``, so that they meet in whatever comes next. No more than one branch may be
    empty, and none if they meet in nothing.
    """

    branches: tuple[Body, ...]
    chosen: int
    by_code: bool
    merge: str


@dataclass(frozen=True)
class Loop:
    """A step that runs `times` times, followed by an ordinary one."""

    times: int
    by_code: bool


Block = Plain | Split | Foreach | Gang | Switch | Loop
Body = tuple[Block, ...]


@dataclass
class FlatStep:
    """One step with its edges; `kind` is linear, split, foreach, gang, switch, loop or end."""

    name: str
    kind: str
    targets: list[str]
    takes_inputs: bool = False
    is_merge: bool = False
    is_parallel: bool = False
    by_code: bool = False
    number: int = 0


@dataclass
class Layout:
    """Steps of a flow, and what must be true of them."""

    steps: list[FlatStep] = field(default_factory=list)
    #: The join of each split.
    matching_join: dict[str, str] = field(default_factory=dict)
    #: Splits around each step, outermost first.
    split_parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: How many tasks of each step run.
    tasks: dict[str, int] = field(default_factory=dict)
    #: ``self.seen`` at the end.
    seen: int = 0

    @property
    def merges(self) -> set[str]:
        return {step.name for step in self.steps if step.is_merge}


Exits = list[tuple[FlatStep, int]]


class _Builder:
    def __init__(self) -> None:
        self.layout = Layout()
        self.is_foreach: dict[str, bool] = {}

    def add(self, exits: Exits, copies: int, inside: tuple[str, ...], kind: str = "linear", slots: int = 1) -> FlatStep:
        """A step that all of `exits` lead to."""
        name = f"s{len(self.layout.steps)}" if self.layout.steps else "start"
        step = FlatStep(name, kind, [""] * slots)
        self.layout.steps.append(step)
        self.layout.tasks[name] = copies
        self.layout.split_parents[name] = inside
        for source, slot in exits:
            source.targets[slot] = name
        return step

    def body(self, blocks: Body, exits: Exits, copies: int, inside: tuple[str, ...], seen: int) -> tuple[Exits, int]:
        for block in blocks:
            exits, seen = getattr(self, type(block).__name__.lower())(block, exits, copies, inside, seen)
        return exits, seen

    def plain(self, _: Plain, exits: Exits, copies: int, inside: tuple[str, ...], seen: int) -> tuple[Exits, int]:
        return [(self.add(exits, copies, inside), 0)], seen + 1

    def split(self, block: Split, exits: Exits, copies: int, inside: tuple[str, ...], seen: int) -> tuple[Exits, int]:
        step = self.add(exits, copies, inside, "split", len(block.branches))
        self.is_foreach[step.name] = False
        ends: Exits = []
        total = 0
        for slot, branch in enumerate(block.branches):
            branch_ends, branch_seen = self.body(branch, [(step, slot)], copies, (*inside, step.name), seen + 1)
            ends += branch_ends
            total += branch_seen
        return self._join(step, ends, copies, inside, total)

    def foreach(
        self, block: Foreach, exits: Exits, copies: int, inside: tuple[str, ...], seen: int
    ) -> tuple[Exits, int]:
        step = self.add(exits, copies, inside, "foreach")
        step.number = block.width
        self.is_foreach[step.name] = True
        around = (*inside, step.name)
        ends, body_seen = self.body(block.body, [(step, 0)], copies * block.width, around, seen + 1)
        return self._join(step, ends, copies, inside, body_seen * block.width)

    def gang(self, block: Gang, exits: Exits, copies: int, inside: tuple[str, ...], seen: int) -> tuple[Exits, int]:
        step = self.add(exits, copies, inside, "gang")
        step.number = block.nodes
        self.is_foreach[step.name] = True
        node = self.add([(step, 0)], copies * block.nodes, (*inside, step.name))
        node.is_parallel = True
        return self._join(step, [(node, 0)], copies, inside, (seen + 2) * block.nodes)

    def _join(
        self, split: FlatStep, ends: Exits, copies: int, inside: tuple[str, ...], total: int
    ) -> tuple[Exits, int]:
        join = self.add(ends, copies, inside)
        join.takes_inputs = True
        self.layout.matching_join[split.name] = join.name
        return [(join, 0)], total + 1

    def switch(self, block: Switch, exits: Exits, copies: int, inside: tuple[str, ...], seen: int) -> tuple[Exits, int]:
        step = self.add(exits, copies, inside, "switch", len(block.branches))
        step.by_code = block.by_code
        step.number = block.chosen
        ends: Exits = []
        after = seen
        for slot, branch in enumerate(block.branches):
            taken = slot == block.chosen
            branch_ends, branch_seen = self.body(branch, [(step, slot)], copies * taken, inside, seen + 1)
            ends += branch_ends
            after = branch_seen if taken else after
        if block.merge == "nothing":
            return ends, after
        merge = self.add(ends, copies, inside)
        # Right inside a foreach, a step that takes `inputs` is the join of the foreach.
        in_foreach = bool(inside) and self.is_foreach[inside[-1]]
        merge.is_merge = merge.takes_inputs = block.merge == "inputs" and block.by_code and not in_foreach
        return [(merge, 0)], after + 1

    def loop(self, block: Loop, exits: Exits, copies: int, inside: tuple[str, ...], seen: int) -> tuple[Exits, int]:
        step = self.add(exits, copies * block.times, inside, "loop", 2)
        step.targets[0] = step.name
        step.by_code = block.by_code
        step.number = block.times
        # A switch may not lead to a join directly, so an ordinary step follows.
        return self.plain(Plain(), [(step, 1)], copies, inside, seen + block.times)


def lay_out(blocks: Body) -> Layout:
    """Steps of the flow that `blocks` describe, from ``start`` to ``end``."""
    builder = _Builder()
    start = builder.add([], 1, ())
    exits, seen = builder.body(blocks, [(start, 0)], 1, (), 1)
    end = builder.add(exits, 1, (), "end", 0)
    for step in builder.layout.steps:
        step.targets = ["end" if target == end.name else target for target in step.targets]
    for facts in (builder.layout.tasks, builder.layout.split_parents):
        facts["end"] = facts.pop(end.name)
    end.name = "end"
    builder.layout.seen = seen + 1
    return builder.layout


def render(
    steps: list[FlatStep],
    name: str = "RandomFlow",
    base: str = "FlowSpec",
    header: str = "from metaflow import FlowSpec, parallel, step",
) -> str:
    """Source of a file with the flow `name` that has these steps."""
    lines = [header, "", "", f"class {name}({base}):"]
    for step in steps:
        lines += ["    @parallel"] * step.is_parallel
        lines += ["    @step", f"    def {step.name}(self{', inputs' if step.takes_inputs else ''}):"]
        lines += [f"        {line}" for line in [_count(step), *_transition(step)]]
        lines.append("")
    lines += ["", 'if __name__ == "__main__":', f"    {name}()", ""]
    return "\n".join(lines)


def _count(step: FlatStep) -> str:
    if step.takes_inputs and not step.is_merge:
        return "self.seen = 1 + sum(each.seen for each in inputs)"
    return "self.seen = 1" if step.name == "start" else "self.seen += 1"


def _transition(step: FlatStep) -> list[str]:
    targets = [f"self.{target}" for target in step.targets]
    if step.kind == "foreach":
        items = f"items_{step.name}"
        return [
            f"self.{items} = list(range({step.number}))",
            f"self.next({', '.join(targets)}, foreach='{items}')",
        ]
    if step.kind == "gang":
        return [f"self.next({', '.join(targets)}, num_parallel={step.number})"]
    if step.kind == "loop":
        rounds = f"self.rounds_{step.name}"
        count = f"{rounds} = getattr(self, 'rounds_{step.name}', 0) + 1"
        return [count, *_choice(step, targets, f"int({rounds} >= {step.number})")]
    if step.kind == "switch":
        return _choice(step, targets, str(step.number))
    return [f"self.next({', '.join(targets)})"] if targets else []


def _choice(step: FlatStep, targets: list[str], value: str) -> list[str]:
    if not step.by_code:
        cases = ", ".join(f"{case}: {target}" for case, target in enumerate(targets))
        return [
            f"self.choice_{step.name} = {value}",
            f"self.next({{{cases}}}, condition='choice_{step.name}')",
        ]
    if len(targets) == 1:
        return [f"self.next({targets[0]})"]
    lines = [f"choice = {value}"]
    for case, target in enumerate(targets[:-1]):
        lines += [f"{'elif' if case else 'if'} choice == {case}:", f"    self.next({target})"]
    return [*lines, "else:", f"    self.next({targets[-1]})"]


def _bodies(blocks: st.SearchStrategy[Block], least: int) -> st.SearchStrategy[Body]:
    return st.lists(blocks, min_size=least, max_size=3).map(tuple)


@st.composite
def _switches(draw: st.DrawFn, blocks: st.SearchStrategy[Block]) -> Switch:
    merge = draw(st.sampled_from(["step", "inputs", "nothing"]))
    count = draw(st.integers(2, 3))
    # The first branch may be empty, if there is a step where the branches meet.
    first = draw(_bodies(blocks, int(merge == "nothing")))
    branches = (first, *(draw(_bodies(blocks, 1)) for _ in range(count - 1)))
    return Switch(branches, draw(st.integers(0, count - 1)), draw(st.booleans()), merge)


def _nested(blocks: st.SearchStrategy[Block]) -> st.SearchStrategy[Block]:
    return st.one_of(
        st.builds(Split, st.lists(_bodies(blocks, 1), min_size=2, max_size=3).map(tuple)),
        st.builds(Foreach, st.integers(1, 3), _bodies(blocks, 1)),
        _switches(blocks),
    )


def flows(max_leaves: int = 12) -> st.SearchStrategy[Body]:
    """Valid flows as blocks, of about `max_leaves` plain steps and loops at most."""
    leaves = st.one_of(
        st.just(Plain()),
        st.builds(Loop, st.integers(1, 3), st.booleans()),
        st.builds(Gang, st.integers(1, 3)),
    )
    return _bodies(st.recursive(leaves, _nested, max_leaves=max_leaves), 0)


@st.composite
def mutated(draw: st.DrawFn, max_mutations: int = 3) -> list[FlatStep]:
    """Steps of a flow with some edges changed: mostly invalid, never broken Python."""
    steps = copy.deepcopy(lay_out(draw(flows())).steps)
    for _ in range(draw(st.integers(1, max_mutations))):
        step = draw(st.sampled_from(steps))
        names = st.sampled_from([*(each.name for each in steps[1:]), "nowhere"])
        change = draw(st.sampled_from(["retarget", "more", "fewer", "kind", "inputs", "remove"]))
        if change == "retarget" and step.targets:
            step.targets[draw(st.integers(0, len(step.targets) - 1))] = draw(names)
        elif change == "more":
            step.targets.append(draw(names))
        elif change == "fewer" and len(step.targets) > 1:
            step.targets.pop()
        elif change == "kind" and step.targets:
            step.kind = draw(st.sampled_from(["linear", "split", "foreach", "gang", "switch"]))
            step.by_code = draw(st.booleans())
        elif change == "inputs":
            step.takes_inputs = not step.takes_inputs
        elif change == "remove" and len(steps) > 1:
            steps.remove(step)
    return steps
