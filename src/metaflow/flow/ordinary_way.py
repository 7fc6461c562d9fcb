"""The transition of a step whose own code did not make it: it was skipped, replaced, or failed and was forgiven."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exception import InvalidNextException
from .state import foreach_label
from .transition import Transition, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .spec import FlowSpec


def take_ordinary_way(
    flow: FlowSpec,
    step: str,
    described: Mapping[str, Any],
    arguments: Mapping[str, Any],
    where: tuple[int, str],
) -> None:
    """Let the flow go on to the steps that the step's source names.

    Parameters
    ----------
    flow : FlowSpec
    step : str
    described : mapping
        The step as ``_graph_info`` has it.
    arguments : mapping
        Keyword arguments of ``next``; where there are none, they are those of the source.
    where : (int, str)
        Line and file of what decided this.

    Raises
    ------
    InvalidNextException
        If it cannot be known which way the step would have taken, or that way cannot be taken.
    """
    targets = tuple(described["next"])
    line, file = where
    if not targets:
        if arguments:
            raise InvalidNextException(
                f"Step *{step}* is the flow's end, so there is no next step that could be given "
                f"{next(iter(arguments))}=.",
                line,
                file,
            )
        return
    if "condition" in described:
        flow.__dict__["_transition"] = Transition((_chosen(flow, step, described, arguments, where),))
        return
    words = dict(arguments) or _ordinary_arguments(step, described, where)
    methods = tuple(getattr(flow, target) for target in targets)
    flow.__dict__["_transition"] = resolve(flow, methods, words, (step, line, file), foreach_label)


def _ordinary_arguments(step: str, described: Mapping[str, Any], where: tuple[int, str]) -> dict[str, Any]:
    for word, entry in (("foreach", "foreach_artifact"), ("num_parallel", "num_parallel")):
        if entry in described:
            value = described[entry]
            if value is None:
                raise InvalidNextException(
                    f"Step *{step}* did not run, and its {word}= is not known without that. Say what it is: yield "
                    f'{{"{word}": ...}} from the decorator, or return that from what replaces the step.',
                    *where,
                )
            return {word: value}
    return {}


def _chosen(
    flow: FlowSpec, step: str, described: Mapping[str, Any], arguments: Mapping[str, Any], where: tuple[int, str]
) -> str:
    """Target of a switch."""
    condition = arguments.get("condition", described["condition"])
    unknown = set(arguments) - {"condition"}
    problem = None
    if unknown:
        problem = f"is a switch, which takes no {min(unknown)}="
    elif condition is None:
        problem = (
            "did not run, and only its own `if` knows where it would have gone. Replace it by a function that calls "
            "flow.next(), instead of skipping it"
        )
    elif not hasattr(flow, condition):
        problem = (
            f"did not run, and would have gone where self.{condition} says, which does not exist. "
            f"Assign flow.{condition} in the decorator"
        )
    if problem is not None:
        raise InvalidNextException(f"Step *{step}* {problem}.", *where)
    value = str(getattr(flow, condition))
    cases: Mapping[str, str] = described["switch_cases"]
    for case, target in cases.items():
        if _text_of_case(flow, case) == value:
            return target
    raise InvalidNextException(
        f"Step *{step}* goes where self.{condition} says, and there is no case for its value {value!r}. "
        f"Available cases: {', '.join(cases)}.",
        *where,
    )


def _text_of_case(flow: FlowSpec, case: str) -> str:
    """A case as written, or its value where it is an entry of a config."""
    if not case.startswith("config:"):
        return case
    config, _, key = case.removeprefix("config:").partition(".")
    return str(getattr(getattr(flow, config), key))
