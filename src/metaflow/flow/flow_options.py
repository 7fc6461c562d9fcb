"""Options that our own flow decorators add to a flow's command line.

They stand apart from the decorators so that the command line knows them without importing any: a mutator may add a
decorator only after the options have been read.
"""

from __future__ import annotations

from .flow_decorators import FlowOption

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
