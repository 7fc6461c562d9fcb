"""``Parameter``: a value that is given when a run starts and stays the same in all of its tasks."""

from __future__ import annotations

import sys

from ..exception import MetaflowException, ParameterFieldTypeMismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .deploy_time import ParameterContext
    from .parameter_signatures import ParameterSignatures, V
    from .parameter_types import ValueType
    from .resolution import KnownConfigs
    from .spec import FlowSpec
else:
    from typing import Generic as ParameterSignatures, TypeVar

    V = TypeVar("V")

__all__ = ["RESERVED_NAMES", "Parameter", "V"]

#: Names that the command line of ``run`` uses itself.
RESERVED_NAMES = frozenset(
    name.replace("-", separator)
    for separator in "-_"
    for name in [
        "params",
        "with",
        "tag",
        "namespace",
        "obj",
        "tags",
        "decospecs",
        "run-id-file",
        "max-num-splits",
        "max-workers",
        "max-log-size",
        "user-namespace",
        "run-id",
        "task-id",
        "runner-attribute-file",
    ]
)

#: What ``Parameter`` passes on to the option of the command line, beside what it has arguments for.
_OPTION_FIELDS = frozenset(
    {"multiple", "separator", "is_flag", "flag_value", "nargs", "count", "hidden", "metavar", "callback", "prompt"}
    | {"confirmation_prompt", "hide_input", "envvar", "show_envvar", "show_choices", "shell_complete"}
)
_OF_THIS_PACKAGE = __name__.partition(".")[0] + "."


class Parameter(ParameterSignatures[V]):
    """Input of a flow, set on the command line with ``--name value``.

    Parameters
    ----------
    name : str
        Name of the option. In the flow the value is read from the attribute that the parameter is assigned to.
    default : object or callable, optional
        Value used when none is given. A function is called, with a :class:`ParameterContext`, once per run and only
        if it is needed.
    type : type, optional
        ``str``, ``int``, ``float``, ``bool``, ``JSONType``, a ``Literal[...]``, an ``Enum`` or a type of click.
        Otherwise that of the default, where lists and dicts imply ``JSONType``; otherwise ``str``.
    help : str, optional
        Line shown by ``run --help``.
    required : bool, optional
        Whether a run without a value is refused. Ignored when there is a default.
    show_default : bool, optional
        Whether ``run --help`` shows the default; it does unless this is False.
    multiple : bool, optional
        The option may be repeated, and the value is a tuple.
    separator : str, optional
        The text is split here, and the value is a list of texts.
    is_flag : bool, optional
        A boolean whose option takes no value.
    **kwargs
        Further arguments of ``click.option``, such as ``hidden``, ``metavar``, ``nargs``, ``prompt``.

    Examples
    --------
    >>> class Train(FlowSpec):
    ...     alpha = Parameter("alpha", help="Learning rate", default=0.1)
    ...     solver = Parameter("solver", type=Literal["adam", "sgd"], default="adam")
    """

    #: Where it is declared, as far as that is known.
    source_file: str | None = None
    line_no: int | None = None

    if not TYPE_CHECKING:
        # What type checkers know of how a parameter is made and read is in ParameterSignatures.

        def __new__(cls, *arguments, **fields):
            """One that is made later, if a field comes from a config: what its fields are is not known before."""
            deferred = sys.modules.get(f"{__package__}.deferred")
            if deferred is None or not deferred.holds_deferred((arguments, fields)):
                return object.__new__(cls)
            from .deferred_parameter import defer

            return defer(cls, arguments, fields)

    def _declare(
        self,
        name: str,
        default: Any = None,
        type: Any = None,
        help: str | None = None,
        required: bool | None = None,
        show_default: bool | None = None,
        **kwargs: Any,
    ) -> None:
        # Nothing is checked here: the flow's declaration does it, where an error can be shown as one.
        self.name = name
        self.attribute = name.replace("-", "_") if isinstance(name, str) else ""
        self.default = default
        self.type = type
        self.help = help
        self.show_default = show_default
        self.options = kwargs
        self._required = required
        self.source_file, self.line_no = place_of_declaration()

    if not TYPE_CHECKING:
        __init__ = _declare

    def __set_name__(self, owner: type, attribute: str) -> None:
        self.attribute = attribute

    def _value(self, flow: FlowSpec | None, owner: type | None = None) -> Any:
        if flow is None:
            return self
        values = flow.__dict__
        if self.attribute in values:
            return values[self.attribute]
        state = flow._flow_state
        if state is not None and self.attribute in state:
            return state.load_into(flow, self.attribute)
        if state is not None:
            raise AttributeError(f"Flow {type(flow).__name__} has no attribute '{self.attribute}'")
        from .deploy_time import ParameterContext

        value = self.default_value(ParameterContext(type(flow).__name__, "", self.name, print, "local"))
        values[self.attribute] = value
        return value

    if not TYPE_CHECKING:
        __get__ = _value

    def __set__(self, flow: FlowSpec, value: V) -> None:
        # In a task, FlowSpec.__setattr__ has refused it before it comes here.
        flow.__dict__[self.attribute] = value

    def settled(self, configs: KnownConfigs) -> Parameter:
        """The parameter once configs are known: itself, as none of its fields comes from one."""
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, default={self.default!r})"

    @property
    def required(self) -> bool:
        """Whether a run needs a value for it."""
        return bool(self._required) and self.default is None

    @property
    def multiple(self) -> bool:
        """Whether the value is a tuple: of what a repeated option gave, or of several arguments of one."""
        return bool(self.options.get("multiple")) or self.options.get("nargs", 1) != 1

    @property
    def separator(self) -> str | None:
        """Text at which the value is split, if it is a list of texts."""
        separator: str | None = self.options.get("separator")
        return separator

    @property
    def value_type(self) -> ValueType:
        """Type of the value; of each element, if there are several.

        Raises
        ------
        MetaflowException
            If what the flow says cannot be a type.
        """
        from .parameter_types import PlainType, type_of_elements, value_type

        default = None if callable(self.default) else self.default
        try:
            if self.options.get("count"):
                return PlainType(int)
            if self.options.get("is_flag") and self.options.get("flag_value") is None:
                return PlainType(bool)
            if self.separator is not None and self.type is None:
                return PlainType(str)
            if self.multiple:
                return type_of_elements(self.type, _elements(default))
            return value_type(self.type, default)
        except ValueError as error:
            raise self.error(f"Parameter '{self.name}' cannot be of this type: {error}") from None

    @property
    def _absent(self) -> Any:
        """Value if there is neither one nor a default, as click has it."""
        if self.options.get("multiple"):
            return ()
        if self.options.get("is_flag") and self.options.get("flag_value") is None:
            return False
        return 0 if self.options.get("count") else None

    def error(self, message: str, kind: type[MetaflowException] = MetaflowException) -> MetaflowException:
        """An error about the declaration, with its place."""
        return kind(message, self.line_no, self.source_file)

    def check_name(self) -> None:
        """Refuse a name that the command line cannot use.

        Raises
        ------
        MetaflowException
        """
        if not isinstance(self.name, str) or not self.name:
            raise self.error(f"Parameter needs a name, as in Parameter('alpha', default=0.1), not {self.name!r}.")
        if self.name in RESERVED_NAMES:
            raise self.error(
                f"Parameter name '{self.name}' is reserved: the command line of `run` uses it itself. "
                "Choose another name."
            )

    def check(self) -> None:
        """Refuse what cannot be: fields that contradict each other, a default that does not fit the type.

        Raises
        ------
        ParameterFieldTypeMismatch
            If it is the default.
        MetaflowException
            If it is another field.
        """
        self._check_fields()
        kind = self.value_type
        if self.separator is not None and kind.name != "str":
            raise self.error(f"Parameter '{self.name}': only a text can be split, so with separator= its type is str.")
        if self.default is None or callable(self.default):
            return
        from .parameter_types import OtherType

        if not isinstance(kind, OtherType):
            self.convert(self.default)
            return
        try:
            for element in self._elements(self.default) if self.multiple else (self.default,):
                kind.check_default(element)
        except ValueError as error:
            raise self._mismatch(self.default, error) from error

    def _check_fields(self) -> None:
        for field in ("required", "show_default", "separator"):
            value = {"required": self._required, "show_default": self.show_default}.get(field, self.options.get(field))
            if callable(value):
                raise self.error(f"Parameter '{self.name}': {field} may not be a function.")
        for field in self.options:
            if field not in _OPTION_FIELDS:
                from difflib import get_close_matches

                close = get_close_matches(field, [*_OPTION_FIELDS, "default", "type", "help", "required"], n=1)
                hint = f" Did you mean '{close[0]}'?" if close else ""
                raise self.error(f"Parameter '{self.name}' has no field '{field}'.{hint}")
        if self.help is not None and not isinstance(self.help, str):
            raise self.error(f"Parameter '{self.name}': help should be a text, not {self.help!r}.")
        if self.separator is not None and (not isinstance(self.separator, str) or not self.separator):
            raise self.error(f"Parameter '{self.name}': separator should be a text such as ','.")
        forms = [
            form
            for form, used in (
                ("separator", self.separator is not None),
                ("multiple or nargs", self.multiple),
                ("is_flag", self.options.get("is_flag")),
                ("count", self.options.get("count")),
            )
            if used
        ]
        if len(forms) > 1:
            raise self.error(f"Parameter '{self.name}' has {' and '.join(forms)}, which exclude each other.")

    def convert(self, value: Any) -> Any:
        """`value`, an object of Python code, as what tasks will read.

        Raises
        ------
        ParameterFieldTypeMismatch
            If it does not fit the parameter's type.
        """
        if value is None:
            return None
        kind = self.value_type
        try:
            if self.separator is not None:
                return self._split(value)
            if self.multiple:
                return tuple([kind.accept(element) for element in self._elements(value)])
            return kind.accept(value)
        except ValueError as error:
            raise self._mismatch(value, error) from error

    def split(self, text: str) -> list[str]:
        """The texts in `text`, for a parameter with a separator."""
        return text.split(self.separator) if text else []

    def _split(self, value: Any) -> list[str]:
        if isinstance(value, str):
            return self.split(value)
        if isinstance(value, list | tuple) and all(isinstance(element, str) for element in value):
            return list(value)
        raise ValueError(f"{value!r} is neither a text nor a list of texts.")

    def _elements(self, value: Any) -> Sequence[Any]:
        elements = _elements(value)
        number = self.options.get("nargs", 1)
        if number > 1 and not self.options.get("multiple") and len(elements) != number:
            raise ValueError(f"{value!r} is not of {number} elements.")
        return elements

    def _mismatch(self, value: Any, error: ValueError) -> MetaflowException:
        return self.error(
            f"The value of parameter '{self.name}' does not fit its type, {self.value_type.name}: {error}",
            ParameterFieldTypeMismatch,
        )

    def present(self, stored: Any) -> Any:
        """What `self` gives of the value that is stored with a run: the same, for most kinds of parameters."""
        return stored

    def default_value(self, context: ParameterContext) -> Any:
        """Value that tasks read if none was given; the function that computes it, if it is one, is called.

        Raises
        ------
        ParameterFieldFailed
            If the function raises.
        ParameterFieldTypeMismatch
            If the default, or what the function returns, does not fit the parameter's type.
        """
        return self.computed_default(context) if callable(self.default) else self.declared_default()

    def declared_default(self) -> Any:
        """The default, where it is no function; what stands for no value if there is none.

        Raises
        ------
        ParameterFieldTypeMismatch
            If it does not fit the parameter's type.
        """
        return self._absent if self.default is None else self.convert(self.default)

    def computed_default(self, context: ParameterContext) -> Any:
        """What the default, a function, returns.

        Raises
        ------
        ParameterFieldFailed
            If it raises.
        ParameterFieldTypeMismatch
            If what it returns does not fit the parameter's type.
        """
        from .deploy_time import call
        from .user_code import describe, place_of_function

        value = call(self.default, context, f"The default of parameter '{self.name}'")
        if value is None:
            return self._absent
        try:
            if self.separator is not None:
                return self._split(value)
            if self.multiple:
                return tuple([self.value_type.accept_computed(element) for element in self._elements(value)])
            return self.value_type.accept_computed(value)
        except ValueError as error:
            raise ParameterFieldTypeMismatch(
                f"The default of parameter '{self.name}' should be of type {self.value_type.name}, but "
                f"{describe(self.default)} returned something else: {error}",
                *place_of_function(self.default),
            ) from error

    def show(self, value: Any) -> str:
        """Text that shows a value of the parameter as one would write it on a command line."""
        if self.separator is not None:
            return self.separator.join(self._split(value))
        if self.multiple:
            return ", ".join(map(self.value_type.show, _elements(value)))
        return self.value_type.show(value)


def _elements(value: Any) -> Sequence[Any]:
    """Elements of the default of a parameter of several values; a single one stands for itself."""
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def place_of_declaration() -> tuple[str | None, int | None]:
    """File and line, in the code of the user, that a parameter is being declared at."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_OF_THIS_PACKAGE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
