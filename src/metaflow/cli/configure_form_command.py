"""``metaflow configure aws``, ``azure``, ``gcp``, ``kubernetes``: forms that fill a profile, and contact nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from .. import settings
from ..exception import CommandException
from .configure_forms import FORMS, Field, Form, Section
from .default_kinds import unavailable_kinds

_REMOVES = "-"
_MASK = "****"


def fill_in(name: str, profile: str | None, yes: bool) -> tuple[Path, dict[str, Any]]:
    """Ask the questions of a form.

    Parameters
    ----------
    name : str
        Which form.
    profile : str or None
        Name of the profile that it is about.
    yes : bool
        Whether an existing profile may be changed without asking.

    Returns
    -------
    tuple of (Path, dict)
        The file of the profile, and what it should hold then.

    Raises
    ------
    CommandException
        The form needs something that the profile does not have.
    click.Abort
        Whoever answers does not go on.
    """
    form = FORMS[name]
    path = Path(settings.profile_path(profile))
    content = dict(settings.read_file(str(path))) if path.exists() else {}
    _check_datastore(form, content, name)
    click.echo(f"{form.title}\n")
    if content:
        shown = f"the profile '{profile}'" if profile else "the settings without a profile"
        click.echo(f"There is {path} already: {shown}. What this form does not ask for stays as it is.")
        if not yes:
            click.confirm("Change it?", default=True, abort=True)
    click.echo(f"Enter keeps what stands in brackets; {_REMOVES} removes it. Nothing is written before the end.\n")
    for section in form.sections:
        _ask_section(section, content)
    return path, content


def warnings_about(content: dict[str, Any]) -> list[str]:
    """What this version cannot do with a profile."""
    from .flow_command import options_of_flows

    return [
        f"This version has no {what} of the kind '{kind}'. With these settings flows do not run, unless they are given "
        f"--{what} local, until a version that has it is installed."
        for what, kind in unavailable_kinds(options_of_flows(), content)
    ]


def _check_datastore(form: Form, content: dict[str, Any], name: str) -> None:
    if form.shared_datastore and _value(content, "DEFAULT_DATASTORE") in (None, "local"):
        raise CommandException(
            f"Steps on {name.capitalize()} cannot reach a datastore on this machine. First say where results are kept, "
            "in the same profile: `metaflow configure aws`, `metaflow configure azure` or `metaflow configure gcp`."
        )


def _ask_section(section: Section, content: dict[str, Any]) -> None:
    known = any(_value(content, field.setting) is not None for field in section.fields)
    if not click.confirm(section.question, default=known or not section.fields):
        _forget(section, content)
        click.echo("")
        return
    for field in section.fields:
        answer = _ask(field, content)
        if answer is None:
            content.pop(settings.PREFIX + field.setting, None)
        else:
            content[settings.PREFIX + field.setting] = answer
    content.update({settings.PREFIX + setting: value for setting, value in section.fixed.items()})
    click.echo("")


def _forget(section: Section, content: dict[str, Any]) -> None:
    """Take back what answering yes had set; the answers themselves stay for the next time."""
    for setting, value in section.fixed.items():
        if _value(content, setting) == value:
            del content[settings.PREFIX + setting]


def _ask(field: Field, content: dict[str, Any]) -> str | None:
    """The answer to a question; None for none."""
    answers = {key.removeprefix(settings.PREFIX): str(value) for key, value in content.items()}
    current = answers.get(field.setting)
    proposed = current if current is not None else field.default(answers)
    is_secret = settings.is_secret(field.setting)
    while True:
        answer = _read(field, proposed, is_secret)
        if answer == _REMOVES:
            answer, proposed = "", None
        elif not answer and proposed is not None:
            answer = proposed
        problem = field.check(answer) if answer else "An answer is needed." if field.is_required else None
        if problem is None:
            return answer or None
        click.echo(f"  {problem}", err=True)


def _read(field: Field, proposed: str | None, is_secret: bool) -> str:
    """One line from whoever answers, a person or a pipe."""
    optional = "" if field.is_required else " (optional)"
    shown = "" if proposed is None else f" [{_MASK if is_secret else proposed}]"
    prompt = f"  {field.question}{optional}{shown}"
    # Hidden input is read from the terminal, even if something else is piped into this command.
    hide = is_secret and sys.stdin.isatty()
    answer: str = click.prompt(prompt, default="", show_default=False, hide_input=hide)
    return answer.strip()


def _value(content: dict[str, Any], setting: str) -> Any:
    return content.get(settings.PREFIX + setting)
