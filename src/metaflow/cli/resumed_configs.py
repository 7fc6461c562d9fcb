"""Configs of a resumed run: those of the run that it resumes, not those that would be read now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..exception import CommandException
from ..flow.config_reading import ConfigReading, read_default
from ..flow.declaration import configs_of
from ..runtime.origin import find_origin, read_parameters
from ..runtime.stored_configs import stored_sources
from .config_options import context_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..datastore.tasks import TaskReader
    from ..metadata_store.records import RunRecord
    from .flow_command import FlowState


def configs_of_origin(state: FlowState) -> dict[str, ConfigReading]:
    """Configs of the run that the command's arguments ask to resume.

    They are needed before the arguments can be read: which parameters there are may depend on them.

    Parameters
    ----------
    state : FlowState
        A flow with configs.

    Returns
    -------
    dict of str to ConfigReading
        By attribute name. Those that the run did not have are read from their defaults.

    Raises
    ------
    CommandException
        If there is no such run, or configs were given.
    CannotResume
        If the run still goes on, or has not saved its parameters.
    ConfigException
        If a config that the run did not have cannot be read.
    """
    if state.given_configs:
        raise CommandException(
            "A resumed run has the configs of the run that it resumes, which cannot be changed: leave --config, "
            "--config-value and --config-file out, or start a new run with `run`."
        )
    home = state.home()
    store = home.open_store()
    flow = state.flow_class.__name__
    run = find_origin(store, home, flow, _given(state.arguments, "origin-run-id"), _given(state.arguments, "run-id"))
    # What is the last run now need not be it any more when the arguments have been read.
    state.origin_run_id = run.run_id
    return _read(state, run, read_parameters(store, run))


def _read(state: FlowState, run: RunRecord, reader: TaskReader) -> dict[str, ConfigReading]:
    configs = configs_of(state.flow_class)
    sources = stored_sources(reader.load("_graph_info"))
    readings = {}
    for attribute, config in configs.items():
        if attribute in sources:
            source = sources[attribute]._replace(given_by=f"run {run.run_id}")
            readings[attribute] = ConfigReading(config.present(reader.load(attribute)), source)
        else:
            readings[attribute] = read_default(config, context_of(run.flow, config))
    return readings


def _given(arguments: Sequence[str], option: str) -> str | None:
    """Value of an option, which is in arguments that cannot be parsed yet, or in the environment."""
    found = os.environ.get(f"METAFLOW_RESUME_{option.upper().replace('-', '_')}") or None
    for position, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == f"--{option}":
            found = value if equals else next(iter(arguments[position + 1 :]), None)
    return found
