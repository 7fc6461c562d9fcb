"""Where a step goes next, read from its syntax tree without running it.

Only the last statement of a step counts. It is a call of ``self.next`` in one of its forms, or an ``if`` or
``match`` every branch of which ends in a plain ``self.next(self.step)``: a switch whose branch is chosen
while the step runs.
"""

from __future__ import annotations

import ast
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from .source import FunctionNode

    Kind = Literal["missing", "malformed", "linear", "split", "foreach", "parallel", "switch"]


class StaticNext(NamedTuple):
    """The transition that a step's source declares.

    Attributes
    ----------
    kind : str
        ``linear``, ``split``, ``foreach``, ``parallel`` (``num_parallel=``) or ``switch``; ``missing`` if the
        last statement is no transition; ``malformed`` if it is one in none of the supported forms.
    line : int
        Line to point at when the transition is wrong.
    targets : tuple of str
        Steps it leads to, as written; those of a switch once each.
    target_lines : tuple of int
        Line of each of `targets`.
    condition : str or None
        Attribute that chooses the branch of a switch; None if the code of the step chooses.
    cases : mapping of str to str
        Step for each value of `condition`. The text of ``self.config.key`` is ``config:config.key``.
    foreach : str or None
        Attribute that a foreach iterates over; None if its name is not written as a literal.
    num_nodes : int or None
        Value of ``num_parallel=`` if it is written as a literal.
    problem : str
        Why the transition is missing or malformed.
    mentions_next : bool
        Whether the step calls ``self.next`` at all, be it in the wrong place.
    """

    kind: Kind
    line: int
    targets: tuple[str, ...] = ()
    target_lines: tuple[int, ...] = ()
    condition: str | None = None
    cases: Mapping[str, str] = {}
    foreach: str | None = None
    num_nodes: int | None = None
    problem: str = ""
    mentions_next: bool = True


class _Malformed(Exception):
    """The transition at `line` is in none of the supported forms."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


def read_next(function: FunctionNode) -> StaticNext:
    """Read the transition of a step.

    Parameters
    ----------
    function : ast.FunctionDef or ast.AsyncFunctionDef
        Syntax tree of the step.

    Returns
    -------
    StaticNext
        Never fails: what is wrong with a transition is part of the answer.
    """
    last = function.body[-1]
    try:
        call = _as_next_call(last)
        if call is not None:
            return _read_call(call)
        if isinstance(last, ast.If | ast.Match) and _first_mention(last):
            return _read_branches(last)
    except _Malformed as error:
        return StaticNext("malformed", error.line, problem=error.problem)
    return _missing(function, last)


def _missing(function: FunctionNode, last: ast.stmt) -> StaticNext:
    mention = _first_mention(function)
    if mention is None:
        return StaticNext("missing", function.lineno, mentions_next=False)
    if isinstance(last, ast.Return):
        problem = f"Write the self.next() on line {mention} as a statement of its own, without `return`."
    elif mention < last.lineno:
        problem = f"The self.next() on line {mention} is not the last statement of the step."
    else:
        problem = (
            f"The self.next() on line {mention} is inside another statement; put it after that, at the level "
            "of the step's body."
        )
    return StaticNext("missing", function.lineno, problem=problem)


def _first_mention(tree: ast.AST) -> int | None:
    """Line of the first call of ``self.next`` anywhere in `tree`."""
    lines = (node.lineno for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_next_call(node))
    return min(lines, default=None)


def _is_next_call(call: ast.Call) -> bool:
    return _attribute_of_self(call.func) == "next"


def _as_next_call(statement: ast.stmt) -> ast.Call | None:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and _is_next_call(statement.value):
        return statement.value
    return None


def _attribute_of_self(node: ast.AST | None) -> str | None:
    """``x`` if `node` is ``self.x``."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return node.attr
    return None


def _read_call(call: ast.Call) -> StaticNext:
    keywords = _keywords(call)
    if "condition" in keywords:
        return _read_switch(call, keywords["condition"])
    if any(isinstance(argument, ast.Dict) for argument in call.args):
        raise _Malformed("a dictionary of steps needs condition='attribute'", call.lineno)
    targets = tuple(_target(argument) for argument in call.args)
    if not targets:
        raise _Malformed("it names no step", call.lineno)
    for word in ("foreach", "num_parallel"):
        if word in keywords and len(targets) > 1:
            raise _Malformed(f"{word}= takes exactly one step", call.lineno)
    lines = tuple(argument.lineno for argument in call.args)
    if "foreach" in keywords:
        return StaticNext("foreach", call.lineno, targets, lines, foreach=_text(keywords["foreach"]))
    if "num_parallel" in keywords:
        value = keywords["num_parallel"]
        number = value.value if isinstance(value, ast.Constant) and isinstance(value.value, int) else None
        return StaticNext("parallel", call.lineno, targets, lines, num_nodes=number)
    return StaticNext("split" if len(targets) > 1 else "linear", call.lineno, targets, lines)


def _keywords(call: ast.Call) -> dict[str, ast.expr]:
    known = ("foreach", "num_parallel", "condition")
    for keyword in call.keywords:
        if keyword.arg not in known:
            written = f"the keyword `{keyword.arg}`" if keyword.arg else "**"
            raise _Malformed(f"it cannot take {written}", call.lineno)
    if len(call.keywords) > 1:
        raise _Malformed("only one of foreach=, num_parallel= and condition= can be used", call.lineno)
    return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}


def _target(node: ast.expr) -> str:
    name = _attribute_of_self(node)
    if name is None:
        raise _Malformed(f"`{ast.unparse(node)}` is not of the form self.step_name", node.lineno)
    return name


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _read_switch(call: ast.Call, condition: ast.expr) -> StaticNext:
    name = _text(condition)
    if name is None:
        raise _Malformed("condition= takes the name of an attribute, in quotes", call.lineno)
    table = call.args[0] if len(call.args) == 1 else None
    if not isinstance(table, ast.Dict) or not table.keys:
        raise _Malformed("condition= needs exactly one dictionary with at least one case", call.lineno)
    cases: dict[str, str] = {}
    lines: dict[str, int] = {}  # several cases may lead to the same step: it is one target all the same
    for key, value in zip(table.keys, table.values, strict=True):
        text = _case_key(key, table)
        target = cases[text] = _target(value)
        lines.setdefault(target, value.lineno)
    return StaticNext("switch", call.lineno, tuple(lines), tuple(lines.values()), condition=name, cases=cases)


def _case_key(key: ast.expr | None, table: ast.Dict) -> str:
    if isinstance(key, ast.Constant):
        return str(key.value)
    if isinstance(key, ast.UnaryOp) and isinstance(key.operand, ast.Constant) and isinstance(key.op, ast.USub):
        return f"-{key.operand.value!s}"
    if isinstance(key, ast.Attribute):
        config = _attribute_of_self(key.value)
        if config is not None:
            return f"config:{config}.{key.attr}"
    written = f"the key `{ast.unparse(key)}`" if key is not None else "** in the dictionary"
    line = key.lineno if key is not None else table.lineno
    raise _Malformed(f"{written} is not a literal", line)


def _read_branches(statement: ast.If | ast.Match) -> StaticNext:
    """A switch that the step's own code makes. Iterative: a long chain of ``elif`` is deeply nested."""
    lines: dict[str, int] = {}
    blocks: list[ast.stmt] = [statement]
    while blocks:
        last = blocks.pop()
        call = _as_next_call(last)
        if call is not None:
            transition = _read_call(call)
            if transition.kind != "linear":
                raise _Malformed(
                    "a branch of if/else can lead to one step only, as in self.next(self.step_name); let the "
                    "branch lead to a step that does the rest",
                    last.lineno,
                )
            lines.setdefault(transition.targets[0], last.lineno)
        elif isinstance(last, ast.If | ast.Match):
            blocks.extend(reversed(_branch_ends(last)))
        elif not isinstance(last, ast.Raise):  # a branch that raises goes nowhere
            raise _Malformed(
                "one branch of if/else ends without self.next(self.step_name), while another one has it; "
                "every branch has to end in it",
                last.lineno,
            )
    kind: Kind = "linear" if len(lines) == 1 else "switch"
    return StaticNext(kind, statement.lineno, tuple(lines), tuple(lines.values()))


def _branch_ends(statement: ast.If | ast.Match) -> list[ast.stmt]:
    """Last statement of every branch; the branches must leave no case out."""
    if isinstance(statement, ast.If):
        if not statement.orelse:
            raise _Malformed(
                "the `if` has no `else`, so it may end without self.next(); add an `else` that ends in "
                "self.next(self.step_name)",
                statement.lineno,
            )
        return [statement.body[-1], statement.orelse[-1]]
    final = statement.cases[-1]
    if final.guard is not None or not isinstance(final.pattern, ast.MatchAs) or final.pattern.pattern is not None:
        raise _Malformed(
            "the `match` has no final `case _`, so it may end without self.next(); add one that ends in "
            "self.next(self.step_name)",
            statement.lineno,
        )
    return [case.body[-1] for case in statement.cases]
