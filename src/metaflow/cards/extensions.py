"""Types of cards of other packages that are made as for Metaflow: in ``metaflow_extensions/<org>/plugins/cards/``.

Each package in that folder, and each module in it whose name begins with ``mfextinit_``, may have a list ``CARDS`` of
subclasses of `MetaflowCard`. Neither the folder nor those above it need an ``__init__.py``.
"""

from __future__ import annotations

import os

from metaflow.exception import TimeoutException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaflow.cards.card import MetaflowCard

#: The package that extensions put their own into.
EXTENSIONS = "metaflow_extensions"
#: Folder with types of cards, below that of an organization.
CARDS_FOLDER = ("plugins", "cards")
#: What is raised while code of another package is at work, but has nothing to do with it.
INTERRUPTIONS = (KeyboardInterrupt, TimeoutException)
_INIT_MODULE = "mfextinit_"
_MOST_LEVELS = 4


def cards_of_extensions() -> tuple[dict[str, type[MetaflowCard]], list[str]]:
    """The types of cards of all extensions that can be imported.

    Returns
    -------
    dict of str to type
        By type. Of two of the same type, the first counts.
    list of str
        What is wrong with extensions, a line each: one that is broken does not keep others from being used.
    """
    found: dict[str, type[MetaflowCard]] = {}
    problems: list[str] = []
    for name in _modules():
        try:
            for card in _cards_in(name):
                found.setdefault(card.type, card)
        except INTERRUPTIONS:
            raise
        except BaseException as error:  # whatever a module of another package does when it is imported
            problems.append(f"{name} cannot be used: {type(error).__name__}: {error}")
    return found, problems


def extension_folders() -> list[str]:
    """The directories that make up the package of all extensions, which is not imported."""
    from importlib.util import find_spec

    try:
        spec = find_spec(EXTENSIONS)
    except (ImportError, ValueError):
        return []
    return [] if spec is None else list(spec.submodule_search_locations or ())


def _cards_in(name: str) -> Iterator[type[MetaflowCard]]:
    from importlib import import_module

    yield from map(as_card_class, getattr(import_module(name), "CARDS", ()))


def as_card_class(found: object) -> type[MetaflowCard]:
    """What another package says is a type of cards.

    Raises
    ------
    TypeError
        If it is none.
    """
    from metaflow.cards.card import MetaflowCard

    if isinstance(found, type) and issubclass(found, MetaflowCard):
        return found
    raise TypeError(f"{found!r} is no subclass of MetaflowCard")


def _modules() -> Iterator[str]:
    """Names of the modules that may have ``CARDS``; nothing is imported to find them."""
    seen = set()
    for folder in extension_folders():
        for organization in names_in(folder):
            prefix = ".".join((EXTENSIONS, organization, *CARDS_FOLDER))
            for name in _modules_in(os.path.join(folder, organization, *CARDS_FOLDER), prefix, _MOST_LEVELS):
                if name not in seen:
                    seen.add(name)
                    yield name


def _modules_in(folder: str, prefix: str, levels: int) -> Iterator[str]:
    for name in names_in(folder):
        path = os.path.join(folder, name)
        if name.startswith(_INIT_MODULE) and name.endswith(".py"):
            yield f"{prefix}.{name.removesuffix('.py')}"
        elif not name.isidentifier() or not os.path.isdir(path):
            continue
        elif os.path.exists(os.path.join(path, "__init__.py")):
            yield f"{prefix}.{name}"
        elif levels:
            yield from _modules_in(path, f"{prefix}.{name}", levels - 1)


def names_in(folder: str) -> list[str]:
    """Names of what is in a folder; none if it is no directory, such as one in an archive."""
    try:
        return sorted(name for name in os.listdir(folder) if name != "__pycache__")
    except OSError:
        return []
