"""Every setting with its value and where that comes from, and what was set that nothing reads."""

from __future__ import annotations

import json
import os
import re
from difflib import SequenceMatcher, get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import settings
from ..exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MASK = "********"
#: How alike two names, or else each of their words, must be for one to be taken for a slip of the other.
#: DATASTORE_SYSROOT_S3 is no slip of DATASTORE_SYSROOT_LOCAL: their last words have nothing in common.
_ALIKE, _WORDS_ALIKE, _CANDIDATE = 0.85, 0.6, 0.75
_LOGIN_IN_URL = re.compile(r"(?<=://)[^/@\s]+(?=@)")


class Row(NamedTuple):
    """One setting.

    Attributes
    ----------
    name : str
        With the prefix.
    value : object
        None if it is not set; hidden if it is a secret.
    source : str
        ``environment``, ``default`` or the path of a file.
    doc : str
    problem : str or None
        Why the value cannot be used.
    """

    name: str
    value: Any
    source: str
    doc: str
    problem: str | None = None


class Stray(NamedTuple):
    """Something that is set but that nothing reads.

    Attributes
    ----------
    name : str
    where : str
        ``environment`` or the path of a file.
    hint : str
        What may have been meant; empty if nobody can tell.
    """

    name: str
    where: str
    hint: str


def rows() -> list[Row]:
    """All settings, sorted by name.

    Raises
    ------
    MetaflowException
        If a configuration file cannot be read.
    """
    found = [_row(name, setting) for name, setting in settings.SETTINGS.items()]
    for name, setting in settings.ENVIRONMENT_ONLY.items():
        key = settings.PREFIX + name
        value = os.environ.get(key)
        source = "default" if value is None else "environment"
        found.append(Row(key, hidden(name, setting.default if value is None else value), source, setting.doc))
    return sorted(found)


def _row(name: str, setting: settings.Setting) -> Row:
    key = settings.PREFIX + name
    try:
        value, source = settings.resolve(name)
    except MetaflowException as error:
        for path in settings.files():
            settings.read_file(path)  # where the file is at fault, nothing can be said of any setting
        return Row(key, None, "environment" if key in os.environ else "file", setting.doc, error.message)
    return Row(key, hidden(name, value), source, setting.doc)


def hidden(name: str, value: Any) -> Any:
    """A value as it may be shown: without secrets.

    Parameters
    ----------
    name : str
        Name of the setting, without prefix.
    value : object
    """
    if value and settings.is_secret(name):
        return MASK
    return _LOGIN_IN_URL.sub(MASK, value) if isinstance(value, str) else value


def text_of(value: Any) -> str:
    """A setting's value in one line."""
    if value is None:
        return "(not set)"
    return value if isinstance(value, str) and value else json.dumps(value)


def strays(is_option: Callable[[str], bool]) -> list[Stray]:
    """What is set, in the environment or in a configuration file, but is read by nothing.

    Parameters
    ----------
    is_option : callable
        Whether a name, without prefix, is the variable of an option of a flow's command line.
    """
    prefix = settings.PREFIX
    known = {*settings.SETTINGS, *settings.ENVIRONMENT_ONLY}
    found = [
        Stray(key, "environment", _hint(key, known))
        for key in os.environ
        if key.startswith(prefix) and key.removeprefix(prefix) not in known and not is_option(key.removeprefix(prefix))
    ]
    for path in settings.files():
        found += unread_keys(settings.read_file(path), path)
    return sorted(found)


def unread_keys(keys: Iterable[str], path: str) -> Iterator[Stray]:
    """Keys of a configuration file that nothing reads."""
    for key in keys:
        name = key.removeprefix(settings.PREFIX)
        if key == name and name in settings.SETTINGS:
            yield Stray(key, path, f"Did you mean {settings.PREFIX}{name}?")
        elif key == name or name not in settings.SETTINGS:
            only = f"It is read from the environment only: {key}=..." if name in settings.ENVIRONMENT_ONLY else ""
            yield Stray(key, path, only or _hint(key, set(settings.SETTINGS)))


def _hint(key: str, known: set[str]) -> str:
    name = key.removeprefix(settings.PREFIX)
    close = get_close_matches(name, sorted(known), n=1, cutoff=_CANDIDATE)
    return f"Did you mean {settings.PREFIX}{close[0]}?" if close and _is_slip(name, close[0]) else ""


def _is_slip(name: str, meant: str) -> bool:
    if SequenceMatcher(None, name, meant).ratio() >= _ALIKE:
        return True
    words, meant_words = name.split("_"), meant.split("_")
    return len(words) == len(meant_words) and all(
        SequenceMatcher(None, word, other).ratio() >= _WORDS_ALIKE
        for word, other in zip(words, meant_words, strict=True)
    )
