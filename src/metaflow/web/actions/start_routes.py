"""``/api/v1/startable`` and ``/api/v1/actions/start``, ``resume``: flows of the project, and runs of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metaflow.exception import CommandException, DataException, MetaflowException
from metaflow.metadata_store.store import RunQuery
from metaflow.server.answers import json_answer
from metaflow.server.documented import answers
from metaflow.server.errors import Refusal
from metaflow.web.actions import models as action_models, start_models as models
from metaflow.web.actions.commands import Wanted, describe, resume_command, run_command
from metaflow.web.actions.flow_form import form_of
from metaflow.web.actions.launching import launch
from metaflow.web.actions.operations import Operation
from metaflow.web.actions.past_values import past_values
from metaflow.web.actions.resuming import resume_facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from metaflow.metadata_store.records import RunRecord
    from metaflow.web.actions.acting import Actions, Deed
    from metaflow.web.actions.commands import Checked
    from metaflow.web.actions.launching import Command
    from metaflow.web.actions.startable import ProjectFlows

    T = TypeVar("T")

_STARTED = "It is being started, or has begun; getOperation says which run it is."
_RECENT_RUNS = 20

File = Annotated[str, Query(max_length=4000, description="as listStartable names it")]


def start_routes(actions: Actions) -> APIRouter:
    """Routes that start runs, and those that say what can be started."""
    router = APIRouter(tags=["actions"])
    _add_flow_routes(router, actions)
    _add_start_routes(router, actions)
    _add_resume_routes(router, actions)
    return router


def _add_flow_routes(router: APIRouter, actions: Actions) -> None:
    @router.get(
        "/startable",
        operation_id="listStartable",
        summary="Flows in the project's directory; their files are read, not run",
        responses=answers(models.StartableFlows, "The flows, by their files.", 403),
    )
    async def startable(request: Request) -> Response:
        flows = _flows(actions, request)

        def read() -> dict[str, Any]:
            found = flows.find()
            latest = {each.flow: _recent(actions, each.flow, 1) for each in found.flows if each.flow}
            listed = [{**each._asdict(), "latest": next(iter(latest.get(each.flow, [])), None)} for each in found.flows]
            return {"directory": str(flows.directory), "flows": listed, "is_complete": found.is_complete}

        return json_answer(await run_in_threadpool(read))

    @router.get(
        "/startable/form",
        operation_id="getStartForm",
        summary="What can be filled in to start a flow; its file is asked, in a process of its own",
        responses=answers(models.StartForm, "The form.", 403, 404),
    )
    async def form(request: Request, file: File) -> Response:
        flows = _flows(actions, request)

        def read() -> dict[str, Any]:
            made = form_of(_understood(lambda: describe(flows, file)))
            recent = _recent(actions, made["flow"], _RECENT_RUNS)
            facts = {"file": file, "directory": str(flows.directory), "interpreter": sys.executable}
            return {**facts, **made, "recent": recent}

        return json_answer(await run_in_threadpool(read))

    @router.get(
        "/startable/values",
        operation_id="getPastValues",
        summary="What a past run was given, for filling in the form",
        responses=answers(models.PastValues, "The values that are known in plain form.", 403, 404),
    )
    async def values(request: Request, file: File, flow: str, run_id: str) -> Response:
        flows = _flows(actions, request)

        def read() -> dict[str, Any]:
            _existing(actions, flow, run_id)
            described = _understood(lambda: describe(flows, file)).commands.get("run", [])
            known, unknown = past_values(
                actions.web.provider, flow, run_id, [option for option in described if option.is_parameter]
            )
            return {"values": known, "unknown": unknown}

        return json_answer(await run_in_threadpool(read))


def _add_start_routes(router: APIRouter, actions: Actions) -> None:
    @router.post(
        "/actions/start/command",
        operation_id="previewStart",
        summary="The command that would start a run; nothing is started",
        responses=answers(models.StartCommand, "The command, or what is wrong with what was filled in.", 403, 404),
    )
    async def preview(request: Request, wish: models.StartWish) -> Response:
        checked = await run_in_threadpool(_new_run, actions, request, wish)
        return json_answer(_plain(checked))

    @router.post(
        "/actions/start",
        operation_id="actStart",
        summary="Start a run of a flow of the project",
        status_code=202,
        responses=answers(action_models.ActionOperation, _STARTED, 403, 404, status=202),
    )
    async def start(request: Request, wish: models.StartNow) -> Response:
        """The run is a process of its own on this machine, which goes on when the app ends."""
        details = {"file": wish.file}
        return await _launch(
            actions, request, "start", wish.request_id, [], details, lambda: _command(_new_run(actions, request, wish))
        )


def _add_resume_routes(router: APIRouter, actions: Actions) -> None:
    @router.get(
        "/actions/resume",
        operation_id="getResumeFacts",
        summary="What must be known to resume a run",
        responses=answers(models.ResumeFacts, "Its steps, where it failed, and the command.", 404),
    )
    async def facts(flow: str, run_id: str) -> Response:
        def read() -> dict[str, Any]:
            run = _existing(actions, flow, run_id)
            return resume_facts(actions.web.provider, run, actions.flows)

        return json_answer(await run_in_threadpool(read))

    @router.post(
        "/actions/resume/command",
        operation_id="previewResume",
        summary="The command that would resume a run; nothing is started",
        responses=answers(models.StartCommand, "The command, or what is wrong with what was filled in.", 403, 404),
    )
    async def preview(request: Request, wish: models.ResumeWish) -> Response:
        checked = await run_in_threadpool(_resumption, actions, request, wish)
        return json_answer(_plain(checked))

    @router.post(
        "/actions/resume",
        operation_id="actResume",
        summary="Resume a run: what it finished is taken over, the rest runs",
        status_code=202,
        responses=answers(action_models.ActionOperation, _STARTED, 403, 404, 409, status=202),
    )
    async def resume(request: Request, wish: models.ResumeNow) -> Response:
        """It runs with the flow's file as it is now."""
        name = (wish.flow, wish.run_id)
        details = {"origin": "/".join(name), "steps": wish.steps}
        return await _launch(
            actions,
            request,
            "resume",
            wish.request_id,
            [name],
            details,
            lambda: _command(_resumption(actions, request, wish)),
        )


async def _launch(
    actions: Actions,
    request: Request,
    action: str,
    request_id: str,
    runs: list[tuple[str, str]],
    details: dict[str, Any],
    command: Callable[[], Command],
) -> Response:
    """Start what was asked for, once."""
    key = (action, request_id)
    known = actions.operations.running(key)
    if known is None:
        async with actions.deed(request, action, runs, **details) as deed:
            made = await run_in_threadpool(command)
            known = _started(actions, action, runs, deed, made, key)
    return json_answer(await actions.shortly(known), 202)


def _started(
    actions: Actions, action: str, runs: list[tuple[str, str]], deed: Deed, command: Command, key: tuple[str, str]
) -> Operation:
    def work(operation: Operation) -> str:
        operation.details["command"] = command.shown
        return launch(actions.web.provider, command, operation)

    return actions.operations.start(Operation(action, runs), work, deed.entry, key, lasting=True)


def _flows(actions: Actions, request: Request) -> ProjectFlows:
    """The project's flows, for whom who may run them."""
    actions.actor(request)
    if actions.flows is None:
        raise Refusal(
            403,
            "no_project",
            "This server starts no runs: it serves a team, and the flows are elsewhere. Use the command line, or "
            "`metaflow ui` in the flow's directory.",
        )
    return actions.flows


def _existing(actions: Actions, flow: str, run_id: str) -> RunRecord:
    try:
        run = actions.web.provider.run(flow, run_id)
    except DataException as error:
        raise Refusal(503, "datastore_unreachable", error.message) from error
    if run is None:
        raise Refusal(404, "not_found", f"There is no run {run_id[:200]!r} of {flow[:200]!r}.")
    return run


def _recent(actions: Actions, flow: str, limit: int) -> list[dict[str, Any]]:
    runs = actions.web.server.metadata.runs(RunQuery(flow, limit=limit))
    return [
        {"run_id": run.run_id, "status": run.status, "started_at": run.started_at, "user": run.user} for run in runs
    ]


def _new_run(actions: Actions, request: Request, wish: models.StartWish) -> Checked:
    flows, home = _flows(actions, request), actions.web.provider.home
    return _understood(lambda: run_command(flows, wish.file, _wanted(wish), home))


def _resumption(actions: Actions, request: Request, wish: models.ResumeWish) -> Checked:
    flows, home = _flows(actions, request), actions.web.provider.home
    run = _existing(actions, wish.flow, wish.run_id)
    known = resume_facts(actions.web.provider, run, flows)
    if known["problem"] is not None:
        raise Refusal(409, "cannot_resume", known["problem"])
    file = wish.file or known["files"][0]
    return _understood(lambda: resume_command(flows, file, run.run_id, wish.steps, _wanted(wish), home))


def _understood(read: Callable[[], T]) -> T:
    """What a flow's file says; a refusal if it cannot be loaded."""
    try:
        return read()
    except CommandException as error:
        raise Refusal(404, "no_flow", error.message) from error
    except MetaflowException as error:
        where = f" (line {error.line_no} of {error.source_file})" if error.line_no else ""
        raise Refusal(422, "flow_unreadable", f"{error.message}{where}") from error


def _wanted(wish: models.RunWish) -> Wanted:
    common = Wanted(wish.values, tags=wish.tags, decorators=wish.decorators, max_workers=wish.max_workers)
    if not isinstance(wish, models.StartWish):
        return common
    configs = [(config.name, config.path, config.value) for config in wish.configs]
    return common._replace(options=wish.options, configs=configs, namespace=wish.namespace)


def _command(checked: Checked) -> Command:
    if checked.command is None:
        name, message = checked.problems[0]
        details = [{"where": name, "message": message} for name, message in checked.problems]
        raise Refusal(422, "invalid", f"{name}: {message}" if name else message, details=details)
    return checked.command


def _plain(checked: Checked) -> dict[str, Any]:
    return {
        "command": None if checked.command is None else checked.command.shown,
        "problems": [{"name": name, "message": message} for name, message in checked.problems],
    }
