"""Which serializers there are, whether they can be used, and in which order they are asked.

A serializer comes from this package, from another one (entry point group ``metaflow.artifact_serializers``, or a list
of names and classes), or from the program itself. Its class is imported when there is a value to ask it about, or an
artifact that it wrote.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from ...exception import DataException
from ...registry import BUILT_IN, added_by_packages
from ..serializer import SCALAR_TYPES, use_other_serializers
from .registered import Registered, SerializerState
from .serializer import ArtifactSerializer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .serializer import SerializationMetadata

_OURS = "metaflow"


class _Store:
    """The serializers of this process."""

    def __init__(self) -> None:
        self._by_name: dict[str, Registered] = {}
        self._found_installed = False

    def add(self, name: str, class_path: str, source: str, load: Callable[[], Any], is_of_program: bool) -> Registered:
        """Register a serializer; one of the same name is replaced."""
        added = Registered(name, class_path, source, load, len(self._by_name), is_of_program)
        if not _is_enabled(name):
            added.state = SerializerState.DISABLED
            added.problem = "METAFLOW_ENABLED_ARTIFACT_SERIALIZER does not let it be used."
        replaced = self._by_name.pop(name, None)
        if replaced is not None:
            added.number = replaced.number
        self._by_name[name] = added
        return added

    def all(self) -> Iterable[Registered]:
        """Every serializer that is known, the last registered one first."""
        if not self._found_installed:
            self._found_installed = True
            for name, point in added_by_packages("artifact_serializers").items():
                # A name of theirs never replaces one of ours, or one that the program has registered.
                if name not in self._by_name and name not in BUILT_IN["artifact_serializers"]:
                    package = point.dist.name if point.dist is not None else point.value
                    self.add(name, point.value, package, point.load, False)
        return sorted(self._by_name.values(), key=lambda registered: -registered.number)

    def active(self) -> list[Registered]:
        """Those that can be used, in the order in which they are asked."""
        return sorted(
            (registered for registered in self.all() if registered.make_active()),
            key=lambda registered: registered.loaded.PRIORITY,
        )

    def taking(self, value: object) -> Iterator[Registered]:
        """Yield the serializers that take a value before pickle would."""
        last = _pickle().PRIORITY
        scalar = type(value) in SCALAR_TYPES
        for registered in self.active():
            if last < registered.loaded.PRIORITY:
                return
            if (registered.is_of_program or not scalar) and registered.takes(value):
                yield registered

    def reading(self, metadata: SerializationMetadata, name: str | None, class_path: str | None) -> Registered | None:
        """Find the serializer that reads an artifact.

        Parameters
        ----------
        metadata : SerializationMetadata
        name, class_path : str or None
            Of the serializer that wrote it, which is asked before all others. If it is not registered, its module is
            imported, like that of a class in a pickle.
        """
        if name is not None and class_path is not None and self.get(name) is None:
            _import_registering(class_path.partition(":")[0])
        writer = self.get(name or "")
        if writer is not None and writer.make_active() and writer.reads(metadata):
            return writer
        return next((each for each in self.active() if each is not writer and each.reads(metadata)), None)

    def get(self, name: str) -> Registered | None:
        """The serializer of that name, if it is known."""
        self.all()
        return self._by_name.get(name)

    def names(self) -> list[str]:
        """Names of all that are known, and pickle."""
        return sorted({"pickle", *(registered.name for registered in self.all())})

    def reset(self) -> None:
        """Forget all serializers; for tests."""
        self.__init__()  # type: ignore[misc]
        use_other_serializers(None)


SERIALIZERS = _Store()


class SerializerStore:
    """The serializers of this process, for programs that look at them or add to them."""

    @classmethod
    def register(cls, serializer: type[ArtifactSerializer]) -> None:
        """Add a serializer; see `register_serializer`."""
        register_serializer(serializer)

    @classmethod
    def bootstrap_entries(
        cls, entries: Iterable[tuple[str, str]], disabled_names: Iterable[str] = (), source: str | None = None
    ) -> None:
        """Add serializers that are imported when they are needed.

        Parameters
        ----------
        entries : iterable of (str, str)
            TYPE and ``module.Class`` of each, as in an extension's ``ARTIFACT_SERIALIZERS_DESC``.
        disabled_names : iterable of str
            Those of them that are not to be used.
        source : str, optional
            The package that they come from; the first part of the class's module if not given.
        """
        disabled = set(disabled_names)
        for name, path in entries:
            module, _, attribute = path.rpartition(".")
            if name in BUILT_IN["artifact_serializers"]:
                raise DataException(f"The serializer {path} cannot be called '{name}': that is ours.")
            added = SERIALIZERS.add(
                name, f"{module}:{attribute}", source or module.partition(".")[0], _import(module, attribute), False
            )
            if name in disabled:
                added.state, added.problem = SerializerState.DISABLED, "It was added as one that is not to be used."
        _ask_others()

    @classmethod
    def get_ordered_serializers(cls) -> list[type[ArtifactSerializer]]:
        """Classes of the serializers that can be used, in the order in which they are asked; pickle is one."""
        classes = [registered.loaded for registered in SERIALIZERS.active()]
        return sorted([*classes, _pickle()], key=lambda each: each.PRIORITY)


def register_serializer(serializer: type[ArtifactSerializer]) -> type[ArtifactSerializer]:
    """Have values stored by a serializer of this program; usable as a decorator of the class.

    Registering it in the file of a flow, or in a module that this imports, makes it known in all tasks of the flow.

    Parameters
    ----------
    serializer : subclass of ArtifactSerializer
        A class of the same name may be registered again, as happens when a cell of a notebook is run twice.

    Returns
    -------
    subclass of ArtifactSerializer
        The same.

    Raises
    ------
    TypeError
        If it is no serializer, or has no TYPE.
    DataException
        If another serializer has the same TYPE.
    """
    if not (isinstance(serializer, type) and issubclass(serializer, ArtifactSerializer)):
        raise TypeError(f"{serializer!r} is no class that is derived from ArtifactSerializer.")
    name = serializer.TYPE
    if not isinstance(name, str) or not name:
        raise TypeError(f"{serializer.__name__} has no TYPE, a text by which its artifacts remember it.")
    known = SERIALIZERS.get(name)
    path = f"{serializer.__module__}:{serializer.__qualname__}"
    if name in BUILT_IN["artifact_serializers"] or (
        known is not None and known.class_path.rpartition(":")[2] != serializer.__qualname__
    ):
        whose = "this package" if known is None else f"{known.class_path} of {known.source}"
        raise DataException(f"The serializer {path} cannot have the TYPE '{name}': {whose} has it. Choose another.")
    added = SERIALIZERS.add(name, path, _source_of(serializer.__module__), lambda: serializer, True)
    added.set_class(serializer)
    _ask_others()
    return serializer


def list_serializer_status() -> list[dict[str, Any]]:
    """Tell of each serializer whether it can be used, and why not. Nothing is imported for it.

    Returns
    -------
    list of dict
        In the order in which they are asked, as far as that is known: ``name``, ``type``, ``class_path``, ``state`` (a
        value of `SerializerState`), ``priority`` (None while the class is not imported), ``source``,
        ``awaiting_modules``, ``last_error`` and ``dispatch_error_count`` (how often `can_serialize` failed).
    """
    pickle = {
        "name": "pickle",
        "type": "pickle",
        "class_path": BUILT_IN["artifact_serializers"]["pickle"].replace(":", "."),
        "state": SerializerState.ACTIVE.value,
        "priority": _pickle().PRIORITY,
        "source": _OURS,
        "awaiting_modules": [],
        "last_error": None,
        "dispatch_error_count": 0,
    }
    rows = [*(registered.status() for registered in SERIALIZERS.all()), pickle]
    return sorted(rows, key=lambda row: ArtifactSerializer.PRIORITY if row["priority"] is None else row["priority"])


def _pickle() -> type[ArtifactSerializer]:
    from .pickle_serializer import PickleSerializer

    return PickleSerializer


def _ask_others() -> None:
    from .adapter import offer_to_others

    use_other_serializers(offer_to_others)


def _import(module: str, attribute: str) -> Callable[[], Any]:
    return lambda: getattr(import_module(module), attribute)


def _import_registering(module: str) -> None:
    """Import the module of a serializer that registers itself, if it is there."""
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise DataException(
                f"The module {module} of the serializer that wrote it needs {error.name}, which is not installed here."
            ) from error


def _source_of(module: str) -> str:
    """What a module is called where it has to be found again; the program's own module is called by its file."""
    if module != "__main__":
        return module
    return str(getattr(sys.modules.get("__main__"), "__file__", None) or "a notebook or an interactive program")


def _is_enabled(name: str) -> bool:
    from ...settings import get

    listed = [str(each) for each in get("ENABLED_ARTIFACT_SERIALIZER")]
    wanted = [each for each in listed if not each.startswith("-")]
    return f"-{name}" not in listed and (not wanted or name in wanted)
