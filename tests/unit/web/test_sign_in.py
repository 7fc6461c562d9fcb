"""Who is let in, as whom, and that no page of others can act for somebody who is signed in."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.server.configuration import ServerSettings
from metaflow.server.tokens import parse_tokens
from metaflow.web.access.sign_in import OneTimeCodes
from metaflow.web.serving import create_web_app
from running_service import Service, running_app

WRITER, READER = "writing-token; with=odd,signs", "reading-token-0001"
TOKENS = parse_tokens(f"ann:write:{WRITER.replace(' ', '')} eyes:read:{READER}", "here")
WRITER = WRITER.replace(" ", "")
PAGE = {"X-Metaflow-Page": "1"}
RUN = {"run": {"flow": "F", "run_id": "1", "user": "ann", "started_at": 1.0}}


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    with ExitStack() as stack:

        def start(directory: Path | None = None, codes: OneTimeCodes | None = None, **settings: Any) -> Service:
            database = SqliteMetadata(tmp_path / "x.sqlite", keep_log=True)
            stack.callback(database.close)
            provider = Provider(Home(str(tmp_path)), database)
            app = create_web_app(database, provider, ServerSettings(**settings), directory, codes=codes)
            return stack.enter_context(running_app(app, database))

        yield start


def sign_in(service: Service, token: str, **headers: str) -> Any:
    return service.ask("POST", "/api/v1/session", {"token": token}, {**PAGE, "Origin": service.url, **headers})


def cookie_of(answer: Any) -> str:
    return answer.headers["Set-Cookie"].partition(";")[0]


def test_a_token_becomes_a_cookie_that_scripts_and_other_sites_cannot_use(serve):
    service = serve(tokens=TOKENS)
    assert service.get("/api/v1/app").status == 401
    answer = sign_in(service, WRITER)
    assert answer.status == 200 and answer.json["user"] == "ann" and answer.json["can_act"]
    name, *attributes = re.split("; ?", answer.headers["Set-Cookie"])
    assert name.startswith(f"metaflow_session_{service.port}_") and WRITER not in name
    assert {"Path=/", "HttpOnly", "SameSite=Strict"} <= set(attributes) and "Secure" not in attributes
    facts = service.get("/api/v1/app", Cookie=f"other=1; {name}; more=2").json
    assert (facts["user"], facts["can_act"], facts["can_sign_out"], facts["mode"]) == ("ann", True, True, "team")
    behind_https = sign_in(service, WRITER, **{"X-Forwarded-Proto": "https"})
    assert "Secure" in re.split("; ?", behind_https.headers["Set-Cookie"])
    gone = service.ask("DELETE", "/api/v1/session", headers={**PAGE, "Origin": service.url, "Cookie": name})
    assert gone.status == 204 and "Max-Age=0" in gone.headers["Set-Cookie"]


def test_who_is_not_let_in(serve):
    service = serve(tokens=TOKENS)
    for token in ("wrong", "", WRITER + "x", "x" * 5000, "\ud800"):
        refused = sign_in(service, token)
        assert refused.status in (401, 422) and "Set-Cookie" not in refused.headers
    assert sign_in(service, "x" * 20_000).status == 413, "who is not known yet cannot make the service read much"
    name = cookie_of(sign_in(service, WRITER)).partition("=")[0]
    for value in ("wrong", "!!!", "=", base64.urlsafe_b64encode(b"\xff\xfe").decode(), "a" * 20_000):
        assert service.get("/api/v1/app", Cookie=f"{name}={value}").status == 401
    elsewhere = cookie_of(sign_in(service, WRITER)).replace(str(service.port), str(service.port + 1))
    assert service.get("/api/v1/app", Cookie=elsewhere).status == 401, "of another app on this machine"
    for path in ("/metrics", "/flows", "/api/v1/runs", "/api/v1/events/stream"):
        assert service.get(path).status == 401, path
    for path in ("/ui/", "/ui/runs/F/1", "/healthz"):
        assert service.get(path).status != 401, path


def test_apps_at_the_same_address_do_not_take_each_others_cookies(serve, tmp_path):
    """They are so one after the other, or through tunnels: the browser then sends the cookies of all of them."""
    service = serve(tokens=TOKENS)
    other = serve(tokens=TOKENS, project="elsewhere", directory=tmp_path)
    same_address = {"Host": f"127.0.0.1:{service.port}", "Origin": f"http://127.0.0.1:{service.port}"}
    own, foreign = cookie_of(sign_in(service, WRITER)), cookie_of(sign_in(other, WRITER, **same_address))
    assert own.partition("=")[0] != foreign.partition("=")[0], "none signs another out"
    assert service.get("/api/v1/app", Cookie=foreign).status == 401, "also if the token would be good here"
    assert service.get("/api/v1/app", Cookie=f"{foreign}; {own}").json["user"] == "ann"
    forged = f"{own.partition('=')[0]}=d3Jvbmc"
    assert service.get("/api/v1/app", Cookie=f"{forged}; {own}").json["user"] == "ann", "another server set the first"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "{own}"},
        {**PAGE},
        {**PAGE, "Origin": "https://evil.example"},
        {**PAGE, "Origin": "null"},
        {**PAGE, "Origin": "http://127.0.0.1:1"},
        {**PAGE, "Sec-Fetch-Site": "cross-site"},
        {**PAGE, "Sec-Fetch-Site": "same-site", "Origin": "{own}"},
        {**PAGE, "Sec-Fetch-Site": "none"},
        {**PAGE, "Origin": "{own}.evil.example"},
    ],
)
def test_the_cookie_changes_nothing_for_pages_of_others(serve, headers):
    service = serve(tokens=TOKENS)
    cookie = cookie_of(sign_in(service, WRITER))
    sent = {name: value.replace("{own}", service.url) for name, value in headers.items()}
    refused = service.ask("POST", "/api/v1/runs", RUN, {**sent, "Cookie": cookie})
    assert refused.status == 403, refused.body
    assert service.database.run("F", "1") is None
    assert service.ask("POST", "/api/v1/session", {"token": WRITER}, sent).status == 403, "nor can they sign in"


def test_the_cookie_acts_for_our_own_pages_and_programs_need_no_header(serve):
    service = serve(tokens=TOKENS)
    own = {
        **PAGE,
        "Origin": service.url,
        "Sec-Fetch-Site": "same-origin",
        "Cookie": cookie_of(sign_in(service, WRITER)),
    }
    assert service.ask("POST", "/api/v1/runs", RUN, own).status == 201
    program = {"Authorization": f"Bearer {WRITER}"}
    assert service.ask("POST", "/api/v1/runs/query", {}, program).json["runs"][0]["run_id"] == "1"
    assert service.ask("POST", "/api/v1/events", {"events": []}, program).status == 200
    # A header's token is what counts, and a wrong one is not made good by a cookie.
    assert service.ask("POST", "/api/v1/events", {"events": []}, {**own, "Authorization": "Bearer no"}).status == 401


def test_a_token_that_reads_and_a_server_that_only_reads_change_nothing(serve, tmp_path):
    service = serve(tokens=TOKENS, directory=tmp_path)
    answer = sign_in(service, READER)
    assert answer.status == 200 and (answer.json["can_act"], answer.json["can_start"]) == (False, False)
    own = {**PAGE, "Origin": service.url, "Cookie": cookie_of(answer)}
    refused = service.ask("POST", "/api/v1/runs", RUN, own)
    assert refused.status == 403 and "eyes" in refused.json["error"]["message"]
    read_only = serve(tokens=TOKENS, directory=tmp_path, read_only=True)
    answer = sign_in(read_only, WRITER)
    assert answer.status == 200 and (answer.json["can_act"], answer.json["read_only"]) == (False, True)
    own = {**PAGE, "Origin": read_only.url, "Cookie": cookie_of(answer)}
    assert read_only.ask("POST", "/api/v1/runs", RUN, own).kind == "read_only"


def test_without_tokens_only_this_machine_is_served_and_nobody_needs_to_sign_in(serve, tmp_path, monkeypatch):
    monkeypatch.setenv("METAFLOW_USER", "ann")
    service = serve(directory=tmp_path)
    facts = service.get("/api/v1/app").json
    assert (facts["user"], facts["can_act"], facts["can_start"], facts["can_sign_out"]) == ("ann", True, True, False)
    assert sign_in(service, "anything").status == 200
    for host in ("evil.example", f"evil.example:{service.port}", "127.0.0.1.evil.example", ""):
        for path in ("/api/v1/app", "/ui/"):
            assert service.get(path, Host=host).status == 403, host
    for origin in ("https://evil.example", "null"):
        assert service.ask("POST", "/api/v1/runs", RUN, {"Origin": origin}).status == 403


def test_a_code_is_good_for_one_sign_in_and_not_for_long(serve):
    now = [0.0]
    codes = OneTimeCodes(WRITER, lambda: now[0])
    service = serve(tokens=TOKENS, codes=codes)
    code = codes.make()
    assert service.get("/api/v1/app", Authorization=f"Bearer {code}").status == 401, "only signing in takes it"
    answer = sign_in(service, code)
    assert answer.status == 200 and service.get("/api/v1/app", Cookie=cookie_of(answer)).json["user"] == "ann"
    assert sign_in(service, code).status == 401
    late = codes.make()
    now[0] = 1000.0
    assert sign_in(service, late).status == 401
