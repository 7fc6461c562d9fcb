"""``metaflow configure``: the settings, and the files that hold them."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import __version__, settings
from ..exception import CommandException
from .settings_report import rows, strays, text_of, unread_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .settings_report import Row, Stray

_LONGEST_VALUE = 48


@click.group(help="Look at settings, and keep them in files.")
def configure() -> None:
    """Commands about settings."""


def _profile(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--profile",
        "-p",
        envvar=f"{settings.PREFIX}PROFILE",
        help="Name of the profile; by default the one of METAFLOW_PROFILE, or the unnamed one.",
    )(command)


@configure.command(help="Show every setting, its value, and where that comes from.")
@_profile
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def show(profile: str | None, as_json: bool) -> None:
    """``configure show``: what holds here, and why."""
    if profile:
        os.environ[f"{settings.PREFIX}PROFILE"] = profile
    files, found, unread = settings.files(), rows(), strays(_is_option)
    click.echo(_json(files, found, unread) if as_json else "\n".join(_lines(files, found, unread)))
    if any(row.problem for row in found):
        raise SystemExit(1)


def _is_option(name: str) -> bool:
    from .flow_command import is_option_variable

    return is_option_variable(name)


def _json(files: list[str], found: list[Row], unread: list[Stray]) -> str:
    content: dict[str, Any] = {
        "files": files,
        "settings": {row.name: {k: v for k, v in row._asdict().items() if k != "name"} for row in found},
        "unused": [stray._asdict() for stray in unread],
    }
    return json.dumps(content, indent=4)


def _lines(files: list[str], found: list[Row], unread: list[Stray]) -> list[str]:
    lines = [f"Metaflow ({__version__})", ""]
    lines += [f'Showing the settings of the environment and of "{path}"' for path in files] or [
        "There is no configuration file: settings come from the environment, or have their defaults."
    ]
    names = max(len(row.name) for row in found)
    values = min(_LONGEST_VALUE, max(len(text_of(row.value)) for row in found))
    lines.append("")
    for row in found:
        value = f"cannot be used: {row.problem}" if row.problem else text_of(row.value)
        lines.append(f"{row.name:{names}}  {value:{values}}  {row.source}")
    if unread:
        lines += ["", "Nothing reads these:", *map(_stray_line, unread)]
    return lines


def _stray_line(stray: Stray) -> str:
    return f"{stray.name}  ({stray.where})  {stray.hint}".rstrip()


@configure.command(help="Delete the file of a profile, so that its settings have their defaults.")
@_profile
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def reset(profile: str | None, yes: bool) -> None:
    """``configure reset``: back to the defaults."""
    path = Path(settings.profile_path(profile))
    if not path.exists():
        click.echo("Configuration is already reset to run locally.")
        return
    if not yes:
        click.confirm(f'Do you really wish to reset the configuration in "{path}"', abort=True)
    try:
        path.unlink()
    except OSError as error:
        raise CommandException(f"The file {path} cannot be deleted: {error.strerror}.") from error
    click.echo("Configuration successfully reset to run locally.")


@configure.command(help="Write the settings of a profile to FILE.")
@click.argument("file", type=click.Path(path_type=Path))
@_profile
@click.option("--yes", "-y", is_flag=True, help="Overwrite FILE without asking.")
def export(file: Path, profile: str | None, yes: bool) -> None:
    """``configure export``: from a profile to a file."""
    source = settings.profile_path(profile)
    if os.path.exists(source):
        content = dict(settings.read_file(source))
    elif profile:
        raise CommandException(f"There is no profile '{profile}': {source} does not exist. {settings.known_profiles()}")
    else:
        content = {}
        click.echo(f'There is no configuration yet ("{source}" does not exist), so an empty one is exported.')
    if file.is_dir():
        raise CommandException(f"{file} is a directory. Name a file, such as {file / Path(source).name}.")
    if file.exists() and not yes:
        click.confirm(f'Do you wish to overwrite the contents in "{file.absolute()}"?', abort=True)
    _write(file, content)
    click.echo(f'Configuration successfully exported to: "{file.absolute()}"')


@configure.command("import", help="Make the settings in FILE those of a profile.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_profile
@click.option("--yes", "-y", is_flag=True, help="Overwrite the profile without asking.")
def import_settings(file: Path, profile: str | None, yes: bool) -> None:
    """``configure import``: from a file to a profile."""
    content = dict(settings.read_file(str(file)))
    target = Path(settings.profile_path(profile))
    click.echo(f'Configuration successfully read from: "{file.absolute()}"')
    if target.exists() and not yes:
        click.confirm(f'Do you wish to overwrite the existing configuration in "{target}"?', abort=True)
    _write(target, content)
    click.echo(f'Configuration successfully written to: "{target}"')
    _point_out(unread_keys(content, str(target)))
    _say_how_to_use(profile)


def _form(name: str, title: str) -> click.Command:
    """The command of one of the forms."""

    @click.command(name, help=f"{title}. Asks for the settings of a profile, and contacts nothing.", short_help=title)
    @_profile
    @click.option("--yes", "-y", is_flag=True, help="Change an existing profile without asking.")
    def fill_in_form(profile: str | None, yes: bool) -> None:
        from .configure_form_command import fill_in, warnings_about

        path, content = fill_in(name, profile, yes)
        warnings = warnings_about(content)
        for warning in warnings:
            click.echo(warning, err=True)
        if warnings and not profile and not yes:
            # Without a profile's name they act on every flow from now on.
            click.confirm("Write them all the same?", default=False, abort=True)
        _write(path, content)
        click.echo(f'Configuration successfully written to: "{path}"')
        _say_how_to_use(profile)

    return fill_in_form


for _name, _title in {
    "aws": "Settings of Amazon Web Services",
    "azure": "Settings of Azure",
    "gcp": "Settings of Google Cloud",
    "kubernetes": "Settings of Kubernetes",
}.items():
    configure.add_command(_form(_name, _title))


def _say_how_to_use(profile: str | None) -> None:
    if profile and os.environ.get(f"{settings.PREFIX}PROFILE") != profile:
        click.echo(f"Use it with {settings.PREFIX}PROFILE={profile}.")


def _point_out(unread: Iterable[Stray]) -> None:
    for stray in unread:
        click.echo(f"Nothing reads {stray.name}. {stray.hint}".rstrip(), err=True)


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write a configuration file, whole or not at all, for its owner's eyes only: it may hold secrets."""
    data = json.dumps(content, indent=4, sort_keys=True) + "\n"
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(data)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):  # most likely it could not even be made
            temporary.unlink()
        raise CommandException(f"The file {path} cannot be written: {error.strerror}.") from error
