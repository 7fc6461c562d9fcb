"""Options that flow decorators add to a flow's command line, and those of our own.

They stand apart from the decorators so that the command line knows them without importing any: a mutator may add a
decorator only after the options have been read.
"""

from __future__ import annotations

from typing import NamedTuple


class FlowOption(NamedTuple):
    """Option that a flow decorator adds to the flow's command line, before the command.

    Its environment variable is ``METAFLOW_FLOW_<NAME>``.

    Attributes
    ----------
    name : str
        As in ``--name``; with underscores instead of dashes, the key of its value.
    help : str
    decorator : str
        Name of the decorator that it belongs to.
    is_flag : bool
        Whether it takes no value.
    multiple : bool
        Whether it may be repeated; its value is a tuple then.
    metavar : str or None
        What the help calls its value.
    """

    name: str
    help: str
    decorator: str
    is_flag: bool = False
    multiple: bool = False
    metavar: str | None = None

    @property
    def key(self) -> str:
        """Key of its value among the values of all options."""
        return self.name.replace("-", "_")


BRANCH = FlowOption("branch", "Branch of the project to work in, instead of your own.", "project", metavar="NAME")
PRODUCTION = FlowOption("production", "Work in the project's production branch.", "project", is_flag=True)
TRIGGER = FlowOption(
    "trigger",
    "Act as if this run had triggered the flow; may be repeated.",
    "trigger_on_finish",
    multiple=True,
    metavar="FLOW/RUN",
)

KNOWN = (BRANCH, PRODUCTION, TRIGGER)
