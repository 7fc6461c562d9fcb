"""One serializer on its way from a name to a class that is asked about values."""

from __future__ import annotations

import sys
from enum import Enum
from typing import Any

from ...exception import DataException, MetaflowException
from .serializer import ArtifactSerializer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .serializer import SerializationMetadata


class SerializerState(str, Enum):
    """How far a serializer is from being used."""

    #: Its name is known.
    KNOWN = "known"
    #: Its class is being imported.
    IMPORTING = "importing"
    #: Its class is there.
    CLASS_LOADED = "class_loaded"
    #: What the class needs is being imported.
    IMPORTING_DEPS = "importing_deps"
    #: It is asked.
    ACTIVE = "active"
    #: A module that it needs is missing; it is tried again when the program has imported that.
    PENDING_ON_IMPORTS = "pending_on_imports"
    #: It failed, and is not tried again.
    BROKEN = "broken"
    #: A setting turned it off.
    DISABLED = "disabled"


_UNFINISHED = (SerializerState.KNOWN, SerializerState.CLASS_LOADED)


class Registered:
    """A serializer, and what became of it.

    Parameters
    ----------
    name : str
        Its TYPE.
    class_path : str
        Where its class is: ``module:Class``.
    source : str
        What it comes from: a package, a module or a file.
    load : callable
        Imports the class.
    number : int
        Counts up in the order of registration.
    is_of_program : bool
        Whether the program registered it, in which case it is asked about scalars too.
    """

    def __init__(
        self, name: str, class_path: str, source: str, load: Callable[[], Any], number: int, is_of_program: bool
    ) -> None:
        self.name = name
        self.class_path = class_path
        self.source = source
        self.number = number
        self.is_of_program = is_of_program
        self.state = SerializerState.KNOWN
        self.awaited: str | None = None
        self.problem: str | None = None
        self.failed_calls = 0
        self._load = load
        self._class: type[ArtifactSerializer] | None = None

    def __str__(self) -> str:
        return f"The serializer '{self.name}' of {self.source}"

    @property
    def loaded(self) -> type[ArtifactSerializer]:
        """Its class, if it is active."""
        assert self._class is not None
        return self._class

    @property
    def priority(self) -> int | None:
        """The PRIORITY of its class; None while that is not there."""
        return self._class.PRIORITY if self._class is not None else None

    def set_class(self, loaded: type[ArtifactSerializer]) -> None:
        """Give it the class, which is there already."""
        self._class = loaded
        if self.state is SerializerState.KNOWN:
            self.state = SerializerState.CLASS_LOADED

    def make_active(self) -> bool:
        """Import what is missing, if that was not tried in vain before; return whether it can be used."""
        waits_no_longer = self.state is SerializerState.PENDING_ON_IMPORTS and self.awaited in sys.modules
        if self.state in _UNFINISHED or waits_no_longer:
            try:
                if self._class is None:
                    self.state = SerializerState.IMPORTING
                    self._class = _checked_class(self._load(), self.name)
                self.state = SerializerState.IMPORTING_DEPS
                self._class.setup_imports()
            except ModuleNotFoundError as error:
                self.state = SerializerState.PENDING_ON_IMPORTS
                self.awaited, self.problem = error.name, str(error)
            except MetaflowException:
                self.state = SerializerState.KNOWN  # a timeout of the step, which says nothing of the serializer
                raise
            except Exception as error:
                self.state = SerializerState.BROKEN
                self.problem = f"{type(error).__name__}: {error}"
                _warn(f"{self} cannot be used, so values that it is for are pickled. {self.problem}")
            else:
                self.state, self.awaited, self.problem = SerializerState.ACTIVE, None, None
        return self.state is SerializerState.ACTIVE

    def takes(self, value: object) -> bool:
        """Ask the serializer whether it takes a value; if it fails to answer, that is told, and it does not."""
        try:
            return bool(self.loaded.can_serialize(value))
        except (MemoryError, MetaflowException):
            raise
        except Exception as error:
            self.failed_calls += 1
            self.problem = f"{type(error).__name__}: {error}"
            if self.failed_calls == 1:
                kind = type.__repr__(type(value))
                _warn(f"{self} failed to say whether it takes a {kind}, so it is skipped there. {self.problem}")
            return False

    def reads(self, metadata: SerializationMetadata) -> bool:
        """Ask the serializer whether it reads an artifact."""
        try:
            return bool(self.loaded.can_deserialize(metadata))
        except Exception as error:
            raise DataException(
                f"{self} failed to say whether it reads '{metadata.encoding}'. {type(error).__name__}: {error}"
            ) from error

    def status(self) -> dict[str, Any]:
        """What `list_serializer_status` says of it."""
        return {
            "name": self.name,
            "type": self.name,
            "class_path": self.class_path.replace(":", "."),
            "state": self.state.value,
            "priority": self.priority,
            "source": self.source,
            "awaiting_modules": [self.awaited] if self.awaited else [],
            "last_error": self.problem,
            "dispatch_error_count": self.failed_calls,
        }


def _checked_class(loaded: Any, name: str) -> type[ArtifactSerializer]:
    if not (isinstance(loaded, type) and issubclass(loaded, ArtifactSerializer)):
        raise TypeError(f"{loaded!r} is no class that is derived from ArtifactSerializer")
    if name != loaded.TYPE:
        raise TypeError(f"its TYPE is {loaded.TYPE!r}, and not '{name}' as it is registered")
    return loaded


def _warn(message: str) -> None:
    from warnings import warn

    warn(message, RuntimeWarning, stacklevel=2)
