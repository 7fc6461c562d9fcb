"""One step on the artifacts of another run: reads there, and leaves its result in a place of its own."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from ..datastore.layout import parse_attempt
from ..datastore.local import LocalStore
from ..datastore.null_store import NullStore
from ..datastore.task_writer import TaskWriter
from ..datastore.tasks import TaskReader
from ..exception import MetaflowException
from ..flow.deploy_time import ParameterContext
from ..flow.spec import FlowSpec
from .specs import PARAMETERS_TASK
from .spin_decorators import keep_spinnable
from .task import TaskRunner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..client.provider import Provider
    from ..datastore.manifest import ArtifactEntry, Manifest
    from ..datastore.store import ObjectStore
    from ..flow.declaration import FlowDeclaration
    from ..flow.state import ArtifactSource
    from .specs import RunSpec, SpinSpec, TaskSpec

#: Artifacts that tell how the task went, and are kept in any case.
_ALWAYS_KEPT = ("_exception", "_catch_exception")
#: Name that an artifacts module has to define.
_ARTIFACTS = "ARTIFACTS"


class SpinRunner(TaskRunner):
    """Runs the one task of a spin.

    Parameters
    ----------
    declaration : FlowDeclaration
    run : RunSpec
    store : ObjectStore
        Where the origin run's artifacts are.
    spin : SpinSpec
    """

    def __init__(self, declaration: FlowDeclaration, run: RunSpec, store: ObjectStore, spin: SpinSpec) -> None:
        super().__init__(declaration, run, store)
        self.reads_from = spin.origin_run_id
        self._spin = spin
        self._given: dict[str, dict[str, Any]] = {}
        self._writer: _SpinWriter | None = None

    def open(self, key: str) -> TaskReader:
        """Artifacts of the task ``step/task/attempt`` of the origin run, with what was given in their stead."""
        reader = super().open(key)
        given = self._given.get(key)
        if given is not None and not isinstance(reader, ReplacedArtifacts):
            writer = TaskWriter(self._kept_store(), self.run.flow, self.run.run_id, *parse_attempt(key))
            reader = self._opened[key] = ReplacedArtifacts(reader, given, writer)
        return reader

    def inherited(self, spec: TaskSpec) -> ArtifactSource:
        """The artifacts that the task starts with; what was given counts more than what holds for the whole run."""
        return self.open(spec.inputs[0]) if spec.inputs[0] in self._given else super().inherited(spec)

    def warm(self, spec: TaskSpec) -> None:
        """Read nothing early: there is one task only."""

    def execute(self, spec: TaskSpec) -> bool:
        """Run the task; see :meth:`TaskRunner.execute`."""
        keep_spinnable(self.declaration.steps[spec.step], self._spin.skip_decorators)
        if self._spin.artifacts_module is not None:
            given = load_artifacts(self._spin.artifacts_module)
            self._given = _by_input(given, spec, self._spin)
            if not spec.is_join:
                self._preset(given)
        self._add_new_parameters(PARAMETERS_TASK if spec.is_join else spec.inputs[0])
        return super().execute(spec)

    def _preset(self, given: Mapping[str, Any]) -> None:
        """Let the step see given values of configs and constants, which no flow object reads from artifacts."""
        from copy import deepcopy

        preset, configs, constants = self.declaration.preset, self.declaration.configs, self.declaration.constants
        for name in given.keys() & (configs.keys() | constants.keys()):
            # A copy: a config value takes its dictionary over, and leaves it empty.
            preset[name] = configs[name].present(deepcopy(given[name])) if name in configs else given[name]

    def _add_new_parameters(self, source: str) -> None:
        """Give parameters that the flow has gained since that run their defaults."""
        there = self.open(source)
        new = {name: each for name, each in self.declaration.parameters.items() if name not in there}
        if not new:
            return
        configs = self.declaration.configs_by_name if self.declaration.configs else None
        defaults = {}
        for name, parameter in new.items():
            context = ParameterContext(self.run.flow, self.run.user, parameter.name, print, "local", configs)
            computed = callable(parameter.default)
            value = parameter.computed_default(context) if computed else parameter.declared_default()
            defaults[name] = value.read() if hasattr(value, "read") else value
        sys.stderr.write(f"Not in that run, so with their defaults: {', '.join(new)}\n")
        self._given[source] = {**defaults, **self._given.get(source, {})}

    def writer(self, spec: TaskSpec) -> TaskWriter:
        """Where the artifacts go."""
        task = (self.run.flow, self.run.run_id, spec.step, spec.task_id, spec.attempt)
        self._writer = _SpinWriter(LocalStore(self._spin.root), self.store, self._spin, *task)
        return self._writer

    @property
    def provider(self) -> Provider:
        """What the client reads spun steps from."""
        from ..client.home import Home
        from ..client.provider_choice import provider_at

        return provider_at(Home(self._spin.root))

    def committed_artifacts(self, flow: FlowSpec, manifest: Manifest) -> TaskReader:
        """The artifacts that the task has left; if they are not kept, those that it still has in memory."""
        if self._spin.persist or self._writer is None:
            return TaskReader(LocalStore(self._spin.root), manifest)
        return _ArtifactsInMemory(flow, manifest, self._writer.measured)

    @property
    def card_store(self) -> ObjectStore:
        """The spin's own place, also if its artifacts are not kept: cards are there to be looked at."""
        return LocalStore(self._spin.root)

    def _kept_store(self) -> ObjectStore:
        return LocalStore(self._spin.root) if self._spin.persist else NullStore()


class ReplacedArtifacts(TaskReader):
    """A task's artifacts, some of them replaced.

    Parameters
    ----------
    reader : TaskReader
    given : mapping of str to object
        What takes the place of what is stored, or comes in addition.
    writer : TaskWriter
        Where a given value goes that a later step could inherit. It is never committed.
    """

    __slots__ = ("_entries", "_given", "_writer")

    def __init__(self, reader: TaskReader, given: Mapping[str, Any], writer: TaskWriter) -> None:
        super().__init__(reader._store, reader.manifest)
        self._given = given
        self._writer = writer
        self._entries: dict[str, ArtifactEntry] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._given or super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        yield from self._given
        for name in super().__iter__():
            if name not in self._given:
                yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def entry(self, name: str) -> ArtifactEntry:
        """Say what an artifact is; a given value is serialised for that."""
        if name not in self._given:
            return super().entry(name)
        if name not in self._entries:
            self._entries[name] = self._writer.save(name, self._given[name])
        return self._entries[name]

    def load(self, name: str) -> Any:
        """Return an artifact's value; a given one is always the same object."""
        return self._given[name] if name in self._given else super().load(name)


class _ArtifactsInMemory(TaskReader):
    """The artifacts of a task that has just ended and keeps none of them."""

    __slots__ = ("_entries", "_flow")

    def __init__(self, flow: FlowSpec, manifest: Manifest, entries: Mapping[str, ArtifactEntry]) -> None:
        super().__init__(NullStore(), manifest)
        self._flow = flow
        self._entries = {**entries, **manifest.artifacts}

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, name: str) -> ArtifactEntry:
        return self._entries[name]

    def load(self, name: str) -> Any:
        return getattr(self._flow, name)


class _SpinWriter(TaskWriter):
    """Keeps the artifacts of a spun task, or only what can be said of them."""

    def __init__(
        self, store: ObjectStore, origin: ObjectStore, spin: SpinSpec, flow: str, run_id: str, *task: Any
    ) -> None:
        super().__init__(store, flow, run_id, *task)
        self._kept = store
        self._origin = origin
        self._spin = spin
        self._measured = None if spin.persist else TaskWriter(NullStore(), flow, run_id, *task)

    @property
    def measured(self) -> Mapping[str, ArtifactEntry]:
        """What can be said of artifacts that are not kept."""
        return {} if self._measured is None else self._measured.entries

    def save(self, name: str, value: object) -> ArtifactEntry:
        if self._measured is None or name in _ALWAYS_KEPT:
            return super().save(name, value)
        return self._measured.save(name, value)

    def forward(self, name: str, entry: ArtifactEntry) -> None:
        if self._measured is not None:
            self._measured.forward(name, entry)
            return
        from ..datastore.borrowing import borrow

        borrow(entry, self._origin, self._kept)
        super().forward(name, entry)

    def commit(self, record: dict[str, Any]) -> Manifest:
        task = record["task"]
        task["inputs"] = ()  # they are tasks of another run, in another datastore
        task["metadata"] = {**task.get("metadata", {}), "origin-run-id": self._spin.origin_run_id}
        if self._spin.origin_task is not None:
            task["metadata"]["spun-task"] = self._spin.origin_task
        if self._measured is not None:
            record["not_kept"] = {
                name: (entry.size, entry.type, entry.sha, entry.preview)
                for name, entry in self._measured.entries.items()
            }
        return super().commit(record)


def load_artifacts(path: str) -> dict[Any, Any]:
    """Import an artifacts module, and give its ``ARTIFACTS``.

    Raises
    ------
    MetaflowException
        If it does not define them as a dictionary. What its code raises is passed on as a MetaflowException with the
        place in that code.
    """
    from importlib.util import module_from_spec, spec_from_file_location

    name = os.path.splitext(os.path.basename(path))[0]
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise MetaflowException(f"The artifacts module {path} is no Python file: its name should end in .py.")
    module = sys.modules[name] = module_from_spec(spec)
    sys.path.insert(0, os.path.dirname(path))  # it may import its neighbours
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        from ..error_text import format_error

        raise MetaflowException(f"The artifacts module {path} cannot be imported.\n{format_error(error)}") from error
    finally:
        sys.path.remove(os.path.dirname(path))
    given = getattr(module, _ARTIFACTS, None)
    if not isinstance(given, dict):
        found = "it does not" if given is None else f"it is of type {type(given).__name__} there"
        raise MetaflowException(
            f"The artifacts module {path} should define {_ARTIFACTS}, a dictionary of artifacts by name, but {found}."
        )
    return given


def _by_input(given: dict[Any, Any], spec: TaskSpec, spin: SpinSpec) -> dict[str, dict[str, Any]]:
    """What is given for each input, by ``step/task/attempt``."""
    if not spec.is_join:
        _check_names(given, spin.artifacts_module)
        return {spec.inputs[0]: given}
    keys = {f"{spin.origin_run_id}/{key.rpartition('/')[0]}": key for key in spec.inputs}
    unknown = [name for name in given if name not in keys]
    if unknown:
        shown = ", ".join(map(repr, list(keys)[:5])) + (", ..." if len(keys) > 5 else "")
        raise MetaflowException(
            f"Step *{spec.step}* is a join, so {_ARTIFACTS} in {spin.artifacts_module} should have a dictionary for "
            f"each input, by its run/step/task. {unknown[0]!r} is none of its inputs, which are: {shown}."
        )
    for name, artifacts in given.items():
        if not isinstance(artifacts, dict):
            raise MetaflowException(
                f"{_ARTIFACTS}[{name!r}] in {spin.artifacts_module} should be a dictionary of artifacts by name, "
                f"not a {type(artifacts).__name__}."
            )
        _check_names(artifacts, spin.artifacts_module)
    return {keys[name]: artifacts for name, artifacts in given.items()}


def _check_names(artifacts: dict[Any, Any], path: str | None) -> None:
    for name in artifacts:
        if not isinstance(name, str) or not name.isidentifier():
            raise MetaflowException(f"{name!r} in {_ARTIFACTS} of {path} cannot be the name of an artifact.")
        if hasattr(FlowSpec, name) and name != "name":
            raise MetaflowException(
                f"{name!r} in {_ARTIFACTS} of {path} cannot be the name of an artifact: every flow has self.{name}."
            )
