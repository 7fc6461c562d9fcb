"""What type checkers know of ``Parameter`` and ``IncludeFile``: the type of the value for each way of declaring one.

Nothing of this exists when a flow runs.
"""

# `self` is what is derived from these classes, and nothing else ever is.
# mypy: disable-error-code="misc"

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, Generic, Literal, Protocol, TypedDict, overload

from typing_extensions import Self, TypeVar, Unpack

from .include_file import IncludeFile
from .parameter_types import ValueType
from .parameters import Parameter
from .spec import FlowSpec

V = TypeVar("V", default=Any)
W = TypeVar("W")

class _OfClick(Protocol):
    """A type of click's, such as ``click.IntRange(0, 10)``."""

    def convert(self, value: Any, param: Any, ctx: Any, /) -> Any: ...

class _Options(TypedDict, total=False):
    """What every parameter can have beside."""

    help: str | None
    show_default: bool | None
    hidden: bool
    metavar: str
    callback: Callable[..., Any]
    prompt: bool | str
    confirmation_prompt: bool | str
    hide_input: bool
    envvar: str | Sequence[str]
    show_envvar: bool
    show_choices: bool
    shell_complete: Callable[..., Any]

#: A function of a text that makes the value: a class, in most cases.
_Type = Callable[[str], W]
#: A function that computes a default when the run starts.
_Computed = Callable[..., W]
_Path = str | PathLike[str]

class ParameterSignatures(Generic[V]):
    # Several values in one option, or from one that is repeated.
    @overload
    def __init__(
        self: Parameter[list[str]],
        name: str,
        default: str | Sequence[str] | _Computed[str | list[str]],
        type: type[str] | None = None,
        *,
        separator: str,
        required: bool | None = None,
        **options: Unpack[_Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[list[str]],
        name: str,
        default: None = None,
        type: type[str] | None = None,
        *,
        separator: str,
        required: Literal[True],
        **options: Unpack[_Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[list[str] | None],
        name: str,
        default: None = None,
        type: type[str] | None = None,
        *,
        separator: str,
        required: bool | None = None,
        **options: Unpack[_Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[tuple[str, ...]],
        name: str,
        default: None = None,
        type: type[str] | None = None,
        *,
        multiple: Literal[True],
        required: bool | None = None,
        **options: Unpack[_Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[tuple[W, ...]],
        name: str,
        default: Sequence[object] | _Computed[Sequence[object]] | None = None,
        *,
        type: _Type[W],
        multiple: Literal[True],
        required: bool | None = None,
        **options: Unpack[_Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[tuple[W, ...]],
        name: str,
        default: Sequence[W] | _Computed[Sequence[W]],
        type: None = None,
        *,
        multiple: Literal[True],
        required: bool | None = None,
        **options: Unpack[_Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[tuple[Any, ...]],
        name: str,
        default: object = None,
        type: object = None,
        *,
        multiple: Literal[True],
        nargs: int = ...,
        required: bool | None = None,
        **options: Unpack[_Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[tuple[Any, ...]],
        name: str,
        default: object = None,
        type: object = None,
        *,
        nargs: int,
        required: bool | None = None,
        **options: Unpack[_Options],
    ) -> None: ...
    # Options without a value.
    @overload
    def __init__(
        self: Parameter[bool],
        name: str,
        default: bool | _Computed[bool] | None = None,
        type: type[bool] | None = None,
        *,
        is_flag: Literal[True],
        **options: Unpack[_Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[Any],
        name: str,
        default: object = None,
        type: object = None,
        *,
        is_flag: Literal[True],
        flag_value: object,
        **options: Unpack[_Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[int],
        name: str,
        default: int | _Computed[int] | None = None,
        type: type[int] | None = None,
        *,
        count: Literal[True],
        **options: Unpack[_Options],
    ) -> None: ...
    # With a type: JSON and those of click can be anything.
    @overload
    def __init__(
        self: Parameter[Any],
        name: str,
        default: object = None,
        *,
        type: ValueType | type[ValueType] | type[list[Any]] | type[dict[str, Any]] | _OfClick,
        required: bool | None = None,
        **options: Unpack[_Options],
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        default: V | str | _Computed[V],
        type: _Type[V],
        *,
        required: bool | None = None,
        **options: Unpack[_Options],
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        default: None = None,
        *,
        type: _Type[V],
        required: Literal[True],
        **options: Unpack[_Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[W | None],
        name: str,
        default: None = None,
        *,
        type: _Type[W],
        required: bool | None = None,
        **options: Unpack[_Options],
    ) -> None: ...
    # Without one it is that of the default.
    @overload
    def __init__(
        self: Parameter[Any],
        name: str,
        default: list[Any] | dict[str, Any] | tuple[Any, ...],
        type: None = None,
        *,
        required: bool | None = None,
        **options: Unpack[_Options],
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        default: _Computed[V],
        type: None = None,
        *,
        required: bool | None = None,
        **options: Unpack[_Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[str],
        name: str,
        default: None = None,
        type: None = None,
        *,
        required: Literal[True],
        **options: Unpack[_Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Parameter[str | None],
        name: str,
        default: None = None,
        type: None = None,
        *,
        required: bool | None = None,
        **options: Unpack[_Options],
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        default: V,
        type: None = None,
        *,
        required: bool | None = None,
        **options: Unpack[_Options],
    ) -> None: ...
    # mypy does not tell what is in a Literal that is a value, so its type is that of the default.
    @overload
    def __init__(
        self,
        name: str,
        default: V,
        type: object,
        *,
        required: bool | None = None,
        **options: Unpack[_Options],
    ) -> None: ...
    @overload
    def __get__(self, flow: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(self, flow: FlowSpec, owner: type | None = None) -> V: ...
    def __set__(self, flow: FlowSpec, value: V) -> None: ...

class IncludeFileSignatures(Parameter[V]):
    # What a parser makes of the content.
    @overload
    def __init__(
        self,
        name: str,
        required: bool | None = None,
        is_text: Literal[True] | None = None,
        encoding: str | None = None,
        help: str | None = None,
        *,
        parser: Callable[[str], V],
        default: _Path | _Computed[_Path] | None = None,
        show_default: bool | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        required: bool | None = None,
        *,
        is_text: Literal[False],
        help: str | None = None,
        parser: Callable[[bytes], V],
        default: _Path | _Computed[_Path] | None = None,
        show_default: bool | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self: IncludeFile[Any],
        name: str,
        required: bool | None = None,
        is_text: bool | None = None,
        encoding: str | None = None,
        help: str | None = None,
        *,
        parser: str,
        default: _Path | _Computed[_Path] | None = None,
        show_default: bool | None = None,
    ) -> None: ...
    # Text.
    @overload
    def __init__(
        self: IncludeFile[str],
        name: str,
        required: bool | None = None,
        is_text: Literal[True] | None = None,
        encoding: str | None = None,
        help: str | None = None,
        parser: None = None,
        *,
        default: _Path | _Computed[_Path],
        show_default: bool | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self: IncludeFile[str],
        name: str,
        required: Literal[True],
        is_text: Literal[True] | None = None,
        encoding: str | None = None,
        help: str | None = None,
        parser: None = None,
        *,
        default: None = None,
        show_default: bool | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self: IncludeFile[str | None],
        name: str,
        required: bool | None = None,
        is_text: Literal[True] | None = None,
        encoding: str | None = None,
        help: str | None = None,
        parser: None = None,
        *,
        default: None = None,
        show_default: bool | None = None,
    ) -> None: ...
    # Bytes.
    @overload
    def __init__(
        self: IncludeFile[bytes],
        name: str,
        required: bool | None = None,
        *,
        is_text: Literal[False],
        help: str | None = None,
        default: _Path | _Computed[_Path],
        show_default: bool | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self: IncludeFile[bytes],
        name: str,
        required: Literal[True],
        *,
        is_text: Literal[False],
        help: str | None = None,
        default: None = None,
        show_default: bool | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self: IncludeFile[bytes | None],
        name: str,
        required: bool | None = None,
        *,
        is_text: Literal[False],
        help: str | None = None,
        default: None = None,
        show_default: bool | None = None,
    ) -> None: ...
