"""``Parameter``: a value that is given when a run starts and stays the same in all of its tasks."""

from __future__ import annotations

import sys

from ..exception import MetaflowException, ParameterFieldFailed, ParameterFieldTypeMismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .resolution import KnownConfigs
    from .spec import FlowSpec

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

_PLAIN_TYPES = (str, int, float, bool)


class ParameterContext:
    """What a function that computes a default is told.

    Attributes
    ----------
    flow_name, user_name, parameter_name : str
    logger : callable
        Prints a line for the person who starts the run.
    ds_type : str
        Kind of the datastore.
    configs : mapping or None
    """

    __slots__ = ("configs", "ds_type", "flow_name", "logger", "parameter_name", "user_name")

    def __init__(
        self,
        flow_name: str,
        user_name: str,
        parameter_name: str,
        logger: Callable[..., None],
        ds_type: str,
        configs: Any = None,
    ) -> None:
        self.flow_name = flow_name
        self.user_name = user_name
        self.parameter_name = parameter_name
        self.logger = logger
        self.ds_type = ds_type
        self.configs = configs


class Parameter:
    """Input of a flow, set on the command line with ``--name value``.

    Parameters
    ----------
    name : str
        Name of the option. In the flow the value is read from the attribute that the parameter is assigned to.
    default : str, int, float, bool or callable, optional
        Value used when none is given. A function is called, with a :class:`ParameterContext`, once per run and only
        if it is needed.
    type : type, optional
        ``str``, ``int``, ``float``, ``bool``, or a click type; otherwise that of the default, otherwise ``str``.
    help : str, optional
        Line shown by ``run --help``.
    required : bool, optional
        Whether a run without a value is refused. Ignored when there is a default.
    show_default : bool, optional
        Whether ``run --help`` shows the default; it does unless this is False.
    **kwargs
        Passed on to ``click.option``.

    Examples
    --------
    >>> class Train(FlowSpec):
    ...     alpha = Parameter("alpha", help="Learning rate", default=0.1)
    """

    def __new__(cls, *arguments: Any, **fields: Any) -> Any:
        """One that is made later, if a field comes from a config: what its fields are is not known before."""
        deferred = sys.modules.get(f"{__package__}.deferred")
        if deferred is None or not deferred.holds_deferred((arguments, fields)):
            return object.__new__(cls)
        from .deferred_parameter import defer

        return defer(cls, arguments, fields)

    def __init__(
        self,
        name: str,
        default: Any = None,
        type: Any = None,
        help: str | None = None,
        required: bool | None = None,
        show_default: bool | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise MetaflowException("Parameter needs a name, as in Parameter('alpha', default=0.1).")
        if name in RESERVED_NAMES:
            raise MetaflowException(
                f"Parameter name '{name}' is reserved: the command line of `run` uses it itself. Choose another name."
            )
        for field, value in (("required", required), ("show_default", show_default)):
            if callable(value):
                raise MetaflowException(f"Parameter '{name}': {field} may not be a function.")
        if isinstance(default, (list, dict, set)) and type is None:
            raise MetaflowException(
                f"Parameter '{name}': a {default.__class__.__name__} cannot be given on a command line. Use a text, "
                "and take it apart in the start step."
            )
        self.name = name
        self.attribute = name.replace("-", "_")
        self.default = default
        self.help = help
        self.required = bool(required) and default is None
        self.show_default = show_default
        self.type = type if type is not None else _type_of(default)
        self.options = kwargs

    def __set_name__(self, owner: type, attribute: str) -> None:
        self.attribute = attribute

    def __get__(self, flow: FlowSpec | None, owner: type | None = None) -> Any:
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
        if not callable(self.default):
            return self.convert(self.default)
        return self.evaluate_default(ParameterContext(type(flow).__name__, "", self.name, print, "local"))

    def __set__(self, flow: FlowSpec, value: Any) -> None:
        # In a task, FlowSpec.__setattr__ has refused it before it comes here.
        flow.__dict__[self.attribute] = value

    def settled(self, configs: KnownConfigs) -> Parameter:
        """The parameter once configs are known: itself, as none of its fields comes from one."""
        return self

    def __repr__(self) -> str:
        return f"Parameter({self.name!r}, default={self.default!r})"

    def convert(self, value: Any) -> Any:
        """`value` as the parameter's type, where that is a plain one.

        Raises
        ------
        ParameterFieldTypeMismatch
            If it cannot be converted.
        """
        if value is None or self.type not in _PLAIN_TYPES or isinstance(value, self.type):
            return value
        try:
            converted = self.type(value)
            if isinstance(value, float) and converted != value:
                raise ValueError("it is no whole number")
            return converted
        except (TypeError, ValueError) as error:
            raise ParameterFieldTypeMismatch(
                f"Parameter '{self.name}' is of type {self.type.__name__}, but its value is {value!r}."
            ) from error

    def evaluate_default(self, context: ParameterContext) -> Any:
        """The default, where it is a function that computes it.

        Raises
        ------
        ParameterFieldFailed
            If the function raises.
        ParameterFieldTypeMismatch
            If it returns a value of another type.
        """
        try:
            value = self.default(context, False) if _takes_two(self.default) else self.default(context)
        except Exception as error:
            raise ParameterFieldFailed(
                f"The default of parameter '{self.name}' could not be computed: {type(error).__name__}: {error}"
            ) from error
        if self.type is float and isinstance(value, int):
            value = float(value)
        if self.type in _PLAIN_TYPES and value is not None and not isinstance(value, self.type):
            raise ParameterFieldTypeMismatch(
                f"The default of parameter '{self.name}' should be of type {self.type.__name__}, but the function "
                f"that computes it returned {value!r}."
            )
        return value


def _takes_two(function: Any) -> bool:
    """Whether a function that computes a default also wants to know if this is a real deployment."""
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    return code.co_argcount - (1 if hasattr(function, "__self__") else 0) >= 2  # type: ignore[no-any-return]


def _type_of(default: Any) -> Any:
    """Type of a parameter that has this default and no type of its own."""
    return type(default) if isinstance(default, _PLAIN_TYPES) else str
