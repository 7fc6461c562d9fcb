"""Kubernetes as an engine: see :class:`~metaflow.compute.backend.Backend` for what each method has to do."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, ClassVar

from ... import settings
from ...exception import MetaflowException
from ..backend import EngineUnavailable, JobRefused, SubmittedJob
from .access import check_access, check_service_account, has_arrays
from .client import CredentialsRefused, KubernetesClient, ObjectExists, ObjectMissing
from .cluster import JOBSET, Cluster, kind_of
from .finding import find_jobs
from .manifests import manifest
from .names import CONTAINER, INDEX_ANNOTATION, JOB_LABEL, RUN_LABEL, run_label
from .pods import Site
from .states import read_pod
from .tracker import Tracker
from .watch import PodWatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..backend import FoundJob, Job, JobQuery, TaskState

#: How many tasks are one Indexed Job. Kubernetes takes more, but each job is a single object that its pods change.
_LARGEST_JOB = 500
#: Most bytes of a log that are fetched from the cluster itself.
_MOST_LOG_BYTES = 16 * 2**20
#: Seconds between two looks at nodes, or at events.
_EXPLAIN_SECONDS = 20.0
#: How many jobs are asked for by their names in one list.
_NAMES_IN_SELECTOR = 100


class KubernetesBackend:
    """The engine behind ``@kubernetes``.

    Parameters
    ----------
    namespace : str, optional
        Kubernetes namespace; otherwise that of the setting ``KUBERNETES_NAMESPACE``.
    """

    title: ClassVar[str] = "Kubernetes"
    shortest_poll = 0.2
    longest_poll = 3.0

    def __init__(self, namespace: str | None = None) -> None:
        self.largest_job = _LARGEST_JOB
        self._site = _site(namespace or settings.get("KUBERNETES_NAMESPACE"))
        self._mode = _terminate_mode()
        self._lock = threading.RLock()
        # What follows is guarded by the lock, but for the client, which is made once.
        self._connected: tuple[KubernetesClient, Cluster] | None = None
        self._tracker = Tracker(settings.get("KUBERNETES_PENDING_LIMIT"))
        self._watch: PodWatch | None = None
        #: Labels of the runs that are watched, and the run of each job.
        self._runs: frozenset[str] = frozenset()
        self._run_of: dict[str, str] = {}
        self._accounts: set[str] = set()
        # What follows is used by one thread only, which polls.
        self._explain_at = 0.0
        self._untold: list[TaskState] = []
        #: Pods by their name, and jobs by their ``engine_id``.
        self._to_end: set[str] = set()

    def check(self) -> None:
        """See that the cluster answers, accepts us, and has the namespace."""
        client, _ = self._connect()
        check_access(client)
        if not has_arrays(client):
            self.largest_job = 1

    def submit(self, job: Job) -> SubmittedJob:
        """Create a Job, an Indexed Job or a JobSet."""
        client, cluster = self._connect()
        account = job.options["service_account"]
        if account and account not in self._accounts:
            check_service_account(client, account)
            self._accounts.add(account)
        body = manifest(job, self._site)
        try:
            cluster.create(body)
        except ObjectExists:
            pass  # an earlier try was heard, but its answer was not
        except ObjectMissing as error:
            raise _no_such_place(body["kind"], error) from error
        except CredentialsRefused as error:
            # They were accepted when the run began: they have ended, and whoever logs in again lets the run go on.
            raise EngineUnavailable(error.message) from error
        with self._lock:
            self._run_of[job.name] = run_label(job.facts)
        return SubmittedJob(job.name, f"{body['kind'].lower()}/{job.name}", job.tasks, job.is_gang)

    def poll(self, jobs: Sequence[SubmittedJob], wait: float) -> Sequence[TaskState]:
        """Hear what pods do, and look at what has none; returns as soon as there is something to tell."""
        watch = self._watch_of(jobs)
        with self._lock:
            self._untold += self._tracker.follow(jobs, time.monotonic())
        changes = watch.take(0.0 if self._untold else wait)
        with self._lock:
            self._untold += self._tracker.hear(changes, time.monotonic())
        try:
            self._look()
            self._end_unwanted()
        except MetaflowException:
            if not self._untold:
                raise
        states, self._untold = self._untold, []
        return states

    def cancel(self, job: SubmittedJob, tasks: Sequence[str]) -> None:
        """End a job as the setting ``KUBERNETES_JOB_TERMINATE_MODE`` says, or the pods of some of its tasks."""
        _, cluster = self._connect()
        processes = [process for process, task in enumerate(job.tasks) if task in set(tasks)]
        some = bool(processes) and len(processes) < len(job.tasks) and not job.is_gang
        with self._lock:
            pods = self._tracker.unwanted(job.name, processes or range(len(job.tasks)))
            some = some and not self._tracker.is_rest(job.name, processes)
        if some:
            known = {pod.process: pod.name for pod in pods}
            if len(known) < len(processes):
                known.update(self._pods_of(job))
            for process in processes:
                if process in known:
                    cluster.delete_pod(known[process])
        else:
            self._end_job(job.engine_id)

    def output(self, job: SubmittedJob, task: str) -> bytes:
        """The log of a task's pod, as far as the cluster still has it."""
        _, cluster = self._connect()
        process = job.tasks.index(task)
        with self._lock:
            pod = self._tracker.pod_of(job.name, process)
        pod = pod or self._pods_of(job, process).get(process)
        return b"" if pod is None else cluster.log(pod, CONTAINER, _MOST_LOG_BYTES)

    def find(self, query: JobQuery) -> Sequence[FoundJob]:
        """Jobs of the flow that have not ended, and pods of it that Argo Workflows looks after."""
        return list(find_jobs(self._connect()[1], query))

    def close(self) -> None:
        """End the watch and close connections."""
        with self._lock:
            watch, self._watch = self._watch, None
            connected, self._connected = self._connected, None
        if watch is not None:
            watch.close()
        if connected is not None:
            connected[0].close()

    def _connect(self) -> tuple[KubernetesClient, Cluster]:
        with self._lock:
            if self._connected is None:
                client = KubernetesClient(self._site.namespace, settings.get("KUBERNETES_CONTEXT"))
                self._connected = client, Cluster(client, self._site.jobset_api)
            return self._connected

    def _watch_of(self, jobs: Sequence[SubmittedJob]) -> PodWatch:
        """The watch of the pods of all runs that these jobs belong to."""
        client, _ = self._connect()
        unknown = [job for job in jobs if job.name not in self._run_of]
        found = self._find_runs(unknown) if unknown else {}
        with self._lock:
            self._run_of.update(found)
            runs = self._runs | {run for job in jobs if (run := self._run_of.get(job.name))}
            if self._watch is None or runs != self._runs:
                if self._watch is not None:
                    self._watch.close()
                self._runs = frozenset(runs)
                self._watch = PodWatch(client, _in(RUN_LABEL, runs))
            return self._watch

    def _find_runs(self, jobs: Sequence[SubmittedJob]) -> dict[str, str]:
        """Which runs jobs belong to that another process submitted; nothing for those that no longer exist."""
        _, cluster = self._connect()
        found: dict[str, str] = {job.name: "" for job in jobs}
        for kind in {kind_of(job) for job in jobs}:
            names = [job.name for job in jobs if kind_of(job) == kind]
            for start in range(0, len(names), _NAMES_IN_SELECTOR):
                for item in cluster.listed(kind, _in(JOB_LABEL, names[start : start + _NAMES_IN_SELECTOR])):
                    found[item["metadata"]["labels"][JOB_LABEL]] = item["metadata"]["labels"][RUN_LABEL]
        return found

    def _look(self) -> None:
        """Look at jobs without pods, find out why pods wait, and give up what waits in vain."""
        _, cluster = self._connect()
        now = time.monotonic()
        with self._lock:
            due = self._tracker.due(now)
        found = cluster.states(due, _in(RUN_LABEL, self._runs)) if due else {}
        with self._lock:
            self._untold += self._tracker.looked(due, found, now)
            unplaced, blank = self._tracker.unplaced(), self._tracker.without_any_pod(now)
        if now >= self._explain_at and (unplaced or blank):
            misfits = cluster.misfits(unplaced) if unplaced else {}
            why = cluster.why_without_pods(blank) if blank else {}
            self._explain_at = now + _EXPLAIN_SECONDS
            with self._lock:
                self._untold += self._tracker.misfits(misfits, now)
                for job in blank:
                    if job.name in why:
                        self._untold += self._tracker.blocked(job, *why[job.name], now)
        with self._lock:
            self._untold += self._tracker.lose_patience(now)
            self._to_end |= {pod.name for pod in self._tracker.given_up()}
            self._to_end |= {job.engine_id for job in self._tracker.jobs_given_up()}

    def _end_unwanted(self) -> None:
        """End the pods or jobs of tasks that were given up, or were cancelled before there was a pod."""
        while self._to_end:
            name = next(iter(self._to_end))
            if "/" in name:
                self._end_job(name)
            else:
                self._connect()[1].delete_pod(name)
            self._to_end.discard(name)

    def _end_job(self, engine_id: str) -> None:
        """End a job as the setting says."""
        _, cluster = self._connect()
        (cluster.delete if self._mode == "delete" else cluster.stop)(engine_id)

    def _pods_of(self, job: SubmittedJob, process: int | None = None) -> dict[int, str]:
        """Names of the pods of a job, or of one of its processes, as the cluster has them now."""
        _, cluster = self._connect()
        selector = f"{JOB_LABEL}={job.name}"
        if process is not None and len(job.tasks) > 1 and not job.is_gang:
            selector += f",{INDEX_ANNOTATION}={process}"
        states = (read_pod(pod) for pod in cluster.find_pods(selector))
        return {state.process: state.name for state in states if state is not None}


def _site(namespace: str) -> Site:
    return Site(
        namespace=namespace,
        runtime_limit=settings.get("DEFAULT_RUNTIME_LIMIT"),
        keep_seconds=settings.get("KUBERNETES_JOB_TTL_SECONDS_AFTER_FINISHED"),
        jobset_api=f"{settings.get('KUBERNETES_JOBSET_GROUP')}/{settings.get('KUBERNETES_JOBSET_VERSION')}",
        on_ec2=settings.get("KUBERNETES_FETCH_EC2_METADATA"),
    )


def _terminate_mode() -> str:
    mode: str = settings.get("KUBERNETES_JOB_TERMINATE_MODE")
    if mode not in ("stop", "delete"):
        raise MetaflowException(f"METAFLOW_KUBERNETES_JOB_TERMINATE_MODE should be stop or delete, not {mode!r}.")
    return mode


def _in(label: str, values: Iterable[str]) -> str:
    return f"{label} in ({','.join(sorted(values)) or 'none'})"


def _no_such_place(kind: str, error: ObjectMissing) -> MetaflowException:
    if kind.lower() == JOBSET and "namespaces" not in error.message:
        return JobRefused(
            "The cluster has no JobSets, as which the nodes of a @parallel step run. Ask for them to be installed: "
            "https://jobset.sigs.k8s.io"
        )
    return JobRefused(error.message)
