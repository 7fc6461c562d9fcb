"""The web app is served: it starts, lets in who may come in, tells what happens, survives what may happen, and ends."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack

import pytest

from attack_strings import MARKUP
from browser import accessibility_problems
from metadata_service import READER, WRITER, MetadataService
from servers import free_port

from .test_kill import wait_until

FLOW = """
import os, time

class HelloFlow(FlowSpec):
    gate = Parameter("gate", default="")

    @step
    def start(self):
        print("started", flush=True)
        while self.gate and not os.path.exists(self.gate):
            time.sleep(0.02)
        self.next(self.end)

    @step
    def end(self):
        print("hello")
"""


class Events:
    """What an app tells a program that listens."""

    def __init__(self, app, query=""):
        host = app.url.partition("://")[2]
        self.connection = http.client.HTTPConnection(host, timeout=60)
        headers = {"Authorization": f"Bearer {app.token}"}
        self.connection.request("GET", f"/api/v1/events/stream{query}", headers=headers)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200

    def until(self, kind, **wanted):
        """The next event of a kind that has these values."""
        event = {}
        while True:
            line = self.answer.readline().decode()
            assert line, "the stream has ended"
            name, _, value = line.strip().partition(": ")
            if name in ("id", "event", "data"):
                event[name] = value
            elif not line.strip() and event:
                data = json.loads(event["data"])
                about = data.get("run") or data.get("task") or data
                if event["event"] == kind and all(about.get(key) == value for key, value in wanted.items()):
                    return int(event.get("id", 0)), data
                event = {}

    def close(self):
        self.answer.close()
        self.connection.close()


def test_it_opens_before_anything_ran_and_tells_what_happens(project, web_app):
    app = web_app()
    assert app.get("/api/v1/runs") and not (project.path / ".metaflow").exists()
    facts = app.get("/api/v1/app")
    assert (facts["mode"], facts["user"], facts["can_act"], facts["can_start"]) == ("project", "tester", True, True)
    events = Events(app)
    events.until("ready")
    project.write(FLOW)
    gate = project.path / "gate"
    run = project.start("run", "--gate", str(gate))
    events.until("reset")
    wait_until(lambda: app.get("/api/v1/runs?flow=HelloFlow")["runs"], seconds=60)
    (found,) = app.get("/api/v1/runs?flow=HelloFlow")["runs"]
    assert found.get("status", "running") == "running"
    gate.touch()
    last, _ = events.until("task_ended", step="end")
    events.until("run_ended", status="done")
    assert run.wait(60) == 0
    back = Events(app, f"?after={last}")
    back.until("run_ended")
    back.until("ready")
    for stream in (events, back):
        stream.close()


def test_its_address_lets_in_and_nobody_else_can_read_the_token(project, web_app):
    app = web_app()
    (kept,) = (project.path / "home" / "state" / "metaflow" / "ui").iterdir()
    assert kept.read_text() == app.token and stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    second = web_app(project.path)
    assert second.token == app.token and second.url != app.url, "bookmarks survive a restart"
    kept.chmod(0o644)
    third = web_app(project.path)
    assert third.token != app.token, "others may have read it"
    assert third.api("GET", "/api/v1/app", headers={"Authorization": f"Bearer {app.token}"}).status == 401
    assert app.api("GET", "/api/v1/app", headers={"Authorization": "Bearer "}).status == 401


def test_a_port_that_is_taken(project):
    """The usual one gives way to the next; one that was asked for is refused."""

    def start(*options):
        return subprocess.Popen(
            [sys.executable, "-m", "metaflow", "ui", "--no-open", *options],
            cwd=project.path,
            env={**project.env, "XDG_STATE_HOME": str(project.path / "state")},
            stderr=subprocess.PIPE,
            text=True,
        )

    taken = socket.create_server(("127.0.0.1", 0))
    refused = start("--port", str(taken.getsockname()[1]))
    assert refused.wait(60) == 1 and "--port" in refused.stderr.read()
    apps = [start(), start()]
    ports = set()
    for app in apps:
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/ui/", app.stderr.readline())):
            assert app.poll() is None
        ports.add(found[1])
        app.send_signal(signal.SIGTERM)
        assert app.wait(60) == 0
        app.stderr.close()
    assert len(ports) == 2
    taken.close()


def test_a_run_that_is_killed_is_failed_on_the_page_a_moment_later(project, web_app):
    project.write(FLOW)
    run = project.start("run", "--gate", str(project.path / "never"))
    app = web_app()
    events = Events(app, "?recent=60")
    wait_until(lambda: app.get("/api/v1/runs?flow=HelloFlow")["runs"], seconds=60)
    run_id = app.get("/api/v1/runs?flow=HelloFlow")["runs"][0]["run_id"]
    of_start = f"/api/v1/tasks?flow=HelloFlow&run_id={run_id}&step=start"
    wait_until(lambda: app.get(of_start)["tasks"], seconds=60)
    run.send_signal(signal.SIGKILL)
    _, ended = events.until("run_ended", run_id=run_id)
    assert (ended["status"], ended["message"]) == ("failed", "the run's process died")
    assert app.get(f"/api/v1/run?flow=HelloFlow&run_id={run_id}")["status"] == "failed"
    tasks = app.get(f"/api/v1/tasks?flow=HelloFlow&run_id={run_id}")["tasks"]
    assert {task["step"]: task["status"] for task in tasks}["start"] == "killed"
    events.close()


def test_a_reader_of_others_runs_changes_nothing(project, web_app):
    run_id = project.run(FLOW).run_id
    app = web_app(project.path, "--read-only")
    facts = app.get("/api/v1/app")
    assert (facts["can_act"], facts["can_start"], facts["read_only"]) == (False, False, True)
    refused = app.api("POST", "/api/v1/tags", {"flow": "HelloFlow", "run_id": run_id, "add": ["x"]})
    assert refused.status == 403 and refused.json["error"]["kind"] == "read_only"
    assert app.get(f"/api/v1/run?flow=HelloFlow&run_id={run_id}")["status"] == "done"


def test_runs_of_other_machines_in_a_bucket_appear_and_are_followed(project, s3_bucket, web_app, tmp_path_factory):
    project.env.update(s3_bucket.environment)
    project.write(FLOW)
    gate = project.path / "gate"
    run = project.start("run", "--gate", str(gate))
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / ".metaflow").mkdir()
    app = web_app(elsewhere, env=s3_bucket.environment)
    deadline = time.monotonic() + 60
    while not (found := app.get("/api/v1/runs?flow=HelloFlow")["runs"]):
        assert time.monotonic() < deadline, app.get("/api/v1/app")["arriving"]
        time.sleep(0.1)
    assert found[0].get("status", "running") == "running" and found[0]["datastore"] == s3_bucket.location
    events = Events(app, "?recent=60")
    gate.touch()
    events.until("run_ended", status="done")
    events.close()
    tasks = app.get(f"/api/v1/tasks?flow=HelloFlow&run_id={found[0]['run_id']}")["tasks"]
    assert {task["step"]: task["status"] for task in tasks} == {"_parameters": "done", "start": "done", "end": "done"}
    assert run.wait(60) == 0
    assert app.get("/api/v1/app")["arriving"] == {"read": None, "total": None, "problem": None}


def test_two_hundred_pages_hear_of_a_run(project, web_app):
    project.run(FLOW)
    app = web_app()
    with ExitStack() as stack:
        pages = [Events(app) for _ in range(200)]
        for page in pages:
            stack.callback(page.close)
            page.until("ready")
        metrics = app.api("GET", "/metrics").body.decode()
        assert "metaflow_listeners 200" in metrics
        run = project.start("run")
        for page in pages:
            page.until("run_ended", status="done")
        assert run.wait(60) == 0
        assert app.get("/api/v1/app")["mode"] == "project"


def test_a_store_that_goes_and_comes_back_while_the_app_runs(project, web_app):
    run_id = project.run(FLOW).run_id
    app = web_app()
    path = f"/api/v1/run?flow=HelloFlow&run_id={run_id}"
    assert app.get(path)["status"] == "done"
    index = project.path / ".metaflow" / "mf-store" / "index.sqlite"
    for file in index.parent.glob("index.sqlite*"):
        file.unlink()
    with sqlite3.connect(index) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    refused = app.api("GET", path)
    assert refused.status == 503 and "newer version" in refused.message
    for file in index.parent.glob("index.sqlite*"):
        file.unlink()
    index.write_bytes(b"half writ")
    assert app.api("GET", path).status == 503
    index.unlink()
    deadline = time.monotonic() + 60
    while app.api("GET", path).status != 200:
        assert time.monotonic() < deadline, "the index is made again from the files"
        time.sleep(0.1)
    moved = project.path / "elsewhere"
    (project.path / ".metaflow").rename(moved)
    assert app.api("GET", path).status == 404
    assert app.get("/api/v1/runs")["runs"] == []
    moved.rename(project.path / ".metaflow")
    assert app.get(path)["status"] == "done"
    assert not (project.path / ".metaflow" / ".metaflow").exists()


def test_where_a_service_has_the_records_it_serves_the_app(project, tmp_path):
    service = MetadataService(tmp_path / "service")
    service.start()
    try:
        environment = {**project.env, **service.environment}
        command = [sys.executable, "-m", "metaflow", "ui", "--no-open"]
        done = subprocess.run(command, cwd=project.path, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and f"{service.url}/ui/" in done.stderr and WRITER not in done.stderr
    finally:
        service.stop()
    done = subprocess.run(command, cwd=project.path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "cannot be reached" in done.stderr and "Traceback" not in done.stderr
    named = {**project.env, "METAFLOW_DATASTORE_ROOT": str(project.path / "nothing")}
    done = subprocess.run(command, cwd=project.path, env=named, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "no datastore at" in done.stderr


def test_a_team_reads_logs_where_its_server_may_and_is_told_where_it_may_not(project, tmp_path):
    (project.path / ".metaflow").mkdir()  # the server is started below it, and may read there
    service = MetadataService(tmp_path / "service")
    service.start()
    try:
        run_id = project.run(FLOW, env=service.environment).run_id
        headers = {"Authorization": f"Bearer {WRITER}"}

        def ask(path):
            request = urllib.request.Request(f"{service.url}{path}", headers=headers)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, json.load(error)

        facts = ask("/api/v1/app")[1]
        assert (facts["mode"], facts["user"], facts["can_act"], facts["can_start"]) == ("team", "team", True, False)
        tasks = ask(f"/api/v1/tasks?flow=HelloFlow&run_id={run_id}&step=end")[1]["tasks"]
        log = f"/api/v1/task/log?flow=HelloFlow&run_id={run_id}&step=end&task_id={tasks[0]['task_id']}"
        status, page = ask(log)
        assert status == 200 and "hello" in json.dumps(page), page
        service.stop()
        (service.folder / "config.json").write_text(
            json.dumps({"METAFLOW_SERVER_DATASTORES": [str(tmp_path / "elsewhere")]})
        )
        service.start()
        status, refused = ask(log)
        assert status in (403, 404, 409, 422, 503) and "METAFLOW_SERVER_DATASTORES" in refused["error"]["message"]
        assert ask(f"/api/v1/run?flow=HelloFlow&run_id={run_id}")[1]["status"] == "done"
    finally:
        service.stop()


# In a real browser.


def status_of(page):
    return page.get_by_role("status").first


def test_the_address_that_was_printed_signs_in_and_leaves_no_token_behind(project, web_app, browser):
    project.run(FLOW)
    app = web_app()
    page = browser.open(f"{app.url}/ui/#token={app.token}")
    page.get_by_text("HelloFlow").first.wait_for()
    assert app.token not in page.url
    assert page.evaluate("document.cookie") == "", "scripts cannot read it"
    page.reload()
    page.get_by_text("HelloFlow").first.wait_for()
    assert not [problem for problem in accessibility_problems(page) if "serious" in problem or "critical" in problem]


def test_who_has_no_token_is_asked_for_it(project, web_app, browser):
    project.run(FLOW)
    app = web_app()
    page = browser.open(f"{app.url}/ui/")
    page.get_by_role("heading", name="Sign in").wait_for()
    problems = accessibility_problems(page)
    assert not [problem for problem in problems if "serious" in problem or "critical" in problem], problems
    page.get_by_label("Token").fill("wrong" + MARKUP[0])
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text("no token that the app knows").wait_for()
    page.get_by_label("Token").fill(app.token)
    page.keyboard.press("Enter")
    page.get_by_text("HelloFlow").first.wait_for()
    browser.foresee("status of 401")  # the browser itself tells the console of the refusals


def test_one_browser_is_signed_in_to_several_apps_of_a_host(project, web_app, browser):
    """At the same time on two ports, and one after the other on the same one."""
    project.run(FLOW)
    elsewhere = project.path / "elsewhere"
    (elsewhere / ".metaflow").mkdir(parents=True)
    port = free_port()
    first, second = web_app(port=port), web_app(elsewhere)
    page = first.page(browser)
    page.get_by_text("HelloFlow").first.wait_for()
    page.goto(f"{second.url}/ui/#token={second.token}")
    page.get_by_text("Live", exact=True).wait_for()
    assert not page.get_by_text("HelloFlow").count()
    page.goto(f"{first.url}/ui/")
    page.get_by_text("HelloFlow").first.wait_for()
    first.kill()
    third = web_app(elsewhere, port=port)
    page.goto(f"{third.url}/ui/")
    page.get_by_role("heading", name="Sign in").wait_for()
    page.get_by_label("Token").fill(third.token)
    page.keyboard.press("Enter")
    page.get_by_text("Live", exact=True).wait_for()
    assert len(page.context.cookies()) == 3, "none has taken the place of another"
    browser.foresee("status of 401", "ERR_")  # the browser tells of refusals, and of the app that was killed


def test_a_page_recovers_when_its_server_was_started_again(project, web_app, browser):
    seen, unseen = project.run(FLOW).run_id, project.run(FLOW).run_id
    port = free_port()
    app = web_app(port=port)
    page = app.page(browser)
    page.locator(f'a[href$="{seen}"]').first.click()
    page.get_by_role("tab", name="Overview").wait_for()
    page.go_back()
    page.get_by_text("Live", exact=True).wait_for()
    app.kill()
    page.get_by_text("Not live").wait_for()
    page.locator(f'a[href$="{unseen}"]').first.click()
    page.get_by_text("The run cannot be shown").wait_for()
    app = web_app(project.path, port=port)
    page.get_by_text("python flow.py run").first.wait_for()
    page.go_back()
    page.get_by_text("Live", exact=True).wait_for()
    app.kill()
    page.get_by_text("Not live").wait_for()
    # What was not fetched before is missing, and neither takes the rest along nor stays missing.
    page.get_by_role("link", name="Compare").click()
    page.get_by_text("This part of the app could not be loaded").wait_for()
    again = web_app(project.path, port=port)
    assert again.token == app.token
    page.get_by_role("heading", name="Compare runs").wait_for()
    page.get_by_role("link", name="Runs", exact=True).click()
    page.get_by_text("Live", exact=True).wait_for()
    run_id = project.run(FLOW).run_id
    page.get_by_text(run_id).first.wait_for()
    browser.foresee("ERR_")


def test_a_page_of_another_origin_can_neither_read_nor_act(project, web_app, browser, tmp_path):
    run_id = project.run(FLOW).run_id
    app = web_app()
    page = app.page(browser)
    page.get_by_text("HelloFlow").first.wait_for()
    # A page on another port of this machine: the browser takes it for the same site, and sends the cookie along.
    other = web_app(project.path)
    foreign = page.context.new_page()
    foreign.goto(f"{other.url}/healthz")
    found = foreign.evaluate(
        """async ([url, body]) => {
            const out = [];
            const tries = [
                ["/api/v1/runs", {credentials: "include"}],
                ["/api/v1/tags", {method: "POST", credentials: "include", body}],
                ["/api/v1/tags", {method: "POST", mode: "no-cors", credentials: "include", body}],
                ["/api/v1/session", {method: "DELETE", mode: "no-cors", credentials: "include"}],
            ];
            for (const [path, options] of tries) {
                try {
                    const answer = await fetch(url + path, options);
                    out.push(answer.type === "opaque" ? "opaque" : await answer.text());
                } catch (error) {
                    out.push(error.name);
                }
            }
            return out;
        }""",
        [app.url, json.dumps({"flow": "HelloFlow", "run_id": run_id, "add": ["evil"]})],
    )
    assert set(found) <= {"TypeError", "opaque"}, found
    assert "evil" not in app.get(f"/api/v1/run?flow=HelloFlow&run_id={run_id}").get("tags", [])
    page.reload()
    page.get_by_text("HelloFlow").first.wait_for()


def test_a_member_of_a_team_signs_in_and_out(project, tmp_path, browser):
    service = MetadataService(tmp_path / "service")
    service.start()
    try:
        page = browser.open(f"{service.url}/ui/", viewport={"width": 360, "height": 720})
        if page.get_by_text("make ui").count():
            pytest.skip("The pages of the web app have not been built: run `make ui`.")
        page.get_by_label("Token").fill(READER)
        page.keyboard.press("Enter")
        leave = page.get_by_role("button", name="Sign out")
        leave.wait_for()
        assert page.get_by_role("link", name="Start").count() == 0, "nothing is started by a token that reads"
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        leave.click()
        page.get_by_role("heading", name="Sign in").wait_for()
        page.reload()
        page.get_by_role("heading", name="Sign in").wait_for()
        page.close()
        browser.foresee("status of 401")
    finally:
        service.stop()
