"""The configs of a spun step: those of the run that it is spun on, except what the command line says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..datastore.tasks import open_task
from ..flow.config_reading import ConfigReading
from ..flow.configs import ConfigSource
from ..flow.graph import FlowGraph
from ..runtime.specs import PARAMETERS_STEP
from .config_options import GivenConfigs, read_configs
from .spin_step import find_origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..flow.configs import ConfigDeclaration
    from ..runtime.spin_origin import SpinOrigin
    from .flow_command import FlowState


def take_over_configs(state: FlowState, configs: Mapping[str, ConfigDeclaration], pathspec: str) -> SpinOrigin:
    """Declare the flow with the configs of what it is spun on.

    Parameters
    ----------
    state : FlowState
        Its declaration is made here.
    configs : mapping of str to ConfigDeclaration
        By attribute name.
    pathspec : str
        What to spin on.

    Returns
    -------
    SpinOrigin
        What that is.

    Raises
    ------
    MetaflowException
        If it cannot be found, or a config not be had.
    """
    # Where steps lead does not depend on configs.
    graph = FlowGraph(state.flow_class)
    home = state.home()
    origin = find_origin(home, graph, pathspec)
    reader = open_task(origin.home(home).open_store(), graph.name, origin.run_id, PARAMETERS_STEP, "0", 0)
    stored = {
        attribute: ConfigReading(config.present(reader.load(attribute)), ConfigSource("value", f"run {origin.run_id}"))
        for attribute, config in configs.items()
        if attribute in reader
    }
    readings = read_configs(graph.name, configs, state.given_configs or GivenConfigs(), stored)
    state.configure(
        {attribute: reading.value for attribute, reading in readings.items()},
        {attribute: reading.source for attribute, reading in readings.items()},
    )
    return origin
