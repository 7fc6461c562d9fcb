"""Kinds of stores and environments that the settings ask for, where the command line names none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .. import settings
from ..exception import CommandException

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_SETTINGS = {"datastore": "DEFAULT_DATASTORE", "metadata": "DEFAULT_METADATA", "environment": "DEFAULT_ENVIRONMENT"}


def unavailable_kinds(options: Iterable[click.Parameter], content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a configuration file asks for that this version does not have.

    Parameters
    ----------
    options : iterable of click.Parameter
        Those of a flow's command line.
    content : mapping of str to object
        Of the file.

    Yields
    ------
    tuple of (str, str)
        What it is, such as ``datastore``, and the kind that is asked for.
    """
    for option in options:
        setting = _SETTINGS.get(str(option.name))
        value = content.get(f"{settings.PREFIX}{setting}")
        if isinstance(option.type, click.Choice) and value is not None and value not in option.type.choices:
            yield str(option.name), str(value)


def check_default_kinds(context: click.Context) -> None:
    """Refuse a default that the option, had it been given, would have refused.

    Raises
    ------
    CommandException
        If a setting names a kind that is not known.
    """
    for option in context.command.params:
        setting = _SETTINGS.get(str(option.name))
        if setting is None or not isinstance(option.type, click.Choice):
            continue
        if context.get_parameter_source(str(option.name)) is not click.core.ParameterSource.DEFAULT:
            continue
        value, source = settings.resolve(setting)
        known = [str(choice) for choice in option.type.choices]
        if value not in known:
            raise CommandException(
                f"'{value}' is no kind of {option.name} that this version has: {settings.PREFIX}{setting} ({source}) "
                f"asks for it, but it has only {', '.join(known)}. Change that setting, or give {option.opts[0]} "
                f"{known[0]} on the command line."
            )
