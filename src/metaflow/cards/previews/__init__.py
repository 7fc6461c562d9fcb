"""What values look like on a card: for each family of libraries a module that makes nodes of its values.

Nothing here imports a library that the program has not imported: a value of a library is there only if it has. No
preview raises for a value that is odd, whatever its attributes and its `repr` do; it then shows less.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from metaflow.cards.nodes import Node
from metaflow.exception import MetaflowException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HERE = "metaflow.cards.previews"
#: Library that a class is of, or derived from -> "module:function".
_FAMILIES = {
    "numpy": "arrays:array_nodes",
    "torch": "torch_values:torch_nodes",
    "pandas": "frames:pandas_nodes",
    "polars": "frames:polars_nodes",
    "pyarrow": "frames:arrow_nodes",
    "PIL": "images:pillow_nodes",
    "matplotlib": "images:figure_nodes",
    "sklearn": "models:estimator_nodes",
    "imblearn": "models:estimator_nodes",
    "xgboost": "models:xgboost_nodes",
    "lightgbm": "models:lightgbm_nodes",
    "catboost": "models:estimator_nodes",
}
_PLAIN = "plain:plain_nodes"


def preview_nodes(value: object, full: bool = False) -> list[Node]:
    """What shows a value on a card, beside the one line that `metaflow.datastore.preview.preview` gives.

    Parameters
    ----------
    value : object
        Anything.
    full : bool
        Show all of it, as far as a page can hold that, instead of how it begins.

    Returns
    -------
    list of nodes
        Empty if there is no more to show than fits in a line.
    """
    family = family_of(type(value))
    found = _contained(family, value, full) if family is not None else None
    if found is None:
        found = _contained(_PLAIN, value, full)
    return found or []


def family_of(cls: type) -> str | None:
    """What makes nodes of values of a class of a known library, or derived from one; None for other classes."""
    # The slots of type are asked, so that no metaclass answers.
    for each in type.__getattribute__(cls, "__mro__"):
        module = type.__getattribute__(each, "__module__")
        family = _FAMILIES.get(module.partition(".")[0]) if isinstance(module, str) else None
        if family is not None:
            return family
    return None


def _contained(family: str, value: object, full: bool) -> list[Node] | None:
    """Nodes of a value; None if there are none, or if making them failed: the value is not ours."""
    module, _, name = family.partition(":")
    make: Callable[[Any, bool], list[Node] | None] = getattr(import_module(f"{_HERE}.{module}"), name)
    try:
        return make(value, full)
    except MetaflowException:
        raise  # the time for the card is over
    except Exception:
        return None
