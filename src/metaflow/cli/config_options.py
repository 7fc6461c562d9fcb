"""The command line's options for configs, and what they, the environment and the defaults come to."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..exception import ConfigException, MetaflowException
from ..flow.config_reading import ConfigReading, read_default, read_file, read_value
from ..flow.deploy_time import ParameterContext
from .messages import echo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from click.shell_completion import CompletionItem

    from ..flow.configs import ConfigDeclaration
    from ..flow.declaration import FlowDeclaration
    from ..flow.spec import FlowSpec

#: Environment variables with a JSON object of names and paths, and of names and values.
PATHS_VARIABLE = "METAFLOW_FLOW_CONFIG"
VALUES_VARIABLE = "METAFLOW_FLOW_CONFIG_VALUE"


class GivenConfigs(NamedTuple):
    """What the command line says of configs.

    Attributes
    ----------
    paths, values : tuple of (str, str)
        Name of a config, and its file or its text.
    file : str or None
        File of the config that needs no name.
    """

    paths: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    file: str | None = None

    def __bool__(self) -> bool:
        return bool(self.paths or self.values or self.file is not None)


def options(configs: Mapping[str, ConfigDeclaration]) -> list[click.Parameter]:
    """Options of a flow that has configs."""
    names = click.Choice([config.name for config in configs.values()])
    listed = "; ".join(_describe(config) for config in configs.values())
    # None of them has an environment variable of its own: METAFLOW_FLOW_CONFIG is read apart, as it holds several.
    common: dict[str, Any] = {"allow_from_autoenv": False}

    def name_or_path(context: click.Context, option: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        found = names.shell_complete(context, option, incomplete)
        return found or [CompletionItem(incomplete, type="file")]

    return [
        click.Option(
            ["--config", "config_paths"],
            type=(names, str),
            multiple=True,
            metavar="NAME PATH",
            help=f"Read a config from a file. Configs of this flow: {listed}.",
            shell_complete=name_or_path,
            **common,
        ),
        click.Option(
            ["--config-value", "config_values"],
            type=(names, str),
            multiple=True,
            metavar="NAME VALUE",
            help="Give the value of a config as text, such as JSON.",
            **common,
        ),
        click.Option(
            ["--config-file", "config_file"],
            metavar="PATH",
            help="Like --config, for the flow's only config, or the one called 'config'.",
            **common,
        ),
    ]


def _describe(config: ConfigDeclaration) -> str:
    facts = []
    if config.required:
        facts.append("required")
    elif config.show_default:
        default = config.default if config.default is not None else config.default_value
        if callable(default):
            facts.append("default: computed")
        elif config.default is not None:
            facts.append(f"default: {config.default}")
    text = f"{config.name} ({', '.join(facts)})" if facts else config.name
    return f"{text}: {config.help.rstrip('.')}" if config.help else text


def read_configs(
    flow: str,
    configs: Mapping[str, ConfigDeclaration],
    given: GivenConfigs,
    stored: Mapping[str, ConfigReading] | None = None,
) -> dict[str, ConfigReading]:
    """Read every config of a flow: as the command line says, else the environment, else its default.

    Parameters
    ----------
    flow : str
        Name of the flow.
    configs : mapping of str to ConfigDeclaration
        By attribute name.
    given : GivenConfigs
    stored : mapping of str to ConfigReading, optional
        What a past run had, by attribute name; it stands before the defaults.

    Returns
    -------
    dict of str to ConfigReading
        By attribute name.

    Raises
    ------
    click.UsageError
        With all that is wrong.
    """
    problems: list[str] = []
    by_name = {config.name: config for config in configs.values()}
    chosen = _from_command_line(by_name, given, problems)
    for name, choice in _from_environment(by_name, problems).items():
        chosen.setdefault(name, choice)
    readings = {}
    if not problems:
        for attribute, config in configs.items():
            try:
                past = stored.get(attribute) if stored is not None and config.name not in chosen else None
                readings[attribute] = past or _read(flow, config, chosen.get(config.name))
            except ConfigException as error:
                problems.append(error.message)
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        context = click.get_current_context(silent=True)
        raise click.UsageError(
            f"Bad values passed for configuration options:\n{listed}", context.find_root() if context else None
        )
    return readings


class _Choice(NamedTuple):
    is_path: bool
    content: Any
    given_by: str


def _read(flow: str, config: ConfigDeclaration, choice: _Choice | None) -> ConfigReading:
    if choice is None:
        return read_default(config, context_of(flow, config))
    read = read_file if choice.is_path else read_value
    return read(config, choice.content, choice.given_by)


def context_of(flow: str, config: ConfigDeclaration) -> ParameterContext:
    """What a function is told that computes the default of a config."""
    from ..identity import get_username

    try:
        user = get_username()
    except MetaflowException:
        user = ""  # who runs is asked again, and must be known, where it matters
    return ParameterContext(flow, user, config.name, echo, "local")


def _from_command_line(
    by_name: Mapping[str, ConfigDeclaration], given: GivenConfigs, problems: list[str]
) -> dict[str, _Choice]:
    choices = [(name, _Choice(True, path, "--config")) for name, path in given.paths]
    choices += [(name, _Choice(False, value, "--config-value")) for name, value in given.values]
    if given.file is not None:
        only = next(iter(by_name)) if len(by_name) == 1 else "config"
        if only in by_name:
            choices.append((only, _Choice(True, given.file, "--config-file")))
        else:
            problems.append(
                f"--config-file does not say which config is meant: this flow has {', '.join(by_name)}. "
                "Write --config NAME PATH."
            )
    return _one_each(choices, problems)


def _from_environment(by_name: Mapping[str, ConfigDeclaration], problems: list[str]) -> dict[str, _Choice]:
    choices = []
    for variable, is_path in ((PATHS_VARIABLE, True), (VALUES_VARIABLE, False)):
        content = _json_object(variable, problems)
        for name, value in content.items():
            if name not in by_name:
                problems.append(
                    f"the environment variable {variable} names the config '{name}': invalid choice. "
                    f"(choose from {', '.join(by_name)})"
                )
            elif is_path and not isinstance(value, str):
                problems.append(f"the environment variable {variable} should give '{name}' a path, not {value!r}.")
            else:
                choices.append((name, _Choice(is_path, value, variable)))
    return _one_each(choices, problems)


def _json_object(variable: str, problems: list[str]) -> dict[str, Any]:
    text = os.environ.get(variable)
    if not text:
        return {}
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        problems.append(f"the environment variable {variable} is no valid JSON: {error}.")
        return {}
    if isinstance(content, dict):
        return content
    problems.append(f'the environment variable {variable} should be a JSON object, such as {{"config": "a.json"}}.')
    return {}


def _one_each(choices: list[tuple[str, _Choice]], problems: list[str]) -> dict[str, _Choice]:
    chosen: dict[str, _Choice] = {}
    for name, choice in choices:
        if name in chosen:
            by = " and ".join(dict.fromkeys([chosen[name].given_by, choice.given_by]))
            problems.append(f"Config '{name}' is given twice, by {by}. Give it once.")
        chosen[name] = choice
    return chosen


class HelpOnly(click.Command):
    """A command whose options depend on configs that could not be had: it shows its help, and does nothing else.

    Parameters
    ----------
    command : click.Command
        With the options that are known.
    error : Exception
        Why the configs could not be had; raised when anything but help is asked for.
    """

    def __init__(self, command: click.Command, error: click.UsageError | MetaflowException) -> None:
        super().__init__(command.name, params=command.params, help=command.help, short_help=command.short_help)
        self._error = error

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not set(self.get_help_option_names(ctx)) & set(args):
            raise self._error
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        raise self._error


def declaration_without_configs(flow_class: type[FlowSpec]) -> FlowDeclaration:
    """What a flow declares, as far as that can be told without its configs; only for showing its parameters."""
    from ..flow.declaration import FlowDeclaration
    from ..flow.deferred_parameter import DeferredParameter

    declaration = FlowDeclaration(flow_class)
    for attribute, parameter in declaration.parameters.items():
        if isinstance(parameter, DeferredParameter):
            declaration.parameters[attribute] = parameter.without_configs()
    return declaration
