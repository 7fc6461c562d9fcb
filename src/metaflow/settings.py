"""Typed settings: environment variable, then project file, then profile file, then default.

A setting ``X`` is looked up as the environment variable ``METAFLOW_X``; then in ``config.json`` of the nearest
``.metaflow`` directory; then in ``$METAFLOW_HOME/config.json`` (``config_<profile>.json`` when ``METAFLOW_PROFILE``
names a profile); then it has its default. Keys in files carry the ``METAFLOW_`` prefix.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .exception import MetaflowException

PREFIX = "METAFLOW_"


class Setting(NamedTuple):
    """One setting: its default value (whose type is the setting's type, ``str`` when None) and what it is for."""

    default: Any
    doc: str


#: Every setting by its name without the prefix.
SETTINGS: dict[str, Setting] = {
    "DATASTORE_SYSROOT_LOCAL": Setting(None, "directory that contains the .metaflow folder to use"),
    "DEFAULT_DATASTORE": Setting("local", "kind of store for artifacts when --datastore is not given"),
    "DEFAULT_METADATA": Setting("local", "kind of store for records when --metadata is not given"),
    "DEFAULT_ENVIRONMENT": Setting("local", "how tasks get their packages when --environment is not given"),
    "DEFAULT_DECOSPECS": Setting("", "decorators added to every step, separated by spaces"),
    "INCLUDE_FOREACH_STACK": Setting(True, "record a short text of every foreach element with its task"),
    "MAXIMUM_FOREACH_VALUE_CHARS": Setting(30, "length, in characters, at which that text is cut"),
    "START_METHOD": Setting("auto", "how a task's process starts: auto, fork or spawn"),
    "TEMPDIR": Setting(".", "directory that current.tempdir names"),
    "UI_URL": Setting(None, "address of the web app, shown when a run starts"),
}


class Resolved(NamedTuple):
    """Value of a setting, and where it came from."""

    value: Any
    source: str


def get(name: str) -> Any:
    """Value of the setting `name` (without prefix).

    Raises
    ------
    MetaflowException
        If its text cannot be read as the setting's type, or a configuration file is unreadable.
    """
    return resolve(name).value


def resolve(name: str) -> Resolved:
    """Like :func:`get`, and tells where the value comes from."""
    setting = SETTINGS[name]
    key = PREFIX + name
    if key in os.environ:
        return Resolved(_cast(key, os.environ[key], setting.default, "the environment"), "environment")
    for path in (_project_file(), _profile_file()):
        if path is not None and key in (content := _read(path)):
            return Resolved(_cast(key, content[key], setting.default, str(path)), str(path))
    return Resolved(setting.default, "default")


def _cast(key: str, value: Any, default: Any, source: str) -> Any:
    """`value` as the type of `default`."""
    try:
        if isinstance(default, bool):
            return value if isinstance(value, bool) else str(value).lower() not in ("0", "false", "")
        if isinstance(default, int):
            return int(value)
        if isinstance(default, float):
            return float(value)
        if isinstance(default, (dict, list)):
            return json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise MetaflowException(
            f"{key} from {source} should be of type {type(default).__name__}, but it is {value!r}."
        ) from error
    return value if value is None else str(value)


def _project_file() -> Path | None:
    """``config.json`` in the nearest ``.metaflow`` directory of the working directory or its ancestors."""
    try:
        here = Path.cwd()
    except FileNotFoundError:  # the working directory was deleted
        return None
    for directory in (here, *here.parents):
        if (directory / ".metaflow").is_dir():
            path = directory / ".metaflow" / "config.json"
            return path if path.is_file() else None
    return None


def _profile_file() -> Path | None:
    home = Path(os.environ.get(PREFIX + "HOME", "~/.metaflowconfig")).expanduser()
    profile = os.environ.get(PREFIX + "PROFILE")
    if not profile:
        path = home / "config.json"
        return path if path.is_file() else None
    path = home / f"config_{profile}.json"
    if not path.is_file():
        raise MetaflowException(
            f"Unable to locate the profile '{profile}': there is no file {path}. "
            "Unset METAFLOW_PROFILE or create that file."
        )
    return path


def _read(path: Path) -> Mapping[str, Any]:
    """Content of a configuration file, read again only when the file changed."""
    stat = path.stat()
    stamp = (stat.st_mtime_ns, stat.st_size)
    cached = _files.get(path)
    if cached is not None and cached[0] == stamp:
        return cached[1]
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MetaflowException(f"The configuration file {path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise MetaflowException(f"The configuration file {path} should hold one JSON object.")
    _files[path] = (stamp, content)
    return content


_files: dict[Path, tuple[tuple[int, int], Mapping[str, Any]]] = {}
