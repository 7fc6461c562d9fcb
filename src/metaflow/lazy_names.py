"""Names of a package that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def lazy_names(package: str, where: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """What a package needs as its ``__getattr__`` and ``__dir__``.

    Parameters
    ----------
    package : str
        Its name.
    where : mapping of str to str
        Public name -> module that defines it.

    Returns
    -------
    tuple of two callables
        A name is set in the package when it was imported, so that each is looked for once only.
    """
    contents = vars(sys.modules[package])

    def get(name: str) -> object:
        module = where.get(name)
        if module is None:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        from importlib import import_module

        value: object = getattr(import_module(module), name)
        contents[name] = value
        return value

    def names() -> list[str]:
        return sorted({*contents, *where})

    return get, names
