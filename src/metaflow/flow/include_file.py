"""``IncludeFile``: a parameter whose value is the content of a file, kept with the run."""

from __future__ import annotations

import os

from ..exception import ConfigException, MetaflowException
from .parameter_types import ValueType
from .parameters import Parameter, V

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .deploy_time import ParameterContext
    from .parameter_signatures import IncludeFileSignatures
else:
    IncludeFileSignatures = Parameter

#: Option of the codec ``encoding`` when none is given.
DEFAULT_ENCODING = "utf-8"


class IncludedFile:
    """A file that a run shall include, found and readable, but not read yet.

    Parameters
    ----------
    path : str
    encoding : str or None
        Of the text in it; None if it holds bytes.

    Attributes
    ----------
    path : str
    encoding : str or None
    """

    __slots__ = ("encoding", "path")

    def __init__(self, path: str, encoding: str | None) -> None:
        self.path = path
        self.encoding = encoding

    def __repr__(self) -> str:
        return f"IncludedFile({self.path!r}, encoding={self.encoding!r})"

    @property
    def is_text(self) -> bool:
        """Whether the content is text."""
        return self.encoding is not None

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return os.stat(self.path).st_size

    def read(self) -> str | bytes:
        """The content, all of it.

        Raises
        ------
        ValueError
            If it is no text in the encoding.
        OSError
            If it cannot be read.
        """
        if self.encoding is None:
            with open(self.path, "rb") as file:
                return file.read()
        with open(self.path, encoding=self.encoding) as text:
            return text.read()


class FilePathType(ValueType):
    """Path of a file that can be read.

    Parameters
    ----------
    encoding : str or None
        Of the text in it; None if it holds bytes.
    """

    name = "IncludeFile"
    metavar = "FILE"

    def __init__(self, encoding: str | None) -> None:
        self.encoding = encoding

    def parse(self, text: str) -> IncludedFile:
        """The file of that path; ``~`` stands for the home directory."""
        scheme, found, _ = text.partition("://")
        if found and scheme.replace("+", "").isalnum():
            raise ValueError(f"{text!r} is an address. Only a file of this machine can be included: download it first.")
        path = os.path.expanduser(text)
        try:
            if os.path.isdir(path):
                raise ValueError(f"{text!r} is a directory, not a file.")
            if os.path.isfile(path):
                os.close(os.open(path, os.O_RDONLY))
            else:  # a pipe, as in <(command), could not be opened twice
                os.stat(path)
        except OSError as error:
            raise ValueError(f"the file {text!r} cannot be read: {error.strerror}.") from None
        return IncludedFile(path, self.encoding)

    def accept(self, value: Any) -> IncludedFile:
        """The file of that path, which may be a :class:`pathlib.Path`."""
        if isinstance(value, IncludedFile):
            return value
        if not isinstance(value, str | os.PathLike):
            raise ValueError(f"{value!r} is not the path of a file.")
        return self.parse(os.fsdecode(value))


class IncludeFile(IncludeFileSignatures[V]):
    """Input of a flow that is the content of a file.

    The file is read once, when the run starts, and kept with it. Steps read its content as text, as bytes, or as what
    `parser` makes of it, when they first touch the attribute.

    Parameters
    ----------
    name : str
        Name of the option, which takes the path of the file.
    required : bool, optional
        Whether a run without a file is refused. Ignored when there is a default.
    is_text : bool, optional
        Whether the content is text; it is bytes if this is False.
    encoding : str, optional
        Of the text; UTF-8 if not given.
    help : str, optional
        Line shown by ``run --help``.
    parser : callable or str, optional
        Makes the attribute's value from the content; or the dotted name of such a function, where a leading dot stands
        for ``metaflow.``.
    **kwargs
        ``default``, a path or a function that returns one; ``show_default`` and others as for :class:`Parameter`.

    Examples
    --------
    >>> class Count(FlowSpec):
    ...     words = IncludeFile("words", default="words.txt", parser=str.splitlines)
    """

    def _declare_file(
        self,
        name: str,
        required: bool | None = None,
        is_text: bool | None = None,
        encoding: str | None = None,
        help: str | None = None,
        parser: Callable[[Any], Any] | str | None = None,
        **kwargs: Any,
    ) -> None:
        self._declare(name, required=required, help=help, **kwargs)
        self.is_text = is_text is None or bool(is_text)
        self.encoding = (encoding or DEFAULT_ENCODING) if self.is_text else None
        self.parser = parser

    if not TYPE_CHECKING:
        __init__ = _declare_file

    @property
    def value_type(self) -> FilePathType:
        """Type of what is given on the command line: a path."""
        return FilePathType(self.encoding)

    def check(self) -> None:
        """Refuse what cannot be: fields that do not fit a file, an unknown encoding.

        Whether the default's file is there is seen when it is needed.

        Raises
        ------
        MetaflowException
        """
        self._check_fields()
        for field in ("multiple", "separator", "is_flag", "count", "nargs"):
            if field in self.options:
                raise self.error(f"IncludeFile '{self.name}' cannot have {field}: its value is one file.")
        if self.type is not None:
            raise self.error(f"IncludeFile '{self.name}' cannot have a type; parser= makes something of its text.")
        if self.parser is not None and not callable(self.parser) and not isinstance(self.parser, str):
            raise self.error(f"IncludeFile '{self.name}': parser should be a function or its name.")
        if self.default is not None and not callable(self.default) and not isinstance(self.default, str | os.PathLike):
            raise self.error(f"IncludeFile '{self.name}': default should be a path, not {self.default!r}.")
        if self.encoding is not None:
            try:
                b" ".decode(self.encoding, "ignore")
            except LookupError:
                raise self.error(f"IncludeFile '{self.name}': there is no encoding '{self.encoding}'.") from None

    def default_value(self, context: ParameterContext) -> Any:
        """What the parser makes of the default's file, for a flow object that is in no run.

        Raises
        ------
        MetaflowException
            If there is no such file, it is no text in the encoding, or the parser does not accept it.
        """
        file: IncludedFile | None = super().default_value(context)
        if file is None:
            return None
        try:
            content = file.read()
        except (OSError, ValueError) as error:
            raise self.error(f"The file of IncludeFile '{self.name}', {file.path}, cannot be read: {error}") from error
        return self.present(content)

    def parser_function(self) -> Callable[[Any], Any] | None:
        """What makes the value from the content, imported if it was given by name.

        Raises
        ------
        MetaflowException
            If there is no such function.
        """
        if self.parser is None:
            return None
        from .config_parsers import load_parser

        try:
            return load_parser(self.parser)
        except ConfigException as error:
            raise self.error(f"IncludeFile '{self.name}': {error.message}.") from error

    def present(self, stored: Any) -> Any:
        """What the parser makes of the file's content.

        Raises
        ------
        MetaflowException
            If it does not accept it, with the place in the user's code.
        """
        parser = self.parser_function() if stored is not None else None
        if parser is None:
            return stored
        try:
            return parser(stored)
        except Exception as error:
            from .user_code import describe, place_in_user_code

            line, file = place_in_user_code(error)
            raise MetaflowException(
                f"The parser of IncludeFile '{self.name}' does not accept the file's content: {describe(parser)} "
                f"raised {type(error).__name__}: {error}",
                line or self.line_no,
                file or self.source_file,
            ) from error
