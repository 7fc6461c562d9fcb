"""Typed settings: environment variable, then project file, then profile file, then default.

A setting ``X`` is looked up as the environment variable ``METAFLOW_X``; then in ``config.json`` of the nearest
``.metaflow`` directory; then in ``$METAFLOW_HOME/config.json`` (``config_<profile>.json`` when ``METAFLOW_PROFILE``
names a profile); then it has its default. Keys in files carry the ``METAFLOW_`` prefix.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from .exception import MetaflowException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

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
    "DEFAULT_SECRETS_BACKEND_TYPE": Setting(None, "back end of @secrets for sources that do not name one"),
    "DEFAULT_SECRETS_ROLE": Setting(None, "role with which @secrets fetches from sources that do not name one"),
    "INCLUDE_FOREACH_STACK": Setting(True, "record a short text of every foreach element with its task"),
    "MAXIMUM_FOREACH_VALUE_CHARS": Setting(30, "length, in characters, at which that text is cut"),
    "NAMESPACED_EVENTS_PREFIX": Setting("mfns", "first part of the names that namespaced_event_name gives"),
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
            return Resolved(_cast(key, content[key], setting.default, path), path)
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
            import json

            return json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise MetaflowException(
            f"{key} from {source} should be of type {type(default).__name__}, but it is {value!r}."
        ) from error
    return value if value is None else str(value)


def _project_file() -> str | None:
    """``config.json`` in the nearest ``.metaflow`` directory of the working directory or its ancestors."""
    try:
        directory = os.getcwd()
    except FileNotFoundError:  # the working directory was deleted
        return None
    while True:
        if os.path.isdir(os.path.join(directory, ".metaflow")):
            path = os.path.join(directory, ".metaflow", "config.json")
            return path if os.path.isfile(path) else None
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def _profile_file() -> str | None:
    home = os.path.expanduser(os.environ.get(PREFIX + "HOME", "~/.metaflowconfig"))
    profile = os.environ.get(PREFIX + "PROFILE")
    if not profile:
        path = os.path.join(home, "config.json")
        return path if os.path.isfile(path) else None
    path = os.path.join(home, f"config_{profile}.json")
    if not os.path.isfile(path):
        raise MetaflowException(
            f"Unable to locate the profile '{profile}': there is no file {path}. "
            "Unset METAFLOW_PROFILE or create that file."
        )
    return path


def _read(path: str) -> Mapping[str, Any]:
    """Content of a configuration file, read again only when the file changed."""
    import json

    stat = os.stat(path)
    stamp = (stat.st_mtime_ns, stat.st_size)
    cached = _files.get(path)
    if cached is not None and cached[0] == stamp:
        return cached[1]
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError) as error:
        raise MetaflowException(f"The configuration file {path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise MetaflowException(f"The configuration file {path} should hold one JSON object.")
    _files[path] = (stamp, content)
    return content


_files: dict[str, tuple[tuple[int, int], Mapping[str, Any]]] = {}
