"""``@trigger_on_finish``: flows whose successful end starts a deployed flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar, overload

from ..client.trigger import METADATA_FIELD, Trigger
from ..exception import CommandException, MetaflowNotFound
from ..flow.flow_decorators import FlowDecorator, attach_to_flow
from ..flow.flow_options import TRIGGER, FlowOption
from ..flow.run_facts import RunFacts
from .event_sources import EventContext, check_options, refuse_duplicates, sources_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..client.run import Run
    from ..flow.declaration import FlowDeclaration
    from ..flow.graph import FlowGraph

C = TypeVar("C", bound=type)

_KEYS = ("name", "project", "project_branch")
#: ``project.branch.Flow``, where the branch may have a dot of its own.
_QUALIFIED_PARTS = 3


class TriggeringFlow(NamedTuple):
    """A flow whose end starts another.

    Attributes
    ----------
    name : str
    project, branch : str or None
        Where it is deployed, if it has ``@project``.
    """

    name: str
    project: str | None = None
    branch: str | None = None

    @property
    def event_name(self) -> str:
        """Name of the event that its successful end causes."""
        return ".".join(part for part in ("metaflow", self.project, self.branch, self.name, "end") if part)


class TriggerOnFinishDecorator(FlowDecorator):
    """Declaration of ``@trigger_on_finish``."""

    name: ClassVar[str] = "trigger_on_finish"
    defaults: ClassVar[dict[str, Any]] = {"flow": None, "flows": [], "options": {}}
    options: ClassVar[tuple[FlowOption, ...]] = (TRIGGER,)

    def validate(self, declaration: FlowDeclaration, graph: FlowGraph) -> None:
        """Check all that is not computed when the flow is deployed."""
        has_project = any(decorator.name == "project" for decorator in declaration.decorators)
        for flow in self._read(None):
            if (flow.project is None) != (flow.branch is None) and not has_project:
                raise self.error(
                    f"@trigger_on_finish: flow '{flow.name}' has only one of project and project_branch. Give both; "
                    "only a flow with @project has a project and branch of its own to complete them from."
                )
        check_options(self)

    def flows(self, context: EventContext) -> list[TriggeringFlow]:
        """The flows, those included that functions name, in this flow's project and branch unless they have others.

        Parameters
        ----------
        context : EventContext
            What functions are told.

        Raises
        ------
        InvalidDecoratorAttribute
            If a function fails, or what it returns cannot be used.
        """
        return [
            flow._replace(project=flow.project or context.project_name, branch=flow.branch or context.branch_name)
            for flow in self._read(context)
        ]

    def run_facts(self, flow: str, options: Mapping[str, Any]) -> RunFacts:
        """``current.trigger``, from the runs that ``--trigger`` names."""
        pathspecs = options.get(TRIGGER.key) or ()
        if not pathspecs:
            return RunFacts()
        trigger = Trigger.from_runs([_run(pathspec) for pathspec in pathspecs])
        return RunFacts({"trigger": trigger.plain()}, metadata={METADATA_FIELD: trigger.to_json()})

    def _read(self, context: EventContext | None) -> list[TriggeringFlow]:
        sources = sources_of(self, "flow", "flows", context)
        flows = [self._flow(source) for source in sources if context is not None or not callable(source)]
        refuse_duplicates(self, "flow", [".".join(filter(None, reversed(flow))) for flow in flows if flow.name])
        return flows

    def _flow(self, source: Any) -> TriggeringFlow:
        """The flow that `source` describes; one whose name is still to be computed has none."""
        if isinstance(source, str):
            return self._flow_from_text(source)
        if not isinstance(source, Mapping):
            raise self.error(
                f"{source!r} cannot be a flow of @trigger_on_finish: write its name, project.branch.Flow, a dictionary "
                "such as {'name': 'TheFlow', 'project': 'a', 'project_branch': 'prod'}, or a function that returns one."
            )
        unknown = [key for key in source if key not in _KEYS]
        if unknown:
            raise self.error(f"A flow of @trigger_on_finish has no '{unknown[0]}'. It can have: {', '.join(_KEYS)}.")
        if "name" not in source:
            raise self.error(f"A flow of @trigger_on_finish lacks its name: {source!r}. Write {{'name': 'TheFlow'}}.")
        for key, value in source.items():
            if not callable(value) and not (isinstance(value, str) and value):
                raise self.error(f"A flow of @trigger_on_finish has {key}={value!r}, which should be a text.")
        name, project, branch = (source.get(key) for key in _KEYS)
        if not callable(name):
            self._check_name(name)
        return TriggeringFlow("" if callable(name) else name, project, branch)  # type: ignore[arg-type]

    def _flow_from_text(self, text: str) -> TriggeringFlow:
        parts = text.split(".")
        self._check_name(parts[-1])
        if len(parts) == 1:
            return TriggeringFlow(text)
        if len(parts) < _QUALIFIED_PARTS or not all(parts):
            raise self.error(
                f"@trigger_on_finish: '{text}' cannot be a flow. Write its name alone, or with project and branch, as "
                "in 'my_project.prod.TheFlow'."
            )
        return TriggeringFlow(parts[-1], parts[0], ".".join(parts[1:-1]))

    def _check_name(self, name: Any) -> None:
        if not name.isidentifier():
            raise self.error(f"@trigger_on_finish: '{name}' cannot be the name of a flow, which is that of a class.")


def _run(pathspec: str) -> Run:
    """The run that ``--trigger`` names, whoever ran it."""
    from ..client.run import Run

    parts = pathspec.split("/")
    if len(parts) != 2 or not all(parts):
        raise CommandException(f"--trigger {pathspec} should name a run, as in --trigger SomeFlow/1711000000000000.")
    try:
        run = Run(pathspec, _namespace_check=False)
    except MetaflowNotFound as error:
        raise MetaflowNotFound(
            f"--trigger {pathspec}: {error.message}. Runs are looked up in the datastore that this run uses."
        ) from error
    if not run.finished:
        raise CommandException(
            f"--trigger {pathspec}: this run has not reached its end, so it triggers nothing (it is {run.status})."
        )
    return run


@overload
def trigger_on_finish(f: C, /) -> C: ...
@overload
def trigger_on_finish(*, flow: Any = ..., flows: Any = ..., options: Mapping[str, Any] = ...) -> Callable[[C], C]: ...
def trigger_on_finish(f: Any = None, **attributes: Any) -> Any:
    """Start the flow whenever another has succeeded, once both are deployed.

    To try that on this machine, name a finished run: ``python flow.py --trigger OtherFlow/123 run``. Tasks read it from
    ``current.trigger``.

    Parameters
    ----------
    flow : str, dict or callable, optional
        Name of the other flow, in the same project and branch if this flow has ``@project``; or
        ``"project.branch.Flow"``; or ``{"name": ..., "project": ..., "project_branch": ...}``; or a function that
        returns one of these when the flow is deployed.
    flows : list of these, or callable, optional
        Start the flow when all of these have succeeded.
    options : dict, optional
        ``{"reset_at": {"cron": ..., "timezone": ...}}`` forgets, at these times, flows that have succeeded while others
        have not.
    """
    return attach_to_flow(TriggerOnFinishDecorator, f, attributes)
