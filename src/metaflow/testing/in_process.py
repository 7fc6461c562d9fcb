"""Tasks that run in the process of a test: the same code that runs them elsewhere, without a process of their own."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..client.task_metadata import CARD_INFO
from ..datastore.layout import card_key, log_key
from ..datastore.local import local_file
from ..datastore.logs import LogWriter, format_lines
from ..datastore.store import ObjectMissing
from ..datastore.tasks import open_task
from ..exception import MetaflowDataMissing, MetaflowException
from ..flow.declaration import FlowDeclaration
from ..flow.deploy_time import ParameterContext
from ..flow.parameters import Parameter
from ..flow.spec import FlowSpec
from ..identity import get_username
from ..metadata_store.events import TaskEnded, TaskStarted
from ..metadata_store.records import TaskRecord
from ..runtime.included_files import include_files
from ..runtime.planned_spec import transition_of
from ..runtime.task import TaskRunner, make_record
from .memory_provider import MemoryProvider
from .process_state import as_a_task, copied_output
from .results import CardPage, StepResult, TransitionTaken

if TYPE_CHECKING:
    from ..client.provider import Provider
    from ..datastore.logs import LogStream
    from ..datastore.store import ObjectStore
    from ..flow.config_reading import ConfigReading
    from ..flow.configs import ConfigDeclaration
    from ..flow.node import Node
    from ..flow.state import Inputs
    from ..runtime.specs import RunSpec, TaskSpec

_UNLIMITED = 2**62


class InProcessRunner(TaskRunner):
    """Runs tasks in this process, and hands over what they raise instead of printing it."""

    def __init__(self, declaration: FlowDeclaration, run: RunSpec, provider: Provider) -> None:
        super().__init__(declaration, run, provider.store)
        self._provider = provider
        self.error: BaseException | None = None
        self.interruption: BaseException | None = None

    @property
    def owns_process(self) -> bool:
        """No: it is the test's."""
        return False

    @property
    def provider(self) -> Provider:
        """What the client reads the run from."""
        return self._provider

    def report(self, flow: FlowSpec, error: BaseException) -> None:
        """Keep the first error of an attempt."""
        self.error = self.error or error

    def _call(self, flow: FlowSpec, function: Any, spec: TaskSpec, inputs: Inputs | None) -> Callable[[], None]:
        call = super()._call(flow, function, spec, inputs)

        def call_and_watch() -> None:
            try:
                call()
            except (Exception, SystemExit):
                raise
            except BaseException as interruption:
                # Ctrl-C, the end of a debugger, pytest.skip(): meant for the whole test, so nothing may handle it.
                self.interruption = interruption
                raise

        return call_and_watch


class InProcessRun:
    """A run whose tasks are executed here, one after the other.

    Parameters
    ----------
    declaration : FlowDeclaration
    run : RunSpec
    provider : Provider
        Where its records, artifacts and logs go.
    """

    def __init__(self, declaration: FlowDeclaration, run: RunSpec, provider: Provider) -> None:
        self._run = run
        self._provider = provider
        self._runner = InProcessRunner(declaration, run, provider)

    def execute(self, spec: TaskSpec, node: Node) -> tuple[StepResult, dict[str, Any]]:
        """Run one attempt of a task.

        Returns
        -------
        tuple of (StepResult, dict)
            What came of it, and its record as it stands in the manifest.
        """
        __tracebackhide__ = True
        run, runner = self._run, self._runner
        runner.error = None
        started = make_record(run, spec, time.time(), ok=False, success=False, error=None)["task"]
        self._provider.index.apply([TaskStarted(TaskRecord.from_dict({**started, "status": "running"}))])
        with as_a_task(self._provider), copied_output() as (stdout, stderr):
            ok = runner.execute(spec)
        if runner.interruption is not None:
            raise runner.interruption
        self._keep_log(spec, "stdout", stdout.text)
        self._keep_log(spec, "stderr", stderr.text)
        try:
            reader = open_task(runner.store, run.flow, run.run_id, spec.step, spec.task_id, spec.attempt)
        except MetaflowDataMissing:
            raise runner.error or MetaflowException("The task left no result.") from None
        record = reader.manifest.record
        self._provider.index.apply([TaskEnded(TaskRecord.from_dict(record["task"]))])
        result = StepResult(
            spec.step,
            spec.task_id,
            spec.attempt,
            ok,
            reader,
            _taken(record, node) if ok else None,
            runner.error,
            stdout.text,
            stderr.text,
            tuple(_cards(runner.store, run, spec, record["task"])),
        )
        return result, record

    def _keep_log(self, spec: TaskSpec, stream: LogStream, text: str) -> None:
        if not text:
            return
        lines = text.encode("utf-8", "surrogateescape").splitlines()
        now = time.time_ns() // 1000
        key = (self._run.flow, self._run.run_id, spec.step, spec.task_id, spec.attempt)
        if isinstance(self._provider, MemoryProvider):
            logs = self._provider.logs
            logs[key] = logs.get(key, b"") + format_lines(stream, lines, now)
            return
        path = local_file(self._provider.store, log_key(*key))
        assert path is not None
        writer = LogWriter(path, _UNLIMITED)
        writer.write(stream, lines, now)
        writer.close()


def _cards(store: ObjectStore, run: RunSpec, spec: TaskSpec, record: Mapping[str, Any]) -> Iterator[CardPage]:
    recorded = record.get("metadata", {}).get(CARD_INFO)
    if recorded is None:
        return
    from ..cards.files import CardName

    for card in json.loads(recorded):
        name = CardName(card["type"], card["id"], card["card_uuid"])
        try:
            content = store.get(card_key(run.flow, run.run_id, spec.step, spec.task_id, name.page))
        except ObjectMissing:
            continue  # it could not be rendered
        yield CardPage(name.type, name.id, bytes(content).decode())


def _taken(record: dict[str, Any], node: Node) -> TransitionTaken | None:
    transition = transition_of(record)
    if not transition.targets:
        return None
    return TransitionTaken(transition.targets, transition.foreach, transition.num_splits, node.condition)


def declare(flow_class: type[FlowSpec]) -> FlowDeclaration:
    """What a flow declares.

    Raises
    ------
    MetaflowException
        If it is no flow, or something is declared in a way that cannot be.
    """
    if not isinstance(flow_class, type) or not issubclass(flow_class, FlowSpec):
        raise MetaflowException(f"The first argument should be the class of the flow, not {flow_class!r}.")
    return FlowDeclaration(flow_class)


def configure(declaration: FlowDeclaration, given: Mapping[str, Any]) -> None:
    """Give a declaration the values of its configs: as given, otherwise their defaults.

    Parameters
    ----------
    declaration : FlowDeclaration
    given : mapping of str to object
        By the name of the config, or of the attribute that it is assigned to: a mapping, text to parse, or the path
        (a ``Path``) of a file to read.

    Raises
    ------
    MetaflowException
        If a name is not that of a config, or a value does not fit.
    """
    values = _by_attribute("config", declaration.name, declaration.configs, given)
    readings = {
        attribute: _read_config(declaration.name, config, values.get(attribute))
        for attribute, config in declaration.configs.items()
    }
    declaration.configure(
        {attribute: reading.value for attribute, reading in readings.items()},
        {attribute: reading.source for attribute, reading in readings.items()},
    )


def _read_config(flow: str, config: ConfigDeclaration, given: Any) -> ConfigReading:
    from ..flow.config_reading import read_default, read_file, read_value

    if given is None:
        return read_default(config, ParameterContext(flow, get_username(), config.name, print, "local"))
    if isinstance(given, os.PathLike):
        return read_file(config, os.fspath(given), "the test")
    return read_value(config, given, "the test")


def parameter_values(
    declaration: FlowDeclaration, store: ObjectStore, given: Mapping[str, Any], need_required: bool = True
) -> dict[str, Any]:
    """Value of each parameter by attribute name: as given, otherwise its default.

    Parameters
    ----------
    declaration : FlowDeclaration
    store : ObjectStore
        Where the content of included files goes.
    given : mapping of str to object
        By the name of the parameter, or of the attribute that it is assigned to.
    need_required : bool
        Whether a required parameter without a value is an error; otherwise it is left out.

    Raises
    ------
    MetaflowException
        If a name is not that of a parameter, a value does not fit, or one is missing.
    """
    texts = _by_attribute("parameter", declaration.name, declaration.parameters, given)
    values: dict[str, Any] = {}
    for attribute, parameter in declaration.parameters.items():
        if attribute in texts:
            values[attribute] = parameter.convert(texts[attribute])
        elif parameter.required:
            if need_required:
                raise MetaflowException(f"The parameter '{parameter.name}' of {declaration.name} needs a value.")
        else:
            values[attribute] = _default_of(parameter, declaration)
    return include_files(store, values, lambda _line: None)


def _by_attribute(
    kind: str, flow: str, declared: Mapping[str, Parameter | ConfigDeclaration], given: Mapping[str, Any]
) -> dict[str, Any]:
    """What was given under the name or the attribute of a parameter or config, by attribute."""
    attributes = {each.name: attribute for attribute, each in declared.items()}
    unknown = [name for name in given if name not in attributes and name not in declared]
    if unknown:
        known = ", ".join(attributes) or "none"
        raise MetaflowException(f"{flow} has no {kind} '{unknown[0]}'; it has: {known}.")
    return {name if name in declared else attributes[name]: value for name, value in given.items()}


def _default_of(parameter: Parameter, declaration: FlowDeclaration) -> Any:
    """The default as a run would store it; of an included file, the file."""
    if not callable(parameter.default):
        return parameter.declared_default()
    configs = declaration.configs_by_name if declaration.configs else None
    context = ParameterContext(declaration.name, get_username(), parameter.name, print, "local", configs)
    return parameter.computed_default(context)
