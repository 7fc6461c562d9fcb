"""Reading a part of an object, where the store can give one without the rest."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.datastore.store import ObjectStore


def read_range(store: ObjectStore, key: str, begin: int, end: int) -> bytes:
    """The bytes of an object from one place to another; fewer if it ends before.

    Parameters
    ----------
    store : ObjectStore
        It may have a method ``get_range(key, begin, end)``; of any other the whole object is read.
    key : str
    begin, end : int
        The first byte, which the object must have, and the one behind the last.

    Raises
    ------
    ObjectMissing
        If there is no object.
    DataException
        If it cannot be read, or ends before `begin`.
    """
    get_range = getattr(store, "get_range", None)
    found: bytes = store.get(key)[begin:end] if get_range is None else get_range(key, begin, end)
    return found
