"""Command lines that start and resume runs of a project's flows."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.client.home import Home, resolve_home
from metaflow.datastore.root import ROOT_DIRECTORY
from metaflow.exception import CommandException, DataException
from metaflow.runner.flow_file import FlowFile
from metaflow.web.actions.flow_arguments import WrongValue, inside, typed_values
from metaflow.web.actions.flow_form import PROJECT_OPTIONS
from metaflow.web.actions.launching import Command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from metaflow.runner.flow_description import FlowDescription
    from metaflow.web.actions.startable import ProjectFlows

#: Seconds that a flow's file may take to say what its commands take.
DESCRIBE_SECONDS = 30.0


class Wanted(NamedTuple):
    """What somebody filled in.

    Attributes
    ----------
    values : mapping of str to object
        What was typed for parameters, by name; see :func:`typed_values`.
    options : mapping of str to object
        The same for those options before the command that a form has.
    configs : sequence of (str, str or None, str or None)
        Name of each config that is given, and its file or its value.
    tags, decorators : sequence of str
    max_workers : int or None
    namespace : str or None
    """

    values: Mapping[str, Any] = {}
    options: Mapping[str, Any] = {}
    configs: Sequence[tuple[str, str | None, str | None]] = ()
    tags: Sequence[str] = ()
    decorators: Sequence[str] = ()
    max_workers: int | None = None
    namespace: str | None = None


class Checked(NamedTuple):
    """A command line, or why there is none.

    Attributes
    ----------
    command : Command or None
    problems : tuple of (str, str)
        Name of each field that is wrong, empty if it is none of them, and what is wrong.
    """

    command: Command | None
    problems: tuple[tuple[str, str], ...] = ()


def describe(flows: ProjectFlows, file: str) -> FlowDescription:
    """What the command line of a flow takes; its file runs for that, in a process of its own.

    Raises
    ------
    CommandException
        There is no such flow in the directory.
    MetaflowException
        The file cannot be loaded, or what it declares is wrong.
    """
    return _flow_file(flows, file, {}).describe()


def home_options(home: Home) -> dict[str, Any]:
    """Options before the command by which runs are kept where the app looks, if that is not where they are anyway."""
    try:
        usual = resolve_home(None, None, None, create=False)[0]
    except DataException:
        usual = Home(os.path.join(os.getcwd(), ROOT_DIRECTORY))  # it is made by the first run
    options: dict[str, Any] = {}
    if usual.service and not home.service:
        options["metadata"] = "local"
    if (usual.root, usual.datastore) != (home.root, home.datastore):
        options["datastore_root"] = home.location
    return options


def run_command(flows: ProjectFlows, file: str, wanted: Wanted, home: Home) -> Checked:
    """The command line that starts a run; errors as for :func:`describe`."""
    extra = {"user_namespace": wanted.namespace} if wanted.namespace is not None else {}
    return _command(flows, file, "run", wanted, extra, home)


def resume_command(
    flows: ProjectFlows, file: str, run_id: str, steps: Sequence[str], wanted: Wanted, home: Home
) -> Checked:
    """The command line that resumes a run, from some steps or from where it failed; errors as for :func:`describe`."""
    extra: dict[str, Any] = {"origin_run_id": run_id}
    if steps:
        extra["step_to_rerun"] = list(steps)
    return _command(flows, file, "resume", wanted, extra, home)


def _command(
    flows: ProjectFlows, file: str, name: str, wanted: Wanted, extra: Mapping[str, Any], home: Home
) -> Checked:
    description = describe(flows, file)
    of_command = [option for option in description.commands.get(name, []) if option.is_parameter]
    values, wrong = typed_values(of_command, wanted.values, flows.directory)
    options, wrong_options = typed_values(
        [option for option in description.top_level if option.name in PROJECT_OPTIONS], wanted.options, flows.directory
    )
    wrong += wrong_options
    try:
        options |= _configs(wanted, flows.directory)
    except WrongValue as error:
        wrong.append(error)
    if wrong:
        return Checked(None, tuple((each.name, str(each)) for each in wrong))
    given = {**values, **extra, **_run_options(wanted)}
    try:
        head, arguments = _flow_file(flows, file, {**home_options(home), **options}).command(name, given)
    except (ValueError, TypeError) as error:
        return Checked(None, (("", str(error)),))
    # As a person types it, and so that a name can never be taken for an option of Python.
    script = f"./{file}" if file.startswith("-") else file
    head = [head[0], script, *head[2:]]
    shown = shlex.join(["python", *head[1:], *arguments])
    return Checked(Command(tuple(head), tuple(arguments), flows.directory, shown))


def _run_options(wanted: Wanted) -> dict[str, Any]:
    """Options of the command that all flows have; those that were left empty are left out."""
    found = {"tags": list(wanted.tags), "decospecs": list(wanted.decorators), "max_workers": wanted.max_workers}
    return {name: value for name, value in found.items() if value}


def _configs(wanted: Wanted, directory: Path) -> dict[str, Any]:
    paths = [(name, inside(directory, path, f"config:{name}")) for name, path, _ in wanted.configs if path is not None]
    values = [(name, value) for name, path, value in wanted.configs if path is None and value is not None]
    return {key: found for key, found in (("config", paths), ("config_value", values)) if found}


def _flow_file(flows: ProjectFlows, file: str, top_level: Mapping[str, Any]) -> FlowFile:
    path = flows.path_of(file)
    if path is None:
        raise CommandException(f"There is no flow in a file {file!r} of {flows.directory} (any more).")
    return FlowFile(path, dict(os.environ), str(flows.directory), DESCRIBE_SECONDS, top_level)
