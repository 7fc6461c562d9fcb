"""What a person says when spinning a step, and how that is read without the library that reads all other commands.

Importing that library takes longer than a small step. So a plain ``spin`` command, which is most of them, is read here.
Whatever is not plain is left to it: an option of another kind or form, a setting that stands for an option, a mistake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class SpinArguments(NamedTuple):
    """Arguments of the ``spin`` command, and those of the flow that matter to it.

    Attributes
    ----------
    pathspec : str
        What to spin on.
    persist : bool or None
        Whether to keep the artifacts; None if nothing was said.
    skip_decorators : bool
        Whether to leave out all decorators of the step.
    artifacts_module, run_id_file, runner_attribute_file : str or None
        Paths.
    max_log_size : int
        Megabytes to keep of each stream.
    quiet : bool
        Whether to say less.
    datastore_root : str or None
        Root of the datastore that the runs are in.
    """

    pathspec: str
    persist: bool | None = None
    skip_decorators: bool = False
    artifacts_module: str | None = None
    max_log_size: int = 10
    run_id_file: str | None = None
    runner_attribute_file: str | None = None
    quiet: bool = False
    datastore_root: str | None = None


#: Options before the command: flags with what they mean, and those that take a text.
_FLOW_FLAGS = {"--quiet": ("quiet", True), "--pylint": ("", True), "--no-pylint": ("", True)}
_FLOW_TEXTS = {"--datastore-root": "datastore_root"}
#: The same of the command's own.
_FLAGS = {
    "--persist": ("persist", True),
    "--no-persist": ("persist", False),
    "--skip-decorators": ("skip_decorators", True),
}
_TEXTS = {
    "--artifacts-module": "artifacts_module",
    "--run-id-file": "run_id_file",
    "--runner-attribute-file": "runner_attribute_file",
}
#: Settings of these names (or beginnings of names) are no options of the flow's command line.
_NO_OPTIONS = (
    "METAFLOW_USER",
    "METAFLOW_HOME",
    "METAFLOW_PROFILE",
    "METAFLOW_START_METHOD",
    "METAFLOW_DATASTORE_SYSROOT_",
    "METAFLOW_SPIN_ALLOWED_DECORATORS",
    "METAFLOW_SPIN_DISALLOWED_DECORATORS",
    "METAFLOW_CLIENT_CACHE_",
)


def read_plain(arguments: Sequence[str], environment: Mapping[str, str]) -> SpinArguments | None:
    """Read the arguments of a plain ``spin`` command.

    Parameters
    ----------
    arguments : sequence of str
        All that follows the name of the script.
    environment : mapping of str to str
        Variables of the environment, some of which would stand for options.

    Returns
    -------
    SpinArguments or None
        None if they are not plain, or not right.
    """
    if any(name.startswith("METAFLOW_") and not name.startswith(_NO_OPTIONS) for name in environment):
        return None
    found: dict[str, object] = {}
    place = _read_options(arguments, 0, _FLOW_FLAGS, _FLOW_TEXTS, found)
    if arguments[place : place + 1] != ["spin"]:
        return None
    place = _read_options(arguments, place + 1, _FLAGS, _TEXTS, found)
    if place >= len(arguments) or arguments[place].startswith("-") or not arguments[place]:
        return None
    found["pathspec"] = arguments[place]
    if _read_options(arguments, place + 1, _FLAGS, _TEXTS, found) != len(arguments):
        return None
    found.pop("", None)
    return SpinArguments(**found)  # type: ignore[arg-type]


def _read_options(
    arguments: Sequence[str],
    place: int,
    flags: Mapping[str, tuple[str, bool]],
    texts: Mapping[str, str],
    found: dict[str, object],
) -> int:
    """Read as many options as follow each other, and say where the first other argument is."""
    while place < len(arguments):
        argument = arguments[place]
        if argument in flags:
            name, meaning = flags[argument]
            found[name] = meaning
            place += 1
        elif argument in texts and place + 1 < len(arguments):
            found[texts[argument]] = arguments[place + 1]
            place += 2
        else:
            break
    return place
