"""Views of the list of runs that people saved under a name, for all who use the app."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from metaflow.server.errors import Refusal

if TYPE_CHECKING:
    from metaflow.metadata_store.store import DocumentStore

_COLLECTION = "web views"
#: Most views that are kept: more than anybody finds anything in.
MOST_VIEWS = 200


def saved_views(documents: DocumentStore) -> list[dict[str, Any]]:
    """All views, by name."""
    return [{"name": key[:-1], **view} for key, view in documents.documents(_COLLECTION, limit=MOST_VIEWS)]


def save_view(documents: DocumentStore, name: str, search: str, user: str, replace: bool) -> dict[str, Any]:
    """Save a view.

    Parameters
    ----------
    documents : DocumentStore
        Where.
    name : str
        What it is called, in one line.
    search : str
        The part of its address behind the question mark.
    user : str
        Who saves it; empty if nobody knows.
    replace : bool
        Whether it takes the place of one of the same name.

    Raises
    ------
    Refusal
        There is one of the same name, or there are too many.
    """
    view = {"search": search, "user": user, "saved_at": time.time()}
    is_known = documents.get_document(_COLLECTION, _key(name)) is not None
    if not is_known and len(documents.documents(_COLLECTION, limit=MOST_VIEWS)) >= MOST_VIEWS:
        raise Refusal(409, "too_many", f"There are {MOST_VIEWS} saved views already. Delete some that nobody needs.")
    if not documents.put_document(_COLLECTION, _key(name), view, replace=replace):
        raise Refusal(409, "exists", f"There is a saved view called {name!r} already. Choose another name.")
    return {"name": name, **view}


def delete_view(documents: DocumentStore, name: str) -> None:
    """Delete a view; nothing happens if it is gone already."""
    documents.delete_documents(_COLLECTION, _key(name))


def _key(name: str) -> str:
    # Documents are deleted by what their keys begin with, so that no name may begin another.
    return f"{name}\n"
