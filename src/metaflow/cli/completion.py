"""Completion of command lines in shells: answers the scripts of :mod:`metaflow.cli.completion_scripts`.

A script puts the words of the line into ``COMP_WORDS``, the place or the text of the current one into ``COMP_CWORD``,
and ``bash_complete`` (or another shell's name) into ``_METAFLOW_COMPLETE``. The first word is the program or the file
of a flow. The answer, on stdout, is what click's completion prints. A flow is read, never run or imported, so that
completing is quick and changes nothing.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class, split_arg_string

if TYPE_CHECKING:
    from ..flow.spec import FlowSpec

#: Variable of the environment that asks for candidates instead of running a command.
VARIABLE = "_METAFLOW_COMPLETE"


def answer(program: click.Group) -> int:
    """Print what the current word could be.

    Parameters
    ----------
    program : click.Group
        The ``metaflow`` command, for lines that begin with it.

    Returns
    -------
    int
        Exit code of the process; 1 if it could not tell.
    """
    shell = get_completion_class(os.environ[VARIABLE].partition("_")[0])
    if shell is None:
        return 1
    try:
        words = split_arg_string(os.environ.get("COMP_WORDS", ""))
        flow = _flow_of(words)
        group = program if flow is None else _group_of(flow)
        found = shell(group, {"parent": _parent(flow)}, "metaflow", VARIABLE).complete()
    except Exception:
        # Whatever is wrong, somebody is typing: a message would land in the middle of the line.
        return 1
    sys.stdout.write(found + "\n" if found else "")
    return 0


def _flow_of(words: list[str]) -> type[FlowSpec] | None:
    if not words or not words[0].endswith(".py"):
        return None
    from ..runner.flow_outline import outline

    flow = outline(os.path.expanduser(words[0]))
    if flow is None:
        raise LookupError(f"there is no flow in {words[0]}")
    return flow


def _group_of(flow: type[FlowSpec]) -> click.Group:
    from .flow_command import make_group

    return make_group(flow)


def _parent(flow: type[FlowSpec] | None) -> click.Context:
    """Context that tells the flow's commands which flow they are about."""
    context = click.Context(click.Command("completion"))
    if flow is not None:
        context.meta["metaflow.flow"] = (flow, None)
    return context
