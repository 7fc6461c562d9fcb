"""``FlowSpec``: the class that every flow derives from.

A flow object lives in one of three states. In a *task* it holds a :class:`StepState` that knows which artifacts it
inherits and where it stands in its foreaches. As an *input* of a join it holds one that can only be read. On its own,
as in a unit test, it holds none: attributes are plain, parameters have their defaults and can be assigned, and
``self.next`` only records where the step would have gone.
"""

from __future__ import annotations

import sys

from . import seeding  # noqa: F401 - takes its snapshot as early as possible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType
    from typing import Any, overload

    from .state import Inputs, StepState
    from .transition import Transition

    #: A method of a flow that is marked with :func:`step`.
    _StepMethod = Callable[..., Any]
else:

    def overload(signature):
        """Mark a signature that only type checkers read; importing ``typing`` for that would take too long."""
        return signature


#: Facts of ``current`` that can also be read from ``self``, unless the flow has an artifact of that name.
_FACTS = frozenset(
    {"flow_name", "run_id", "step_name", "task_id", "retry_count", "origin_run_id", "pathspec", "username"}
)


class FlowSpec:
    """Base class of all flows.

    Derive a class from it, mark its steps with :func:`step`, and instantiate it at the end of the file::

        if __name__ == "__main__":
            MyFlow()

    Instantiated in the script that Python was started with, it takes over the command line. Anywhere else (a test, a
    notebook, another module) it is an ordinary object whose steps can be called directly.

    Parameters
    ----------
    use_cli : bool
        False never takes over the command line.
    """

    #: Attributes that are never artifacts.
    _EPHEMERAL = frozenset(
        {
            "_EPHEMERAL",
            "_NON_PARAMETERS",
            "_datastore",
            "_cached_input",
            "_flow_decorators",
            "_graph",
            "_flow_state",
            "_namespace_of_runs",
            "_steps",
            "_transition",
        }
        | {"index", "input"}
    )
    _flow_state: StepState | None = None
    if TYPE_CHECKING:
        # Facts of the running task. Outside of a task they are not there, which no step needs to hear of.
        flow_name: str | Any
        run_id: str | Any
        step_name: str | Any
        task_id: str | Any
        retry_count: int | Any
        origin_run_id: str | Any | None
        pathspec: str | Any
        username: str | Any
    #: Transition taken by the last call of :meth:`next`.
    _transition: Transition | None = None
    #: What ``@namespace`` says.
    _namespace_of_runs: str | None = None

    def __init__(self, use_cli: bool = True) -> None:
        if use_cli and _created_by_main_script(self):
            from ..registry import load

            load("command_line", "flow")(type(self))

    @property
    def name(self) -> str:
        """Name of the flow."""
        return type(self).__name__

    @name.setter
    def name(self, value: str) -> None:
        # Assigning it must not fail, but it does not carry over to later steps.
        pass

    @property
    def script_name(self) -> str:
        """File name, without directory, of the script that defines the flow."""
        from os.path import basename

        module = sys.modules.get(type(self).__module__)
        return basename(getattr(module, "__file__", None) or "")

    @property
    def index(self) -> int | Any:
        """Index of this task in the innermost foreach; None outside of one."""
        # Not `int | None` to type checkers: which steps are in a foreach they cannot know, but the user can.
        state = self._flow_state
        if state is None:
            return self.__dict__.get("index")
        return state.frames[-1].index if state.frames else None

    @index.setter
    def index(self, value: int) -> None:
        self._pretend("index", value)

    @property
    def input(self) -> Any:
        """Element of the innermost foreach that this task is for; None outside of one."""
        state = self._flow_state
        if state is None:
            return self.__dict__.get("input")
        return state.element(len(state.frames) - 1) if state.frames else None

    @input.setter
    def input(self, value: object) -> None:
        self._pretend("input", value)

    def _pretend(self, name: str, value: object) -> None:
        """Set, for a step that is called directly, what the runtime would have given it."""
        if self._flow_state is not None:
            raise AttributeError(f"self.{name} is given by the foreach and cannot be assigned. Choose another name.")
        self.__dict__[name] = value

    def foreach_stack(self) -> list[tuple[int, int, Any]]:
        """Position of this task in every foreach around it.

        Returns
        -------
        list of (int, int, object)
            For each foreach, outermost first: index, number of splits, and the element.
        """
        state = self._flow_state
        if state is None:
            return []
        return [(f.index, f.num_splits, state.element(depth)) for depth, f in enumerate(state.frames)]

    @overload
    def next(self, target: _StepMethod, /, *targets: _StepMethod) -> None: ...
    @overload
    def next(self, target: _StepMethod, /, *, foreach: str) -> None: ...  # noqa: F811
    @overload
    def next(self, target: _StepMethod, /, *, num_parallel: int | None) -> None: ...  # noqa: F811
    @overload
    def next(self, cases: Mapping[Any, _StepMethod], /, *, condition: str) -> None: ...  # noqa: F811
    def next(self, *targets: Any, **kwargs: Any) -> None:  # noqa: F811 - ruff does not see that overload is typing's
        """Say which step comes after this one; the last statement of every step but the end.

        Parameters
        ----------
        *targets : step methods, or one dict
            ``self.next(self.a)`` goes to one step, ``self.next(self.a, self.b)`` to several in parallel.
        foreach : str, optional
            Name of an attribute; there will be one task of the target for each of its elements.
        condition : str, optional
            Name of an attribute whose value picks one of ``{value: self.step, ...}``.
        num_parallel : int, optional
            Number of nodes of a ``@parallel`` step.

        Raises
        ------
        InvalidNextException
            If called twice in one step, or with arguments that fit none of these forms.
        """
        from ..exception import InvalidNextException
        from .state import foreach_label
        from .transition import resolve

        caller = sys._getframe(1)
        if self._flow_state is not None and self._transition is not None:
            raise InvalidNextException(
                f"Step *{self._flow_state.step}*: self.next() was called more than once. A step goes on in one way "
                "only; name several steps in one call to run them in parallel.",
                caller.f_lineno,
                caller.f_code.co_filename,
            )
        where = (caller.f_code.co_name, caller.f_lineno, caller.f_code.co_filename)
        self.__dict__["_transition"] = resolve(self, targets, kwargs, where, foreach_label)

    def merge_artifacts(
        self, inputs: Inputs, exclude: list[str] | None = None, include: list[str] | None = None
    ) -> None:
        """Take over, in a join, the artifacts on which all `inputs` agree.

        Artifacts are compared by their stored content. Assign a conflicting one to ``self`` before the call to settle
        it. Nothing is loaded: only references are copied.

        Parameters
        ----------
        inputs : Inputs
            What the join step received.
        exclude, include : list of str, optional
            Leave these out, or merge only these; not both.

        Raises
        ------
        UnhandledInMergeArtifactsException
            If inputs disagree on an artifact.
        MissingInMergeArtifactsException
            If a name in `include` is in none of the inputs.
        MetaflowException
            If the step is no join.
        """
        from .merge import merge_artifacts

        merge_artifacts(self, inputs, exclude or [], include or [])

    def __iter__(self) -> Iterator[Any]:
        """Step functions of the flow."""
        for name in dir(type(self)):
            function = getattr(type(self), name, None)
            if getattr(function, "is_step", False) is True:
                yield getattr(self, name)

    def _artifact(self, name: str) -> Any:
        """An attribute that is not there yet: the artifact of that name, or a fact of the running task."""
        computed = getattr(type(self), name, None)
        if isinstance(computed, property) and computed.fget is not None:
            return computed.fget(self)  # it raised an AttributeError of its own, which shall be seen
        state = self.__dict__.get("_flow_state")
        if state is not None and name in state:
            from ..exception import SkippedArtifactException

            try:
                return state.load_into(self, name)
            except SkippedArtifactException as error:
                # To hasattr() and getattr() it is one that is not there.
                raise AttributeError(error.message) from None
        if state is not None and name in _FACTS:
            from .current import current

            return current.get(name)
        raise AttributeError(f"Flow {type(self).__name__} has no attribute '{name}'")

    if not TYPE_CHECKING:
        # To type checkers an artifact is what some step assigns, or what is declared in the class. If they knew of
        # this, every misspelt name would be one.
        __getattr__ = _artifact

    def __setattr__(self, name: str, value: Any) -> None:
        state = self.__dict__.get("_flow_state")
        if state is not None and name in state.read_only:
            raise AttributeError(
                f"Flow level attributes and Parameters are not modifiable: self.{name} is "
                f"{state.read_only[name]} of the flow. Assign the new value to an attribute of another name."
            )
        if state is not None and hasattr(type(self), name):
            _refuse_collision(type(self), name)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        # An inherited artifact that was not read yet can be "deleted" like one that was: the step's own value goes.
        state = self.__dict__.get("_flow_state")
        if name in self.__dict__ or state is None or name not in state:
            object.__delattr__(self, name)

    def __str__(self) -> str:
        state = self._flow_state
        if state is None:
            return f"<flow {type(self).__name__}>"
        text = f"<flow {type(self).__name__} step {state.step}"
        if state.frames:
            text += f"[{','.join(str(frame.index) for frame in state.frames)}]"
            label = state.frames[-1].label
            if label is not None:
                text += f" (input: {label[:20]})"
        return text + ">"

    def __getstate__(self) -> Any:
        from ..exception import MetaflowException

        raise MetaflowException(
            "Flows can't be serialized. Maybe you tried to assign *self* or one of the *inputs* to an attribute? "
            "Store the attributes that you need one by one."
        )


def _refuse_collision(flow_class: type[FlowSpec], name: str) -> None:
    """Raise if an artifact of this name could never be read, because the class has something else there."""
    existing = getattr(flow_class, name)
    if isinstance(existing, property) and existing.fset is None:
        what = "a property"
    elif callable(existing) and not isinstance(existing, type):
        what = "a step" if getattr(existing, "is_step", False) else "a method"
    else:
        return
    raise AttributeError(
        f"self.{name} cannot be an artifact, because {name} is {what} of the flow. Choose another name."
    )


def _created_by_main_script(flow: FlowSpec) -> bool:
    """Whether the script that Python was started with is creating `flow`, directly or through a subclass's init."""
    frame = sys._getframe(2)
    while frame.f_code.co_name == "__init__" and flow is frame.f_locals.get(_first_argument(frame)):
        if frame.f_back is None:
            break
        frame = frame.f_back
    names = frame.f_globals
    if names.get("__name__") != "__main__" or "__file__" not in names or hasattr(sys, "ps1"):
        return False
    # A script that is a test, run by its own unittest.main() or the like, wants the object.
    above: FrameType | None = frame
    while above is not None:
        if above.f_globals.get("__name__", "").partition(".")[0] in ("unittest", "_pytest"):
            return False
        above = above.f_back
    return True


def _first_argument(frame: Any) -> str:
    names = frame.f_code.co_varnames
    return names[0] if names else ""
