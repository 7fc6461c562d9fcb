"""The namespace: a tag that runs must have to be seen, so that people do not meet each other's results."""

from __future__ import annotations

from metaflow.identity import resolve_identity

# What namespace() was called with. Nothing was chosen while this is empty; None in it chooses everything.
_chosen: list[str | None] = []


def namespace(ns: str | None) -> str | None:
    """Choose which runs the client shows.

    Objects that exist already keep the namespace that they were made in.

    Parameters
    ----------
    ns : str or None
        A tag that runs must have, such as ``user:ann`` or one of your own; None for all runs.

    Returns
    -------
    str or None
        The namespace that now holds.

    Examples
    --------
    >>> namespace("user:bob")
    'user:bob'
    """
    _chosen[:] = [ns]
    return get_namespace()


def get_namespace() -> str | None:
    """Say which namespace holds; by default it is the identity of whoever runs this.

    Returns
    -------
    str or None
        The tag that runs must have, or None if all are shown.

    Raises
    ------
    MetaflowUnknownUser
        Nothing was chosen, and the user's name is not known.
    """
    if not _chosen:
        _chosen.append(resolve_identity())
    return _chosen[0]


def default_namespace() -> str | None:
    """Go back to the namespace of whoever runs this.

    Returns
    -------
    str or None
        The namespace that now holds, such as ``user:ann``.

    Raises
    ------
    MetaflowUnknownUser
        The user's name is not known.
    """
    _chosen.clear()
    return get_namespace()
