"""What a serializer is: the interface that other packages and programs implement."""

from __future__ import annotations

from enum import Enum
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import TypeAlias

    #: What `ArtifactSerializer.serialize` returns.
    SerializeResult: TypeAlias = "tuple[Sequence[SerializedBlob], SerializationMetadata] | str"


class SerializationFormat(str, Enum):
    """What a value is serialised for."""

    #: To be stored: bytes.
    STORAGE = "storage"
    #: To be passed on a command line or in a message: a short text.
    WIRE = "wire"


class SerializationMetadata(NamedTuple):
    """What is kept of an artifact beside its bytes.

    Attributes
    ----------
    obj_type : str
        The value's type, for people.
    size : int
        Serialised bytes.
    encoding : str
        Name of the format of the bytes.
    serializer_info : dict
        What the serializer needs to know when it reads them again, in JSON's terms. The entry ``source``, which says
        where the serializer comes from, is added to it.
    """

    obj_type: str
    size: int
    encoding: str
    serializer_info: dict[str, Any]


class SerializedBlob:
    """Bytes of an artifact.

    Parameters
    ----------
    value : bytes-like or str
        The bytes, or a reference to where they are.
    is_reference : bool, optional
        Whether `value` is a reference, which is stored as it is; if not given, a text is one.

    Raises
    ------
    TypeError
        If the value is neither.
    """

    __slots__ = ("is_reference", "value")

    def __init__(self, value: bytes | bytearray | memoryview | str, is_reference: bool | None = None) -> None:
        if not isinstance(value, (bytes, bytearray, memoryview, str)):
            raise TypeError(f"A blob is bytes, or a text that refers to some, but not of type {type(value).__name__}.")
        self.value = value
        self.is_reference = isinstance(value, str) if is_reference is None else is_reference

    @property
    def needs_save(self) -> bool:
        """Whether the bytes are in `value`, and have to be stored."""
        return not self.is_reference

    def __repr__(self) -> str:
        return f"SerializedBlob({'reference' if self.is_reference else f'{len(self.value)} bytes'})"


class ArtifactSerializer:
    """A way to store values of some kind. Derive from it, and register the class; it is never instantiated.

    A class that is to be registered declares a `TYPE` of its own. One that only shares code leaves it None.

    Attributes
    ----------
    TYPE : str or None
        The serializer's name, by which stored artifacts remember it.
    PRIORITY : int
        Lower is asked earlier. Pickle, which takes everything, has 9999.

    Examples
    --------
    >>> @register_serializer
    ... class PointSerializer(ArtifactSerializer):
    ...     TYPE = "point"
    ...
    ...     @classmethod
    ...     def can_serialize(cls, obj):
    ...         return isinstance(obj, Point)
    ...
    ...     @classmethod
    ...     def can_deserialize(cls, metadata):
    ...         return metadata.encoding == "point-v1"
    ...
    ...     @classmethod
    ...     def serialize(cls, obj, format=SerializationFormat.STORAGE):
    ...         data = f"{obj.x} {obj.y}".encode()
    ...         return [SerializedBlob(data)], SerializationMetadata("Point", len(data), "point-v1", {})
    ...
    ...     @classmethod
    ...     def deserialize(cls, data, metadata=None, format=SerializationFormat.STORAGE):
    ...         return Point(*map(float, data[0].split()))
    """

    TYPE: ClassVar[str | None] = None
    PRIORITY: ClassVar[int] = 100

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "TYPE" not in cls.__dict__ and cls.TYPE is not None:
            raise TypeError(
                f"{cls.__name__} has the TYPE '{cls.TYPE}' of the class that it is derived from. Give it one of its "
                "own, or TYPE = None if it is not to be registered."
            )

    @classmethod
    def setup_imports(cls, context: Any = None) -> None:
        """Import what the serializer needs, with `lazy_import`. Called once, before anything else is asked.

        If a module is missing, the serializer waits until the program has imported it.
        """

    @classmethod
    def lazy_import(cls, module: str, alias: str | None = None) -> ModuleType:
        """Import a module, and make it an attribute of the class.

        Parameters
        ----------
        module : str
            Its full name.
        alias : str, optional
            Name of the attribute; the last part of the module's name if not given.

        Returns
        -------
        module
            What was imported.

        Raises
        ------
        ValueError
            If the name of the attribute is not an identifier, or that of something that serializers have.
        ImportError
            If the module cannot be imported.
        """
        name = module.rpartition(".")[2] if alias is None else alias
        if not name.isidentifier() or name.startswith("__") or hasattr(ArtifactSerializer, name):
            raise ValueError(
                f"{cls.__name__}.lazy_import('{module}') cannot make the module the attribute '{name}': that is "
                "no name, or one that serializers have a use for. Give another alias."
            )
        imported = import_module(module)
        setattr(cls, name, imported)
        return imported

    @classmethod
    def can_serialize(cls, obj: Any) -> bool:
        """Say whether this serializer takes the value. Asked for each value that is saved, so it should be quick."""
        raise NotImplementedError(f"{cls.__name__} does not say what it can serialize: it lacks can_serialize().")

    @classmethod
    def can_deserialize(cls, metadata: SerializationMetadata) -> bool:
        """Say whether this serializer reads what was stored with this metadata."""
        raise NotImplementedError(f"{cls.__name__} does not say what it can read: it lacks can_deserialize().")

    @classmethod
    def serialize(cls, obj: Any, format: SerializationFormat = SerializationFormat.STORAGE) -> SerializeResult:
        """Turn a value into bytes.

        Returns
        -------
        tuple of (list of SerializedBlob, SerializationMetadata), or str
            For storage, one blob or several; large ones may be views of the value's own memory, which are not copied.
            For the wire, a text.
        """
        raise NotImplementedError(f"{cls.__name__} lacks serialize().")

    @classmethod
    def deserialize(
        cls,
        data: list[bytes] | str,
        metadata: SerializationMetadata | None = None,
        format: SerializationFormat = SerializationFormat.STORAGE,
    ) -> Any:
        """Turn what `serialize` returned into the value again; a reference comes as the text that it is."""
        raise NotImplementedError(f"{cls.__name__} lacks deserialize().")
