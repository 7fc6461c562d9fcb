"""What an engine that runs tasks elsewhere has to be able to do, and what is said to it and by it.

An engine (Kubernetes, AWS Batch, Slurm, Ray, or one of another package) is a :class:`Backend`, registered by name in
the category ``compute_backends``. All of its methods may wait; they are called from threads, never from the event loop
of the scheduler. What a task prints and leaves behind does not pass through the engine: the task writes it to the run's
datastore (:mod:`metaflow.compute.node`), where the run's process finds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from ..exception import MetaflowException
from ..flow import parallel_node

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    Phase = Literal["pending", "running", "ended"]

#: Environment variable of a process of a job with several: the name of the variable that says which one it is, from 0.
INDEX_VARIABLE = "METAFLOW_JOB_INDEX_VARIABLE"
#: Environment variable that says which facts to record with the task: a JSON object, name of the fact -> variable.
METADATA_VARIABLE = "METAFLOW_TASK_METADATA_FROM"
#: Environment variable of the nodes of a gang, where the engine ends all when one fails: a file, with the number and
#: the exit code of the node that failed first.
FIRST_FAILURE_VARIABLE = "METAFLOW_GANG_FAILURE_FILE"
#: Environment variable of the nodes of a gang, where the engine ends all when node 0 ends.
MAIN_NODE_ENDS_ALL_VARIABLE = "METAFLOW_MAIN_NODE_ENDS_ALL"
#: Environment variable with the address of node 0 of a gang, where the engine tells it; otherwise nodes find out.
MAIN_ADDRESS_VARIABLE = parallel_node.MAIN_ADDRESS_VARIABLE


class EngineUnavailable(MetaflowException):
    """The engine cannot be reached, or does not want to be asked right now: it is asked again later.

    Parameters
    ----------
    message : str
    retry_after : float, optional
        Seconds that the engine wants to be left alone, if it says.
    """

    headline = "Compute engine unavailable"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class JobRefused(MetaflowException):
    """The engine does not take a job, and would not take it a second time."""

    headline = "Job refused"


class Job(NamedTuple):
    """What is submitted at once: a task, several tasks of a step that are alike, or the nodes of a gang.

    Attributes
    ----------
    name : str
        Unique among all jobs: ``mf-`` and 16 hexadecimal digits. An engine that lets its jobs be named uses it, so that
        a job whose submission was not confirmed can be found.
    step : str
    tasks : tuple of str
        The tasks as ``step/task/attempt``. The process with index i runs the i-th of them.
    is_gang : bool
        Whether they are the nodes of a parallel step, which have to run at the same time and reach each other.
    command : tuple of str
        Program and arguments, the same for every process.
    variables : mapping of str to str
        Environment variables. For a job of several tasks the backend adds ``INDEX_VARIABLE``.
    options : mapping of str to object
        The attributes of the step's decorator, merged with those of ``@resources``.
    timeout_seconds : float or None
        How long each process may run before the engine is to end it; a last resort, as tasks watch their own time.
    facts : mapping of str to str
        For whoever looks at the engine: ``flow``, ``run_id``, ``step``, ``user``, ``job`` (its name), and, for a single
        task, ``task_id`` and ``attempt``; ``project``, ``branch`` where there are such; whatever characters they have.
    """

    name: str
    step: str
    tasks: tuple[str, ...]
    is_gang: bool
    command: tuple[str, ...]
    variables: Mapping[str, str]
    options: Mapping[str, Any]
    timeout_seconds: float | None
    facts: Mapping[str, str]


class SubmittedJob(NamedTuple):
    """A job that the engine has taken, as it is also kept in the datastore for whoever looks after the run next.

    Attributes
    ----------
    name : str
        As in :class:`Job`.
    engine_id : str
        What the engine calls it.
    tasks : tuple of str
    is_gang : bool
    """

    name: str
    engine_id: str
    tasks: tuple[str, ...]
    is_gang: bool = False


class TaskState(NamedTuple):
    """What the engine says of one task.

    Attributes
    ----------
    task : str
        As ``step/task/attempt``.
    phase : str
        ``pending``, ``running``, or ``ended``, from which nothing more will come.
    text : str
        For people, while it is pending: why, such as that no node has enough memory; empty if there is nothing to say.
    status : int or None
        Once it has ended: exit code, or the negated number of a signal; None if the engine does not tell.
    reason : str or None
        Once it has ended: why, if it was not the doing of the task's own code (evicted, out of memory, cancelled,
        no such image), as the end of a sentence: ``its pod was evicted: the node was low on memory``.
    retriable : bool
        Whether another attempt may fare better; not if, say, its image does not exist.
    engine_id : str
        What the engine calls the task: a pod's name, the number of a job.
    metadata : mapping of str to str
        Facts to record with the task, such as ``kubernetes-pod-name``.
    """

    task: str
    phase: Phase
    text: str = ""
    status: int | None = None
    reason: str | None = None
    retriable: bool = True
    engine_id: str = ""
    metadata: Mapping[str, str] = {}


class JobQuery(NamedTuple):
    """Which jobs to look for.

    Attributes
    ----------
    flow : str
    run_id, user : str or None
        None for any.
    """

    flow: str
    run_id: str | None = None
    user: str | None = None


class FoundJob(NamedTuple):
    """A job that somebody asked for.

    Attributes
    ----------
    engine_id : str
        As in :class:`SubmittedJob`.
    facts : mapping of str to str
        Those of the :class:`Job`.
    phase : str
        ``pending`` or ``running``; jobs that have ended are not listed.
    text : str
        What the engine says of its state.
    foreign : str
        Who else looks after it (a workflow engine), as a hint on how to end it; empty if it is a run's own.
    """

    engine_id: str
    facts: Mapping[str, str]
    phase: Phase
    text: str = ""
    foreign: str = ""


class Backend(Protocol):
    """An engine. Made by calling what is registered with the values of the decorator's ``connection`` attributes.

    Attributes
    ----------
    title : str
        How people call the engine.
    largest_job : int
        How many tasks may be submitted at once.
    shortest_poll, longest_poll : float
        Seconds between two calls of :meth:`poll`: the first while something happens, the second if nothing does.
    """

    title: ClassVar[str]
    largest_job: int
    shortest_poll: float
    longest_poll: float

    def check(self) -> None:
        """See that the engine can be reached and accepts us, before a run starts.

        Raises
        ------
        MetaflowException
            If not, saying what to do.
        """
        ...

    def submit(self, job: Job) -> SubmittedJob:
        """Start a job, with one request.

        Raises
        ------
        JobRefused
            If the engine does not take it: no such queue, more than any node has, a limit of size.
        EngineUnavailable
            If it is to be tried again. The job may have been taken all the same: a second submission of the same name
            must then not start it twice.
        """
        ...

    def poll(self, jobs: Sequence[SubmittedJob], wait: float) -> Sequence[TaskState]:
        """Say how the tasks of these jobs are, with a number of requests that does not grow with that of tasks.

        What has not changed since the last call may be left out. A task that the engine no longer knows has ended, with
        the reason that it is gone, unless its job was submitted a moment ago.

        Parameters
        ----------
        jobs : sequence of SubmittedJob
            Those with tasks that have not ended.
        wait : float
            Seconds that the call may take if nothing happens; for engines that can tell at once when something does.

        Raises
        ------
        EngineUnavailable
            If the engine does not answer.
        """
        ...

    def cancel(self, job: SubmittedJob, tasks: Sequence[str]) -> None:
        """End some tasks of a job, or all; those that have ended or were never started are passed over.

        If all of ``job.tasks`` are named, the job ends as a whole, and of `job` only ``engine_id`` need be right: jobs
        that :meth:`find` gave are ended like that.

        Raises
        ------
        EngineUnavailable
            If the engine does not answer.
        """
        ...

    def output(self, job: SubmittedJob, task: str) -> bytes:
        """What the engine itself has of what a task printed; for tasks that could not send it home. May be empty."""
        ...

    def find(self, query: JobQuery) -> Sequence[FoundJob]:
        """Jobs that are waiting or running, of any run of the flow."""
        ...

    def close(self) -> None:
        """Release connections; jobs go on."""
        ...
