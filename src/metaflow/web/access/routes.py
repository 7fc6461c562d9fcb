"""``/api/v1/app`` and ``/api/v1/session``: what a page must know before it shows anything, and who may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from metaflow import __version__
from metaflow.server.answers import json_answer
from metaflow.server.documented import answers
from metaflow.server.errors import Refusal
from metaflow.server.gate import token_of
from metaflow.server.session_cookie import session_cookie
from metaflow.web.access import models
from metaflow.web.access.sign_in import signed_in
from metaflow.web.access.visitor import visitor_with

if TYPE_CHECKING:
    from metaflow.server.tokens import Token
    from metaflow.web.services import WebServices

SESSION_PATH = "/api/v1/session"


def app_routes(web: WebServices) -> APIRouter:
    """Routes about the app itself."""
    router = APIRouter(prefix="/api/v1", tags=["app"])
    settings = web.server.settings

    @router.get(
        "/app",
        operation_id="getApp",
        summary="What this app is, and what may be done with it",
        responses=answers(models.AppFacts, "The facts."),
    )
    async def app(request: Request) -> Response:
        if web.server.live.before_listening is not None:
            # The page will listen, and should miss nothing of what happens after this.
            await web.server.live.before_listening()
        return json_answer(_facts(web, token_of(request.scope)))

    @router.post(
        "/session",
        operation_id="signIn",
        summary="Sign in: a cookie shows the token from then on",
        responses=answers(models.AppFacts, "Whoever asked is signed in.", 403, 413, 415),
    )
    async def sign_in(request: Request, shown: models.SignIn) -> Response:
        """For pages of this app only, which say so with the header `X-Metaflow-Page: 1`."""
        if not settings.tokens:
            return json_answer(_facts(web, None))
        found = signed_in(settings.tokens, web.codes, shown.token.strip())
        if found is None:
            raise Refusal(401, "unauthorized", "This is no token that the app knows. See that all of it was copied.")
        text, token = found
        return json_answer(
            _facts(web, token), headers={"Set-Cookie": session_cookie(request.scope, settings.app, text)}
        )

    @router.delete(
        "/session",
        operation_id="signOut",
        summary="Sign out: the browser forgets the token",
        status_code=204,
        responses={204: {"description": "It is forgotten."}},
    )
    async def sign_out(request: Request) -> Response:
        """For pages of this app only, which say so with the header `X-Metaflow-Page: 1`."""
        return Response(status_code=204, headers={"Set-Cookie": session_cookie(request.scope, settings.app, "")})

    return router


def _facts(web: WebServices, token: Token | None) -> dict[str, Any]:
    visitor = visitor_with(token, web)
    return {
        "version": __version__,
        "place": web.provider.description,
        "mode": "team" if web.project is None else "project",
        "user": visitor.user,
        "can_act": visitor.can_act,
        "can_start": visitor.can_start,
        "can_sign_out": token is not None,
        "read_only": web.server.settings.read_only,
        "arriving": None if web.arrivals is None else web.arrivals.facts(),
    }
