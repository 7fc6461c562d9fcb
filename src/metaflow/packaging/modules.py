"""Which modules from elsewhere go along with a flow: this package itself, and what declares that it has to."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from ..exception import CommandException
from .content_type import CODE_DIRECTORY
from .selection import PackagedFile, all_files

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE = __name__.partition(".")[0]
# Where the pages of the web app are, below this package.
_PAGES = ("web", "static")
#: A module that has this variable with this value goes along.
POLICY, INCLUDE = "METAFLOW_PACKAGE_POLICY", "include"
#: Directories of packages that were installed, perhaps into an environment below the flow's directory.
_INSTALLED = {"site-packages", "dist-packages"}


def own_files() -> Iterator[PackagedFile]:
    """The files of this package, without the pages of the web app, which no node serves."""
    directory = os.path.dirname(os.path.dirname(__file__))
    pages = os.path.join(directory, *_PAGES, "")
    found = all_files(directory, f"{CODE_DIRECTORY}/{_PACKAGE}/")
    return (file for file in found if not file.path.startswith(pages))


def included_modules(base: str) -> list[str]:
    """Names of the modules that go along although they are not below the flow's directory.

    These are modules that say so (``METAFLOW_PACKAGE_POLICY = "include"``), and those that define decorators of users.

    Parameters
    ----------
    base : str
        The flow's directory.

    Returns
    -------
    list of str
        Names of top-level modules, sorted.
    """
    names = set()
    for name, module in list(sys.modules.items()):
        try:
            # Not by the module's own rules: some load themselves, or others, when an attribute is looked up.
            content = object.__getattribute__(module, "__dict__")
        except AttributeError:
            continue
        if content.get(POLICY) == INCLUDE:
            names.add(name.partition(".")[0])
    names |= _modules_of_decorators()
    above = os.path.realpath(base).rstrip(os.sep) + os.sep
    return sorted(name for name in names if name != _PACKAGE and not _is_below(name, above))


def files_of_module(name: str) -> Iterator[PackagedFile]:
    """Files of a module, or of all of a package, for the part of the archive that is imported from.

    Raises
    ------
    CommandException
        If there is no such module here, or it is in no file.
    """
    from importlib.util import find_spec

    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise CommandException(f"The module {name} should go into the code package, but it is not installed here.")
    path = name.replace(".", "/")
    if spec.submodule_search_locations is not None:
        for directory in spec.submodule_search_locations:
            yield from all_files(directory, f"{CODE_DIRECTORY}/{path}/")
    elif spec.origin is not None and os.path.isfile(spec.origin):
        ending = os.path.splitext(spec.origin)[1]
        yield PackagedFile(f"{CODE_DIRECTORY}/{path}{ending}", spec.origin, os.stat(spec.origin).st_size)
    else:
        raise CommandException(f"The module {name} should go into the code package, but it is in no file.")


def _modules_of_decorators() -> set[str]:
    user_decorators = sys.modules.get(f"{_PACKAGE}.flow.user_decorators")
    if user_decorators is None:
        return set()
    modules = (decorator.__module__.partition(".")[0] for decorator in user_decorators.definitions())
    return {name for name in modules if name != "__main__" and name in sys.modules}


def _is_below(name: str, above: str) -> bool:
    file = getattr(sys.modules.get(name), "__file__", None)
    if not isinstance(file, str):
        return False
    path = os.path.realpath(file)
    return path.startswith(above) and _INSTALLED.isdisjoint(path[len(above) :].split(os.sep))
