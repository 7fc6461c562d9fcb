"""Configs as a run keeps them: saved once with its parameters, and read again by the processes of its tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exception import ConfigException, DataException, MetaflowDataMissing, UnpicklableArtifactException

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..datastore.store import ObjectStore
    from ..datastore.task_writer import TaskWriter
    from ..datastore.tasks import TaskReader
    from ..flow.configs import ConfigSource
    from ..flow.declaration import FlowDeclaration

#: Entry of ``_graph_info`` that says where the values of configs came from.
SOURCES_KEY = "configs"


def save_values(writer: TaskWriter, declaration: FlowDeclaration) -> None:
    """Save constants and configs under their attribute names.

    Raises
    ------
    ConfigException
        If what the parser of a config returned cannot be stored.
    UnpicklableArtifactException
        If a constant cannot.
    """
    for name, value in declaration.stored_values.items():
        try:
            writer.save(name, value)
        except UnpicklableArtifactException as error:
            config = declaration.configs.get(name)
            if config is None:
                raise
            raise ConfigException(
                f"The value of config '{config.name}' cannot be stored with the run: {error.message.split('. ')[0]}. "
                "Let its parser return plain data (dictionaries, lists, texts, numbers), and make objects of it in the "
                "steps."
            ) from error


def stored_configs(reader: TaskReader, declaration: FlowDeclaration) -> dict[str, Any]:
    """Values of a flow's configs as a run has them.

    Parameters
    ----------
    reader : TaskReader
        Of the run's task ``_parameters/0``.
    declaration : FlowDeclaration

    Returns
    -------
    dict of str to object
        By attribute name, as steps see them.

    Raises
    ------
    ConfigException
        If the flow has a config that it did not have when that run started.
    """
    return _presented(declaration, _stored(reader, declaration))


def stored_configs_without_network(
    open_parameters: Callable[[ObjectStore], TaskReader], store: ObjectStore, declaration: FlowDeclaration
) -> dict[str, Any]:
    """The same in a process that is to be forked, and must not have used a network before that.

    Parameters
    ----------
    open_parameters : callable
        Opens the run's task ``_parameters/0`` in a store.
    store : ObjectStore
        The datastore, behind a network. Copies on this machine are read; what there is none of is fetched by another
        process.
    declaration : FlowDeclaration

    Raises
    ------
    MetaflowException
        As :func:`stored_configs`, and if the values cannot be had.
    """
    from ..datastore.cached import copies_only
    from .short_process import call_in_child

    try:
        values = _stored(open_parameters(copies_only(store)), declaration)
    except (DataException, MetaflowDataMissing):
        values = call_in_child(lambda: _stored(open_parameters(store), declaration))
    return _presented(declaration, values)


def _stored(reader: TaskReader, declaration: FlowDeclaration) -> dict[str, Any]:
    missing = [config.name for attribute, config in declaration.configs.items() if attribute not in reader]
    if missing:
        raise ConfigException(
            f"Run {reader.manifest.flow}/{reader.manifest.run_id} has no value for the config '{missing[0]}': the flow "
            "has gained it since that run started. Start a new run."
        )
    return {attribute: reader.load(attribute) for attribute in declaration.configs}


def _presented(declaration: FlowDeclaration, values: Mapping[str, Any]) -> dict[str, Any]:
    return {attribute: config.present(values[attribute]) for attribute, config in declaration.configs.items()}


def stored_sources(graph_info: Mapping[str, Any]) -> dict[str, ConfigSource]:
    """Where a run's configs came from, by attribute name, as its ``_graph_info`` records it."""
    from ..flow.configs import ConfigSource

    return {
        entry["name"]: ConfigSource(entry["source"], entry["given_by"], entry["path"])
        for entry in graph_info.get(SOURCES_KEY, ())
    }


def describe_sources(declaration: FlowDeclaration) -> list[dict[str, Any]]:
    """Entries for ``_graph_info``: where the values of the configs came from."""
    return [
        {
            "name": attribute,
            "config": declaration.configs[attribute].name,
            "source": source.kind,
            "given_by": source.given_by,
            "path": source.path,
        }
        for attribute, source in declaration.config_sources.items()
    ]
