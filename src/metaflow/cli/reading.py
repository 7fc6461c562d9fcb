"""Which results a command of ``metaflow`` looks at: the datastore and the namespace, and the options that say so."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .. import settings
from ..exception import MetaflowUnknownUser

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..client.home import Home
    from ..client.provider import Provider


class Place(NamedTuple):
    """Where a command looks.

    Attributes
    ----------
    provider : Provider
        The datastore.
    namespace : str or None
        The tag that runs must have to be listed; None for all.
    """

    provider: Provider
    namespace: str | None

    @property
    def tags(self) -> tuple[str, ...]:
        """The namespace as a filter by tags."""
        return () if self.namespace is None else (self.namespace,)

    @property
    def described(self) -> str:
        """The namespace in words."""
        return "all namespaces" if self.namespace is None else f"namespace {self.namespace}"


def datastore_root_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--datastore-root`` to a command."""
    return click.option(
        "--datastore-root",
        envvar=f"{settings.PREFIX}DATASTORE_ROOT",
        metavar="ROOT",
        help="Root of the datastore, instead of the nearest .metaflow: a directory, or s3://bucket/prefix.",
    )(command)


def home_of(datastore_root: str | None) -> Home:
    """The place that the option, the settings or the working directory name.

    Raises
    ------
    DataException
        There is none.
    """
    from ..client.home import resolve_home

    return resolve_home(None, datastore_root, None, create=False)[0]


def reads_runs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where to look; the command gets the Place as its first argument."""

    @functools.wraps(command)
    def read(*, datastore_root: str | None, namespace: str | None, all_users: bool, **options: Any) -> Any:
        if all_users and namespace is not None:
            raise click.UsageError("--namespace and --all-users exclude each other: give one of them.")
        chosen = "" if all_users else namespace
        return command(open_place(datastore_root, chosen), **options)

    read = click.option("--all-users", "-a", is_flag=True, help="Everybody's runs; the same as --namespace ''.")(read)
    read = click.option("--namespace", metavar="TEXT", help="Runs in this namespace, instead of your own.")(read)
    return datastore_root_option(read)


def open_place(datastore_root: str | None, namespace: str | None) -> Place:
    """Let the client read there, and look in that namespace.

    Parameters
    ----------
    datastore_root : str or None
        Root of the datastore; None to find it.
    namespace : str or None
        The namespace, empty for all; None for that of whoever asks.

    Raises
    ------
    DataException
        There is no datastore.
    """
    from ..client.namespaces import namespace as choose
    from ..client.provider_choice import current_provider, read_from
    from ..identity import resolve_identity

    if namespace is None:
        try:
            namespace = resolve_identity()
        except MetaflowUnknownUser:
            namespace = ""  # nobody knows whose runs would be one's own
    read_from(home_of(datastore_root))
    choose(namespace or None)
    return Place(current_provider(), namespace or None)


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--json``, which the command gets as `as_json`, and ``--no-color``."""
    command = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)
    return no_colour_option(command)


def no_colour_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--no-color``."""
    return click.option(
        "--no-color", is_flag=True, is_eager=True, expose_value=False, callback=_no_colour, help="Print no colours."
    )(command)


def _no_colour(_context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        os.environ["NO_COLOR"] = "1"
