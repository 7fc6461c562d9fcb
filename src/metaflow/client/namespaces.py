"""The namespace: a tag that runs must have to be seen, so that people do not meet each other's results."""

from __future__ import annotations

from metaflow.exception import MetaflowException
from metaflow.identity import resolve_identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import TypeVar

    from typing_extensions import Self

    F = TypeVar("F", bound=type)

# What namespace() was called with. Nothing was chosen while this is empty; None in it chooses everything.
_chosen: list[str | None] = []
# What the last call of namespace() returned, as long as nothing was done with it.
_latest: Namespace | None = None


class Namespace(str):
    """What :func:`namespace` returns: the name of the namespace that now holds, empty for all runs.

    It is a text. As a context manager it puts back, at its end, what held before. As a decorator of a flow it says in
    which namespace the flow's runs are, and puts back at once what held before.
    """

    __slots__ = ("_before", "_chosen", "_to_restore")
    _before: list[str | None]
    _chosen: str | None
    _to_restore: list[list[str | None]]

    def __new__(cls, chosen: str | None, before: list[str | None]) -> Self:
        made = super().__new__(cls, chosen or "")
        made._chosen = chosen
        made._before = before
        made._to_restore = []
        return made

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)

    def __enter__(self) -> Self:
        self._to_restore.append(self._held_before())
        _chosen[:] = [self._chosen]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _chosen[:] = self._to_restore.pop()

    def __call__(self, flow_class: F) -> F:
        """Decorate a flow: its runs are in this namespace.

        Raises
        ------
        MetaflowException
            What is decorated is no flow, or the namespace cannot be a tag.
        """
        from metaflow.flow.spec import FlowSpec
        from metaflow.metadata_store.tags import check_tags

        _chosen[:] = self._held_before()
        if not (isinstance(flow_class, type) and issubclass(flow_class, FlowSpec)):
            raise MetaflowException(
                f"@namespace({str(self)!r}) is applied to {getattr(flow_class, '__name__', repr(flow_class))}, which "
                "is no flow. It decorates a class that derives from FlowSpec."
            )
        if self._chosen is None:
            raise MetaflowException(
                f"@namespace on the flow {flow_class.__name__} names no namespace: give it one, as in "
                '@namespace("my-experiments"). To let its steps see all runs, call namespace(None) in them.'
            )
        check_tags([self])
        flow_class._namespace_of_runs = str(self)
        return flow_class

    def _held_before(self) -> list[str | None]:
        """What to put back: in ``with namespace(...)``, what held before the call; later on, what holds now."""
        global _latest
        latest, _latest = _latest, None
        return self._before if latest is self else list(_chosen)


def namespace(ns: str | None) -> Namespace:
    """Choose which runs the client shows.

    Objects that exist already keep the namespace that they were made in.

    Parameters
    ----------
    ns : str or None
        A tag that runs must have, such as ``user:ann`` or one of your own; None, or an empty text, for all runs.

    Returns
    -------
    Namespace
        The namespace that now holds: a text, empty if all runs are shown. Used in a ``with`` statement it puts back,
        at its end, what held before. As the decorator of a flow it changes nothing here, but its runs are in that
        namespace.

    Examples
    --------
    >>> namespace("user:bob")
    'user:bob'
    >>> with namespace(None):
    ...     everybody = list(Flow("Training"))
    >>> get_namespace()
    'user:bob'
    """
    if ns is not None and not isinstance(ns, str):
        raise MetaflowException(f"A namespace is the text of a tag, or None for all runs, not {ns!r}.")
    global _latest
    before = list(_chosen)
    _chosen[:] = [str(ns) if ns else None]
    _latest = Namespace(_chosen[0], before)
    return _latest


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
    global _latest
    _chosen.clear()
    _latest = None
    return get_namespace()
