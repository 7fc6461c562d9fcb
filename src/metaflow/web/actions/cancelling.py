"""Cancelling runs: all at once, each with its tasks, and each task told of as soon as its end is known."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any

from metaflow.compute.cancelling import cancel_run
from metaflow.exception import CannotCancel, MetaflowException

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaflow.client.cancellation import CancelledRun, CancelledTask
    from metaflow.client.provider import Provider
    from metaflow.web.actions.journal import RunName
    from metaflow.web.actions.operations import Operation
    from metaflow.web.services import WebServices

#: Runs that are cancelled at a time; each may take minutes.
_AT_A_TIME = 8
#: Tasks of a run that are told of one by one.
MOST_TASKS = 500


def cancel_runs(web: WebServices, who: str, operation: Operation) -> str:
    """Cancel the runs of an operation; what became of each is in its result.

    Parameters
    ----------
    web : WebServices
    who : str
        Who is recorded to have cancelled them.
    operation : Operation

    Returns
    -------
    str
        What came of it, in a sentence.

    Raises
    ------
    CannotCancel
        Some of them go on, or could not be asked.
    """
    outcomes = [_waiting(name) for name in operation.runs]
    operation.result["cancelled"] = outcomes
    waiting: queue.SimpleQueue[tuple[RunName, dict[str, Any]]] = queue.SimpleQueue()
    for pair in zip(operation.runs, outcomes, strict=True):
        waiting.put(pair)

    def work() -> None:
        while True:
            try:
                name, outcome = waiting.get_nowait()
            except queue.Empty:
                return
            _cancel(web, name, who, operation, outcome)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(_AT_A_TIME, len(outcomes)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return _summary(outcomes)


def _waiting(name: RunName) -> dict[str, Any]:
    flow, run_id = name
    return {
        "flow": flow,
        "run_id": run_id,
        "state": "going",
        "status": "running",
        "message": None,
        "tasks": [],
        "task_count": 0,
    }


def _cancel(web: WebServices, name: RunName, who: str, operation: Operation, outcome: dict[str, Any]) -> None:
    """Cancel one run, whatever becomes of the others."""

    def watch(tasks: Iterable[CancelledTask]) -> None:
        outcome.update(_tasks(tasks))

    try:
        ended = cancel_run(web.provider, *name, say=operation.say, user=who, watch=watch)
    except CannotCancel as error:
        outcome.update(state="had_ended", status=_status(web.provider, name), message=error.message)
    except MetaflowException as error:
        outcome.update(state="failed", message=web.reason(error))
    except Exception as error:
        outcome.update(state="failed", message=f"It failed unexpectedly ({type(error).__name__}).")
        raise
    else:
        outcome.update(state=_state(ended), status=ended.status, message=ended.message, **_tasks(ended.tasks))


def _status(provider: Provider, name: RunName) -> str | None:
    run = provider.run(*name)
    return None if run is None else run.status


def _state(ended: CancelledRun) -> str:
    goes_on = ended.status == "running" or any(task.status == "running" for task in ended.tasks)
    return "goes_on" if goes_on else "ended"


def _tasks(tasks: Iterable[CancelledTask]) -> dict[str, Any]:
    listed = [task._asdict() for task in tasks]
    # Those that still run are what somebody waits for.
    listed.sort(key=lambda task: task["status"] != "running")
    return {"tasks": listed[:MOST_TASKS], "task_count": len(listed)}


def _summary(outcomes: list[dict[str, Any]]) -> str:
    failed = [each for each in outcomes if each["state"] in ("failed", "going")]
    goes_on = [each for each in outcomes if each["state"] == "goes_on"]
    ended = sum(each["state"] == "ended" for each in outcomes)
    had_ended = sum(each["state"] == "had_ended" for each in outcomes)
    parts = [f"{ended} of {len(outcomes)} stopped"] if len(outcomes) > 1 or ended else []
    if had_ended:
        parts.append(outcomes[0]["message"].rstrip(".") if len(outcomes) == 1 else f"{had_ended} had ended before")
    if goes_on:
        names = ", ".join(f"{each['flow']}/{each['run_id']}" for each in goes_on[:3])
        parts.append(f"{names} was asked to stop, but has not yet: cancel again to see")
    if failed:
        parts.append(f"{failed[0]['flow']}/{failed[0]['run_id']}: {failed[0]['message'] or 'it could not be asked'}")
    text = "; ".join(parts).rstrip(".") + "."
    if failed or goes_on:
        raise CannotCancel(text)
    return "The run was stopped, with all of its tasks." if len(outcomes) == 1 and ended else text
