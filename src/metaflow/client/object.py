"""What flows, runs, steps, tasks and artifacts have in common when they are read."""

from __future__ import annotations

from metaflow.client.namespaces import get_namespace
from metaflow.client.provider_choice import current_provider, provider_of
from metaflow.exception import MetaflowInvalidPathspec, MetaflowNamespaceMismatch, MetaflowNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any, TypeVar

    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import RunRecord

    O = TypeVar("O", bound="MetaflowObject")  # noqa: E741

_PART_NAMES = ("FlowName", "RunID", "StepName", "TaskID", "ArtifactName")
_MAX_ATTEMPT = 5
#: Tag of the layout of pickled objects, with what its list holds.
_PICKLE_LAYOUTS = {
    "2.8.4": ("pathspec", "attempt", "namespace_check"),
    "2.12.4": ("pathspec", "attempt", "namespace", "namespace_check"),
    "2.12.27": ("pathspec", "attempt", "metadata", "namespace", "namespace_check"),
}


class MetaflowObject:
    """Something with a pathspec. See the classes that derive from it.

    Parameters
    ----------
    pathspec : str
        Which one, such as ``"FlowName/RunID"``.
    attempt : int, optional
        For a task or an artifact, which attempt to read instead of the latest; 0 to 5.

    Raises
    ------
    MetaflowInvalidPathspec
        The pathspec has too few or too many parts.
    MetaflowNotFound
        There is no such thing.
    MetaflowNamespaceMismatch
        There is, but not in the current namespace.
    """

    #: Number of parts in the pathspec.
    _PARTS = 0
    _HAS_ATTEMPTS = False

    def __init__(self, pathspec: str, attempt: int | str | None = None, _namespace_check: bool = True) -> None:
        self._set_up(pathspec, attempt, get_namespace() if _namespace_check else None, _namespace_check)

    def _set_up(
        self,
        pathspec: str,
        attempt: int | str | None,
        namespace: str | None,
        namespace_check: bool,
        provider: Provider | None = None,
    ) -> None:
        names = pathspec.split("/") if isinstance(pathspec, str) else []
        if len(names) != self._PARTS or not all(names):
            expected = "/".join(_PART_NAMES[: self._PARTS])
            raise MetaflowInvalidPathspec(f"Expects {type(self).__name__}('{expected}')")
        self._attempt = self._checked_attempt(attempt)
        self._place(provider or current_provider(), names, namespace, namespace_check)
        if not self._load():
            raise self._absence()
        self._check_namespace()

    def _place(self, provider: Provider, names: list[str], namespace: str | None, namespace_check: bool) -> None:
        self._provider = provider
        self._names = names
        self._namespace = namespace if namespace_check else None
        self._namespace_check = namespace_check

    @classmethod
    def at(cls: type[O], pathspec: str, metadata: str) -> O:
        """Open what is in a certain datastore, whatever ``metadata()`` says, and in any namespace.

        Parameters
        ----------
        pathspec : str
        metadata : str
            Description of the datastore, as :func:`metadata` takes it.

        Raises
        ------
        MetaflowNotFound
            There is no such thing.
        ValueError
            There is no datastore at that place.
        """
        found = cls.__new__(cls)
        found._set_up(pathspec, None, None, False, provider_of(metadata))
        return found

    def _related(self, cls: type[O], names: list[str], attempt: int | None = None, **state: Any) -> O:
        """Make a parent or child, which reads from the same place and under the same namespace.

        `state` is what its records say, if they were read already.
        """
        other = cls.__new__(cls)
        other._attempt = attempt
        other._place(self._provider, names, self._namespace, self._namespace_check)
        if state:
            vars(other).update(state)
        elif not other._load():
            raise other._absence()
        return other

    def _checked_attempt(self, attempt: int | str | None) -> int | None:
        if attempt is None:
            return None
        if not self._HAS_ATTEMPTS:
            raise MetaflowNotFound("Only a Task or a DataArtifact can be opened at an attempt.")
        try:
            number = int(attempt)
        except (TypeError, ValueError):
            number = -1
        if not 0 <= number <= _MAX_ATTEMPT:
            raise MetaflowNotFound(f"An attempt is a number from 0 to {_MAX_ATTEMPT}, not {attempt!r}.")
        return number

    def _load(self) -> bool:
        """Read the records; False if there are none."""
        raise NotImplementedError

    def _run_record(self) -> RunRecord:
        """The run that this is part of, as it is now."""
        flow, run_id = self._names[:2]
        run = self._provider.run(flow, run_id)
        if run is None:
            raise MetaflowNotFound(f"Run('{flow}/{run_id}') does not exist")
        return run

    def _absence(self) -> MetaflowNotFound:
        """What to raise if there is no such thing."""
        name = "/".join(self._names[:2])
        if tuple(self._names[:2]) in self._provider.deleted:
            return MetaflowNotFound(f"{self} does not exist any more: run {name} was deleted elsewhere, or by hand")
        return MetaflowNotFound(f"{self} does not exist")

    def _check_namespace(self) -> None:
        if not self.is_in_namespace():
            raise MetaflowNamespaceMismatch(self._namespace)

    def _created(self) -> float:
        """When this came to be, in seconds since the epoch."""
        raise NotImplementedError

    def __getitem__(self, key: str) -> MetaflowObject:
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        """Tell whether there is a child of that name or id that may be seen."""
        try:
            self[str(key)]
        except (KeyError, MetaflowNamespaceMismatch):
            return False
        return True

    def __str__(self) -> str:
        fixed = "" if self._attempt is None else f", attempt={self._attempt}"
        return f"{type(self).__name__}('{self.pathspec}'{fixed})"

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        from metaflow.client.html import object_html

        return object_html(self)

    def __eq__(self, other: object) -> bool:
        """Two objects are equal if they are of one kind and name the same thing (and attempt) in one datastore."""
        if type(other) is not type(self):
            return NotImplemented
        return (self._provider, self._names, self._attempt) == (other._provider, other._names, other._attempt)

    def __hash__(self) -> int:
        return hash((type(self).__name__, *self._names))

    def __getstate__(self) -> dict[str, Any]:
        where = self._provider.description
        return {
            "version": "2.12.27",
            "data": [self.pathspec, self._attempt, where, self._namespace, self._namespace_check],
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        version = state.get("version") if isinstance(state, dict) else None
        layout = _PICKLE_LAYOUTS.get(version) if isinstance(version, str) else None
        data = state.get("data") if layout else None
        if layout is None or not isinstance(data, (list, tuple)) or len(data) != len(layout):
            raise MetaflowNotFound(
                f"This {type(self).__name__} was pickled by a version that is not known here "
                f"({version}). Make it again from its pathspec."
            )
        saved = dict(zip(layout, data, strict=True))
        check = saved["namespace_check"]
        namespace = saved["namespace"] if "namespace" in saved else get_namespace() if check else None
        where = saved.get("metadata")
        provider = provider_of(where) if where else None
        self._set_up(saved["pathspec"], saved["attempt"], namespace, check, provider)

    @property
    def id(self) -> str:
        """The last part of the pathspec."""
        return self._names[-1]

    @property
    def pathspec(self) -> str:
        """``Flow[/run[/step[/task[/artifact]]]]``."""
        return "/".join(self._names)

    @property
    def path_components(self) -> list[str]:
        """The parts of the pathspec."""
        return list(self._names)

    @property
    def parent(self) -> MetaflowObject | None:
        """What this is part of; None for a flow."""
        return None

    @property
    def user_tags(self) -> frozenset[str]:
        """Tags that people gave to the run."""
        return frozenset(self._run_record().tags)

    @property
    def system_tags(self) -> frozenset[str]:
        """Tags that the system gave to the run."""
        return frozenset(self._run_record().system_tags)

    @property
    def tags(self) -> frozenset[str]:
        """User tags and system tags of the run."""
        run = self._run_record()
        return frozenset((*run.tags, *run.system_tags))

    @property
    def created_at(self) -> datetime:
        """When this came to be, in local time without a time zone."""
        return local_time(self._created())

    @property
    def origin_pathspec(self) -> str | None:
        """Pathspec of what this was resumed from."""
        return None

    def is_in_namespace(self) -> bool:
        """Tell whether this may be seen in the namespace in which it was made.

        Returns
        -------
        bool
            Whether its run has the namespace as a tag; always True without a namespace.
        """
        return self._namespace is None or self._namespace in self.tags


def local_time(seconds: float) -> datetime:
    """Give a time as a local one without a time zone."""
    from datetime import datetime

    return datetime.fromtimestamp(seconds)
