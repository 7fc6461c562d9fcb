"""``Deployer``: gives a flow to an orchestrator. Which there are is told by the registry's category ``deployers``.

A back end registers, under the name of its group of commands (such as ``argo-workflows``), a class that derives from
:class:`DeployerImpl`. That class makes objects derived from :class:`DeployedFlow`, and these, objects derived from
:class:`TriggeredRun`.
"""

from __future__ import annotations

import os
from abc import ABC, ABCMeta, abstractmethod
from typing import TYPE_CHECKING, Any, cast

from .. import registry, settings
from ..exception import MetaflowNotFound
from .flow_file import FlowFile
from .metaflow_runner import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from ..client import Run

_CATEGORY = "deployers"


def _methods() -> dict[str, str]:
    """Orchestrators by the name of a method that stands for each."""
    return {name.replace("-", "_"): name for name in registry.names(_CATEGORY)}


def _what_there_is() -> str:
    known = ", ".join(_methods())
    return (
        f"There are: {known}." if known else "None is installed: flows can be run here (Runner), but not deployed yet."
    )


def _implementation(impl: str) -> type[DeployerImpl]:
    """Class that deploys to the orchestrator `impl`."""
    name = _methods().get(impl.replace("-", "_"))
    if name is None:
        raise ValueError(f"'{impl}' is no orchestrator that flows can be deployed to. {_what_there_is()}")
    return cast("type[DeployerImpl]", registry.load(_CATEGORY, name))


class Deployer:
    """Deploys a flow. There is a method for each orchestrator, ``deployer.argo_workflows(name=None)``.

    Parameters
    ----------
    flow_file : str or path
        The flow's file, which holds exactly one flow.
    show_output : bool
        Whether to print what the orchestrator's commands print.
    profile, env, cwd, file_read_timeout, **kwargs
        As for :class:`Runner`.

    Raises
    ------
    MetaflowException
        If there is no such file, it does not hold exactly one flow, or it cannot be loaded.
    ValueError, TypeError
        If an option is unknown or its value wrong.
    """

    def __init__(
        self,
        flow_file: str | os.PathLike[str],
        show_output: bool = True,
        profile: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        file_read_timeout: float = 3600,
        **kwargs: Any,
    ) -> None:
        self.flow_file = os.fspath(flow_file)
        self.show_output = show_output
        self.top_level_kwargs = kwargs
        self._flow_file = FlowFile(
            flow_file,
            environment(env, profile),
            None if cwd is None else os.path.abspath(cwd),
            file_read_timeout,
            kwargs,
        )

    def __getattr__(self, name: str) -> Callable[..., DeployerImpl]:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in _methods():
            raise AttributeError(f"This flow cannot be deployed to '{name}'. {_what_there_is()}")
        kind = _implementation(name)

        def deployer(name: str | None = None, **deployer_kwargs: Any) -> DeployerImpl:
            return kind(self._flow_file, self.show_output, {"name": name, **deployer_kwargs})

        return deployer

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_methods()})

    def __enter__(self) -> Deployer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cleanup()

    def cleanup(self) -> None:
        """Remove what was made here. What was deployed stays."""


class DeployerImpl(ABC):
    """Deploys one flow to one orchestrator; back ends derive from it.

    Parameters
    ----------
    flow_file : FlowFile
        The flow, with the options for all of its commands, its environment and its working directory.
    show_output : bool
    deployer_kwargs : mapping of str to object
        What the orchestrator's method was called with, ``name`` for instance.

    Attributes
    ----------
    TYPE : str
        Name of the orchestrator's group of commands.
    name : str or None
        Name of the deployment, once there is one.
    flow_name : str
    metadata : str or None
        Description of the metadata that its runs will be in, once it is known.
    additional_info : dict of str to object
        What else the orchestrator said.
    """

    TYPE: str

    def __init__(self, flow_file: FlowFile, show_output: bool, deployer_kwargs: Mapping[str, Any]) -> None:
        self.flow_file = flow_file
        self.show_output = show_output
        self.deployer_kwargs = dict(deployer_kwargs)
        self.name: str | None = None
        self.flow_name = flow_file.describe().flow
        self.metadata: str | None = None
        self.additional_info: dict[str, Any] = {}

    @classmethod
    @abstractmethod
    def deployed_flow_type(cls) -> type[DeployedFlow]:
        """Class of what :meth:`create` returns."""

    @abstractmethod
    def create(self, **kwargs: Any) -> DeployedFlow:
        """Deploy the flow.

        Parameters
        ----------
        **kwargs
            Options of the orchestrator's ``create`` command, with underscores for dashes.

        Raises
        ------
        RuntimeError
            If it could not be deployed, with all that was printed.
        """

    def cleanup(self) -> None:  # noqa: B027 - most have nothing to remove
        """Remove what was made here. What was deployed stays."""

    def __enter__(self) -> DeployerImpl:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cleanup()


class _LookupMethods(ABCMeta):
    """Gives :class:`DeployedFlow` its methods for single orchestrators."""

    def __getattr__(cls, name: str) -> Any:
        for prefix, suffix, method in (
            ("from_", "", "from_deployment"),
            ("list_", "", "list_deployed_flows"),
            ("get_triggered_", "_run", "get_triggered_run"),
        ):
            impl = name.removeprefix(prefix).removesuffix(suffix)
            if name == f"{prefix}{impl}{suffix}" and impl in _methods():
                import functools

                return functools.partial(getattr(DeployedFlow, method), impl=impl)
        raise AttributeError(f"{cls.__name__} has no '{name}'. {_what_there_is()}")


class DeployedFlow(metaclass=_LookupMethods):
    """A flow that an orchestrator has; back ends derive from it.

    For each orchestrator there are also ``from_<it>``, ``list_<it>`` and ``get_triggered_<it>_run``.

    Parameters
    ----------
    deployer : DeployerImpl
        What deployed it.

    Attributes
    ----------
    name : str
        Name of the deployment.
    flow_name : str
    metadata : str or None
        Description of the metadata that its runs are in.
    """

    def __init__(self, deployer: DeployerImpl) -> None:
        self.deployer = deployer
        self.name = deployer.name
        self.flow_name = deployer.flow_name
        self.metadata = deployer.metadata

    @property
    @abstractmethod
    def production_token(self) -> str | None:
        """Token that allows to change the deployment."""

    @abstractmethod
    def trigger(self, **kwargs: Any) -> TriggeredRun:
        """Start a run of it, with these values of the flow's parameters."""

    @abstractmethod
    def delete(self, **kwargs: Any) -> bool:
        """Remove it from the orchestrator; whether there was something to remove."""

    @classmethod
    def _from_deployment(cls, identifier: str, metadata: str | None) -> DeployedFlow:
        raise NotImplementedError(f"What was deployed cannot be looked up in the orchestrator of {cls.__name__}.")

    @classmethod
    def _list_deployed_flows(cls, flow_name: str | None) -> Iterator[DeployedFlow]:
        raise NotImplementedError(f"What was deployed cannot be listed from the orchestrator of {cls.__name__}.")

    @classmethod
    def _get_triggered_run(cls, identifier: str, run_id: str, metadata: str | None) -> TriggeredRun:
        raise NotImplementedError(f"Runs cannot be looked up in the orchestrator of {cls.__name__}.")

    @staticmethod
    def from_deployment(identifier: str, metadata: str | None = None, impl: str | None = None) -> DeployedFlow:
        """Look up what was deployed before.

        Parameters
        ----------
        identifier : str
            Name of the deployment.
        metadata : str, optional
            Description of the metadata that its runs are in.
        impl : str, optional
            The orchestrator; that of the setting ``DEFAULT_FROM_DEPLOYMENT_IMPL`` if not given.

        Raises
        ------
        ValueError
            If there is no such orchestrator.
        NotImplementedError
            If it cannot be asked.
        """
        return _flow_type(impl)._from_deployment(identifier, metadata)

    @staticmethod
    def list_deployed_flows(flow_name: str | None = None, impl: str | None = None) -> Iterator[DeployedFlow]:
        """Give all that was deployed, or only the deployments of one flow.

        Parameters
        ----------
        flow_name : str, optional
        impl : str, optional
            The orchestrator; that of the setting ``DEFAULT_FROM_DEPLOYMENT_IMPL`` if not given.

        Raises
        ------
        ValueError
            If there is no such orchestrator.
        NotImplementedError
            If it cannot be asked.
        """
        return _flow_type(impl)._list_deployed_flows(flow_name)

    @staticmethod
    def get_triggered_run(
        identifier: str, run_id: str, metadata: str | None = None, impl: str | None = None
    ) -> TriggeredRun:
        """Look up a run that was started in the orchestrator.

        Parameters
        ----------
        identifier : str
            Name of the deployment.
        run_id : str
        metadata : str, optional
            Description of the metadata that it is in.
        impl : str, optional
            The orchestrator; that of the setting ``DEFAULT_FROM_DEPLOYMENT_IMPL`` if not given.

        Raises
        ------
        ValueError
            If there is no such orchestrator.
        NotImplementedError
            If it cannot be asked.
        """
        return _flow_type(impl)._get_triggered_run(identifier, run_id, metadata)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


def _flow_type(impl: str | None) -> type[DeployedFlow]:
    return _implementation(impl or settings.get("DEFAULT_FROM_DEPLOYMENT_IMPL")).deployed_flow_type()


class TriggeredRun(ABC):
    """A run that an orchestrator was asked for; back ends derive from it.

    Parameters
    ----------
    deployer : DeployerImpl
    content : mapping of str to str
        ``name`` of the run in the orchestrator, its ``pathspec``, and ``metadata``, the description of where it is.

    Attributes
    ----------
    deployer : DeployerImpl
    name : str
    pathspec : str
    metadata_for_flow : str
    """

    def __init__(self, deployer: DeployerImpl, content: Mapping[str, str]) -> None:
        self.deployer = deployer
        self.name = content["name"]
        self.pathspec = content["pathspec"]
        self.metadata_for_flow = content["metadata"]

    @property
    def run(self) -> Run | None:
        """The run; None until it has begun."""
        from ..client import Run

        try:
            return Run.at(self.pathspec, self.metadata_for_flow)
        except MetaflowNotFound:
            return None

    def wait_for_run(self, check_interval: float = 5, timeout: float | None = None) -> None:
        """Wait until the run has begun.

        Parameters
        ----------
        check_interval : float
            Seconds between two questions to the metadata.
        timeout : float, optional
            Seconds to wait.

        Raises
        ------
        TimeoutError
            If it has not begun by then.
        """
        import time

        deadline = None if timeout is None else time.monotonic() + timeout
        while self.run is None:
            left = check_interval if deadline is None else min(check_interval, deadline - time.monotonic())
            if left <= 0:
                raise TimeoutError(f"The run {self.pathspec} has not begun after {timeout:g} seconds.")
            time.sleep(left)

    @abstractmethod
    def terminate(self, **kwargs: Any) -> bool:
        """End the run; whether there was something to end."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.pathspec!r})"
