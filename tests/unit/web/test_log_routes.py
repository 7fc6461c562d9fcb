"""Routes of logs, over a store with logs of all kinds."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from urllib.parse import urlencode

import pytest

from attack_strings import ATTACKS
from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.datastore.layout import AttemptKey, log_key
from metaflow.datastore.live_tasks import log_part_key
from metaflow.datastore.logs import TRUNCATION_NOTICE, format_lines, overwrite_log, unfinished_path
from metaflow.datastore.remote import RemoteStore
from metaflow.exception import DataException, MetadataException
from metaflow.metadata_store.events import RunEnded, RunStarted, TaskEnded, TaskStarted
from metaflow.metadata_store.liveness import process_identity
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.server.configuration import ServerSettings
from metaflow.web.logs import live_log, run_lines
from metaflow.web.serving import create_web_app
from running_service import Stream, running_app

SECOND = 1_000_000


class Store:
    """A store of runs, written by hand, and an app over it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "mf-store").mkdir(parents=True)
        self.database = SqliteMetadata(root / "mf-store" / "index.sqlite", keep_log=True)
        host, pid, started = process_identity()
        self.run = RunRecord("F", "1", "ann", 100.0, host=host, pid=pid, process_started=started)
        self.database.apply([RunStarted(self.run)])

    def task(self, step="s", task_id="1", attempt=0, status="done", at=101.0, **more) -> TaskRecord:
        task = TaskRecord("F", "1", step, task_id, attempt, at, created_at=at, **more)
        self.database.apply([TaskStarted(task)])
        if status != "running":
            self.database.apply([TaskEnded(task._replace(status=status, finished_at=at + 10))])
        return task._replace(status=status)

    def end(self, task: TaskRecord, status="done") -> None:
        self.database.apply([TaskEnded(task._replace(status=status, finished_at=task.started_at + 10))])

    def path(self, task: TaskRecord) -> Path:
        return self.root / log_key(*task[:5])

    def log(self, task: TaskRecord, content: bytes) -> Path:
        path = self.path(task)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(content)
        return path


def query(task: TaskRecord, **more) -> str:
    names = {"flow": task.flow, "run_id": task.run_id, "step": task.step, "task_id": task.task_id}
    return urlencode({**names, **more}, doseq=True)


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / ".metaflow")
    yield made
    made.database.close()


@pytest.fixture
def service(store):
    provider = Provider(Home(str(store.root)))
    app = create_web_app(store.database, provider, ServerSettings(requests_per_second=0))
    with running_app(app, store.database) as running:
        yield running


@pytest.fixture
def listen(service):
    opened = []

    def open_stream(path):
        opened.append(Stream(service, path))
        return opened[-1]

    yield open_stream
    for stream in opened:
        stream.close()


def event(stream) -> tuple[str, dict]:
    """Kind and data of the next event; its id is no number."""
    fields = {}
    while True:
        line = stream.answer.readline().decode().rstrip("\n")
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        elif "event" in fields:
            return fields["event"], json.loads(fields["data"])
        else:
            fields = {}


def lines(*texts: bytes, stream="stdout", at=101.0) -> bytes:
    return b"".join(format_lines(stream, [text], int(at * SECOND) + index) for index, text in enumerate(texts))


def test_pages_of_a_log(service, store):
    task = store.task()
    store.log(
        task,
        b"".join(
            lines(b"line %d" % number, stream="stderr" if number % 3 == 2 else "stdout", at=101 + number)
            for number in range(30)
        ),
    )
    page = service.get(f"/api/v1/task/log?{query(task, limit=4)}").json
    assert [row["text"] for row in page["rows"]] == ["line 0", "line 1", "line 2", "line 3"]
    assert page["rows"][2] == {"line": 3, "stream": "stderr", "time": 103.0, "text": "line 2"}
    assert (page["total_rows"], page["stdout_lines"], page["stderr_lines"]) == (30, 20, 10)
    tail = service.get(f"/api/v1/task/log?{query(task, stream='stderr', tail=True, limit=2)}").json
    assert [row["line"] for row in tail["rows"]] == [27, 30] and tail["first_row"] == 8
    around = service.get(f"/api/v1/task/log?{query(task, line=15, limit=5)}").json
    assert [row["line"] for row in around["rows"]] == [13, 14, 15, 16, 17]
    beyond = service.get(f"/api/v1/task/log?{query(task, **{'from': 999})}").json
    assert beyond["rows"] == [] and beyond["total_rows"] == 30
    for wrong in ({"limit": 0}, {"limit": 1001}, {"from": -1}, {"line": 0}, {"stream": "x"}, {"attempt": -1}):
        assert service.get(f"/api/v1/task/log?{query(task, **wrong)}").status == 422
    for missing in ({"step": "none"}, {"attempt": 7}, {"run_id": "../../etc"}):
        reply = service.get(f"/api/v1/task/log?{query(task, **missing)}")
        assert (reply.status, reply.kind) == (404, "not_found")


def test_logs_that_are_not_as_they_should_be(service, store):
    silent = store.task(task_id="2")
    assert service.get(f"/api/v1/task/log?{query(silent)}").json["is_missing"]
    cut = store.task(task_id="3")
    store.log(cut, lines(b"a", TRUNCATION_NOTICE) + b"garbage\xff\n" + lines(b"b") + b"o 1 torn")
    page = service.get(f"/api/v1/task/log?{query(cut)}").json
    assert page["truncated"] == ["stdout"] and page["untimed_lines"] == 1
    assert [row["text"] for row in page["rows"]][2:] == ["garbage\ufffd", "b"] and page["rows"][2]["time"] is None
    gone = store.task(task_id="4", origin="F/0/s/1")
    page = service.get(f"/api/v1/task/log?{query(gone)}").json
    assert page["is_origin_gone"] and page["origin"] == "F/0/s/1"
    clone = store.task(task_id="5", origin="F/1/s/3")
    assert service.get(f"/api/v1/task/log?{query(clone)}").json["rows"][0]["text"] == "a"
    folder = store.task(task_id="6")
    store.path(folder).mkdir()
    reply = service.get(f"/api/v1/task/log?{query(folder)}")
    assert (reply.status, reply.kind) == (503, "unreadable") and "cannot be read" in reply.json["error"]["message"]
    found = service.get(f"/api/v1/run/logs/search?{urlencode({'flow': 'F', 'run_id': '1', 'q': 'a'})}").json
    assert [each["task_id"] for each in found["unreadable"]] == ["6"]


def test_text_of_a_log_comes_through_as_it_is(service, store):
    texts = [text for text in ATTACKS if "\n" not in text and "\r" not in text and len(text) < 8000]
    task = store.task(step="s")
    store.log(task, lines(*(text.encode("utf-8", "replace") for text in texts)))
    reply = service.get(f"/api/v1/task/log?{query(task, limit=1000, redraws=True)}")
    assert [row["text"] for row in reply.json["rows"]] == [t.encode("utf-8", "replace").decode() for t in texts]
    assert reply.headers["Content-Type"] == "application/json"


def test_a_search_goes_on_where_it_ended(service, store):
    task = store.task()
    store.log(task, lines(*(b"hit" if number % 10 == 0 else b"miss" for number in range(1000))))
    found, position = [], 1
    while position is not None:
        answer = service.get(f"/api/v1/task/log/search?{query(task, q='HIT', limit=30, from_line=position)}").json
        found += [match["line"] for match in answer["matches"]]
        position = answer["next"]
    assert found == list(range(1, 1001, 10))
    one = service.get(f"/api/v1/task/log/search?{query(task, q='h.t$', regex=True, limit=1)}").json
    assert one["matches"][0]["spans"] == [[0, 3]] and one["matches"][0]["row"] == 0
    assert service.get(f"/api/v1/task/log/search?{query(task, q='(', regex=True)}").kind == "invalid_pattern"
    assert service.get(f"/api/v1/task/log/search?{query(task)}").status == 422
    slow = store.task(task_id="2")
    store.log(slow, lines(b"a word and another word and so on and so on, " * 3))
    pattern = query(slow, q=r"(\w+\s?)*!", regex=True)
    answer = service.get(f"/api/v1/task/log/search?{pattern}").json
    assert answer["is_too_slow"] and answer["matches"] == []


def test_a_log_is_followed_until_its_attempt_is_over(service, store, listen):
    task = store.task(status="running")
    path = store.log(task, lines(b"first"))
    stream = listen(f"/api/v1/task/log/stream?{query(task)}")
    kind, data = event(stream)
    assert kind == "rows" and [row["text"] for row in data["rows"]] == ["first"]
    store.log(task, lines(b"second"))
    kind, data = event(stream)
    assert [row["text"] for row in data["rows"]] == ["second"] and data["first_row"] == 1
    Path(unfinished_path(path)).write_bytes(format_lines("stderr", [b"\r 50%"], 1))
    kind, data = event(stream)
    assert data["rows"] == [] and data["unfinished"][0]["text"].strip() == "50%"
    Path(unfinished_path(path)).unlink()
    assert event(stream)[1]["unfinished"] == []
    overwrite_log(path, lines(b"[REDACTED task stdout]"))
    assert event(stream)[0] == "reset"
    kind, data = event(stream)
    assert data["scrubbed"] == ["stdout"] and data["total_lines"] == 1
    store.task(attempt=1, status="running")
    assert event(stream) == ("attempt", {"attempt": 1})
    store.log(task, lines(b"last"))
    store.end(task, "failed")
    told = []
    while not told or told[-1][0] != "end":
        told.append(event(stream))
    assert told[-1][1] == {"status": "failed"}
    assert [row["text"] for kind, data in told if kind == "rows" for row in data["rows"]] == ["last"]


def test_a_download_is_the_log(service, store):
    task = store.task(step="s", task_id="1")
    store.log(task, lines(b"\x1b[31mred\x1b[0m", b"plain", at=0.5) + lines(b"bad", stream="stderr", at=2.0))
    reply = service.get(f"/api/v1/task/log/download?{query(task)}")
    assert reply.body == b"red\nplain\nbad\n" and reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["Content-Disposition"].startswith('attachment; filename="F-1-s-1-0.log"')
    timed = service.get(f"/api/v1/task/log/download?{query(task, times=True, stream='stderr')}").body
    assert timed == b"1970-01-01T00:00:02.000000Z bad\n"
    assert service.get(f"/api/v1/task/log/download?{query(task, colours=True)}").body.startswith(b"\x1b[31mred")
    whole = service.get(f"/api/v1/task/log/line?{query(task, line=1)}").json
    assert whole == {"text": "\x1b[31mred\x1b[0m", "bytes": 12, "next": None}
    assert service.get(f"/api/v1/task/log/line?{query(task, line=9)}").status == 404


RUN = {"flow": "F", "run_id": "1"}


def pages_of_run(service, first, **more):
    page = service.get(f"/api/v1/run/logs?{urlencode({**RUN, **more, **first}, doseq=True)}").json
    yield page
    while page["earlier"] is not None:
        page = service.get(f"/api/v1/run/logs?{urlencode({**RUN, **more, 'before': page['earlier']}, doseq=True)}").json
        yield page


def test_lines_of_all_tasks_in_the_order_in_which_they_came(service, store):
    expected = []
    for number in range(12):
        task = store.task(
            step="ab"[number % 2], task_id=str(number), at=101.0 + number, status="failed" if number == 3 else "done"
        )
        for line in range(10):
            at = 101.0 + number + line * 0.7
            store.log(task, lines(b"%d.%d" % (number, line), at=at))
            expected.append((round(at, 6), f"{task.step}/{number}/0", f"{number}.{line}"))
    expected = [text for _, _, text in sorted(expected)]
    for limit in (7, 40, 1000):
        pages = list(pages_of_run(service, {}, limit=limit))
        assert [line["text"] for page in reversed(pages) for line in page["lines"]] == expected
    forwards, page = [], service.get(f"/api/v1/run/logs?{urlencode({**RUN, 'beginning': True, 'limit': 11})}").json
    while page["lines"]:
        forwards += [line["text"] for line in page["lines"]]
        page = service.get(f"/api/v1/run/logs?{urlencode({**RUN, 'after': page['later'], 'limit': 11})}").json
    assert forwards == expected
    of_step = service.get(f"/api/v1/run/logs?{urlencode({**RUN, 'step': 'a', 'status': 'done', 'limit': 1000})}").json
    assert {line["step"] for line in of_step["lines"]} == {"a"} and len(of_step["lines"]) == 60
    assert service.get(f"/api/v1/run/logs?{urlencode({**RUN, 'before': 'rubbish'})}").status == 422
    assert service.get("/api/v1/run/logs?flow=F&run_id=none").kind == "run_not_found"


def test_pages_that_take_too_long_are_gone_on_from(service, store, monkeypatch):
    """As those of a run of very many tasks that printed nothing: each page says up to where it has looked."""
    monkeypatch.setattr(run_lines, "_SECONDS", -1.0)
    expected = []
    for number in range(60):
        is_over = number != 20
        task = store.task(task_id=str(number), at=101.0 + 7 * number, status="done" if is_over else "running")
        if number % 9 == 2:  # among them the one that runs
            times = [101.0 + 7 * number + 3 * line for line in range(3 if is_over else 60)]
            for at in times:
                store.log(task, lines(b"%d at %d" % (number, at), at=at))
            expected += [(at, f"s/{number}/0", f"{number} at {int(at)}") for at in times]
    expected = [text for _, _, text in sorted(expected)]
    for limit in (5, 1000):
        pages = list(pages_of_run(service, {}, limit=limit))
        assert [line["text"] for page in reversed(pages) for line in page["lines"]] == expected
        looked_at = [page["looked_at"] for page in pages]
        assert looked_at == sorted(looked_at) and (looked_at[-1], pages[-1]["total"]) == (60, 60)
        assert any(page["is_partial"] and not page["lines"] for page in pages) and not pages[-1]["is_partial"]
    forwards, more = [], {"beginning": True}
    while more:
        page = service.get(f"/api/v1/run/logs?{urlencode({**RUN, 'limit': 4, **more})}").json
        forwards += [line["text"] for line in page["lines"]]
        more = {"after": page["later"]} if page["has_later"] else {}
    assert forwards == expected


def test_lines_that_came_at_once_are_all_there(service, store):
    for number in range(3):
        store.log(
            store.task(task_id=str(number)),
            format_lines("stdout", [b"%d.%d" % (number, line) for line in range(50)], 102 * SECOND),
        )
    pages = list(pages_of_run(service, {}, limit=9))
    texts = [line["text"] for page in reversed(pages) for line in page["lines"]]
    assert texts == [f"{number}.{line}" for number in range(3) for line in range(50)]


def test_a_search_of_all_tasks(service, store):
    for number in range(40):
        status = "failed" if number == 7 else "done"
        task = store.task(
            step="ab"[number % 2],
            task_id=str(number),
            at=101.0 + number,
            status=status,
            foreach_stack=(("x", f"<v{number}>", number, 40),),
        )
        store.log(task, lines(*[b"needle" for _ in range(25 if number == 7 else number % 2)], b"hay"))
    answers, cursor = [], None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        answers.append(service.get(f"/api/v1/run/logs/search?{urlencode({**RUN, 'q': 'NEEDLE', **more})}").json)
        cursor = answers[-1]["next"]
        if cursor is None:
            break
    groups = [group for answer in answers for group in answer["groups"]]
    assert groups[0]["task_id"] == "7" and groups[0]["has_more"] and len(groups[0]["matches"]) == 20
    assert [group["task_id"] for group in groups[1:]] == [str(number) for number in range(39, 0, -2) if number != 7]
    assert groups[1]["foreach"] == "x=<v39>" and groups[1]["matches"][0]["line"] == 1
    assert answers[-1]["searched"] == answers[-1]["total"] == 40
    only = service.get(f"/api/v1/run/logs/search?{urlencode({**RUN, 'q': 'needle', 'status': 'failed'})}").json
    assert [group["task_id"] for group in only["groups"]] == ["7"]


def test_a_running_run_is_followed_across_its_tasks(service, store, listen):
    first = store.task(step="a", status="running")
    store.log(first, lines(b"one"))
    page = service.get(f"/api/v1/run/logs?{urlencode(RUN)}").json
    stream = listen(f"/api/v1/run/logs/stream?{urlencode({**RUN, 'after': page['later']})}")
    store.log(first, lines(b"two", at=102.0))
    kind, data = event(stream)
    assert (kind, [line["text"] for line in data["lines"]]) == ("lines", ["two"])
    second = store.task(step="b", status="running", at=103.0)
    store.log(second, lines(b"three", at=103.0))
    kind, data = event(stream)
    assert [(line["step"], line["text"]) for line in data["lines"]] == [("b", "three")]
    store.end(first)
    store.end(second)
    store.database.apply([RunEnded("F", "1", "done", 120.0)])
    assert event(stream) == ("end", {"status": "done"})


def test_followers_are_told_that_the_database_fails_but_not_how(service, store, listen, monkeypatch):
    task = store.task(status="running")
    store.log(task, lines(b"one"))
    page = service.get(f"/api/v1/run/logs?{urlencode(RUN)}").json
    of_task = listen(f"/api/v1/task/log/stream?{query(task)}")
    assert event(of_task)[0] == "rows"
    of_run = listen(f"/api/v1/run/logs/stream?{urlencode({**RUN, 'after': page['later']})}")

    def fail(*arguments):
        raise MetadataException("password of the database: 123")

    with monkeypatch.context() as broken:
        broken.setattr(store.database, "_query", fail)
        for stream in (of_task, of_run):
            kind, data = event(stream)
            assert kind == "problem" and "cannot use its database" in data["message"]
    for stream in (of_task, of_run):
        assert event(stream) == ("problem", {"message": ""}), "told also if nothing is printed"
    store.log(task, lines(b"two", at=102.0))
    assert [row["text"] for row in event(of_task)[1]["rows"]] == ["two"]
    assert [line["text"] for line in event(of_run)[1]["lines"]] == ["two"]


def test_followers_are_told_that_a_log_cannot_be_read_and_that_it_can_again(service, store, listen, monkeypatch):
    task = store.task(status="running")
    store.log(task, lines(b"one"))
    stream = listen(f"/api/v1/task/log/stream?{query(task)}")
    assert event(stream)[0] == "rows"

    def fail(*arguments):
        raise DataException("The disk is gone.")

    with monkeypatch.context() as broken:
        broken.setattr(live_log, "open_task_log", fail)
        kind, data = event(stream)
        assert kind == "problem" and "The disk is gone." in data["message"]
    assert event(stream) == ("problem", {"message": ""})


def test_many_ask_for_one_log_while_it_grows(service, store):
    task = store.task(status="running")
    store.log(task, lines(b"line 0"))
    wrong = []

    def ask():
        for _ in range(15):
            page = service.get(f"/api/v1/task/log?{query(task, limit=1000)}").json
            if [row["text"] for row in page["rows"]] != [f"line {number}" for number in range(len(page["rows"]))]:
                wrong.append(page)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 300):
        store.log(task, lines(b"line %d" % number))
    for thread in threads:
        thread.join()
    assert not wrong


def test_logs_of_a_run_whose_files_are_on_s3(service, store, s3_bucket):
    bucket = RemoteStore(s3_bucket.location)
    store.database.apply([RunStarted(store.run._replace(run_id="2", datastore=s3_bucket.location))])
    tasks = []
    for number in range(5):
        status = "running" if number == 4 else "done"
        tasks.append(TaskRecord("F", "2", "s", str(number), 0, 101.0 + number, created_at=101.0 + number))
        store.database.apply([TaskStarted(tasks[-1])])
        if status == "done":
            store.end(tasks[-1])
    for number in (1, 2):
        bucket.put(log_key(*tasks[number][:5]), [lines(b"%d needle" % number, b"more", at=102.0 + number)])
    bucket.put(log_part_key(AttemptKey(*tasks[4][:5]), 0), [lines(b"4 runs", at=106.0)])
    of_run = {"flow": "F", "run_id": "2"}
    page = service.get(f"/api/v1/run/logs?{urlencode(of_run)}").json
    assert [line["text"] for line in page["lines"]] == ["1 needle", "more", "2 needle", "more", "4 runs"]
    found = service.get(f"/api/v1/run/logs/search?{urlencode({**of_run, 'q': 'needle'})}").json
    assert [group["task_id"] for group in found["groups"]] == ["2", "1"] and found["searched"] == 5
    tail = service.get(f"/api/v1/task/log?{query(tasks[1], tail=True, limit=1)}").json
    assert [row["text"] for row in tail["rows"]] == ["more"] and tail["total_rows"] == 2
    assert service.get(f"/api/v1/task/log?{query(tasks[3])}").json["is_missing"]
