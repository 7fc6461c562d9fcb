"""Events of a project's own index: written down only while somebody listens, and none is missed unnoticed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.datastore.layout import INDEX_KEY
from metaflow.metadata_store import listening
from metaflow.metadata_store.events import RunStarted
from metaflow.metadata_store.records import RunRecord
from metaflow.metadata_store.served_index import ServedIndex
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.server.configuration import ServerSettings
from metaflow.web import local_events
from metaflow.web.serving import create_web_app
from running_service import Service, Stream, running_app


def started(run_id: str) -> RunStarted:
    return RunStarted(RunRecord("F", run_id, "ann", time.time(), status="done", finished_at=time.time()))


@pytest.fixture
def index_path(tmp_path: Path) -> Path:
    return tmp_path / INDEX_KEY


@pytest.fixture
def writer(index_path: Path) -> Iterator[SqliteMetadata]:
    """The index as a run writes to it, in another process."""
    store = SqliteMetadata(index_path)
    yield store
    store.close()


@pytest.fixture
def served(tmp_path: Path, index_path: Path) -> Iterator[Service]:
    index = ServedIndex(index_path)
    app = create_web_app(index, Provider(Home(str(tmp_path)), index), ServerSettings(), tmp_path)
    with running_app(app, index) as service:
        yield service
    index.close()


@pytest.fixture
def listen() -> Iterator[Callable[..., Stream]]:
    with ExitStack() as stack:

        def open_stream(service: Service, query: str = "") -> Stream:
            stream = Stream(service, f"/api/v1/events/stream{query}")
            stack.callback(stream.close)
            return stream

        yield open_stream


def until(stream: Stream, kind: str) -> tuple[str, int | None, Any]:
    """The next event of a kind; others before it are of no interest."""
    while True:
        event = stream.next()
        if event[0] == kind:
            return event


def test_nothing_is_written_down_while_nobody_listens(writer, index_path, monkeypatch):
    writer.apply([started("1")])
    assert writer.events_after(0, 10) == [] and writer.last_event_id() == 0
    index = ServedIndex(index_path)
    assert index.keep_listening(10) is False, "what came before is not known"
    first = index.last_event_id()
    assert index.keep_listening(10) is True
    writer.apply([started("2"), started("3")])
    assert [(number, plain["run"]["run_id"]) for number, plain in index.events_after(0, 10)] == [
        (first + 1, "2"),
        (first + 2, "3"),
    ]
    now = time.time()
    monkeypatch.setattr(listening.time, "time", lambda: now + 20)
    writer.apply([started("4")])
    assert len(index.events_after(0, 10)) == 2
    assert index.keep_listening(10) is False, "there was a time when nobody listened"
    assert index.events_after(0, 10) == [] and index.last_event_id() > first + 2
    assert index.oldest_event_id() == index.last_event_id() + 1
    index.close()


def test_what_a_run_does_reaches_a_page(served, writer, listen):
    writer.apply([started("1")])
    stream = listen(served)
    until(stream, "ready")
    writer.apply([started("2")])
    kind, last, data = until(stream, "run_started")
    assert data["run"]["run_id"] == "2"
    writer.apply([started("3")])
    back = listen(served, f"?after={last}")
    assert back.next()[2]["run"]["run_id"] == "3", "who comes back gets what he missed"
    assert back.next()[0] == "ready"


def test_who_was_away_while_nobody_listened_reads_everything_anew(served, writer, listen, monkeypatch):
    writer.apply([started("1")])
    stream = listen(served)
    _, known, _ = until(stream, "ready")
    now = time.time()
    monkeypatch.setattr(listening.time, "time", lambda: now + 100)
    writer.apply([started("2")])  # as if the app had been suspended: the note has expired
    assert until(stream, "reset")[1] > known, "those that still listen are told"
    writer.apply([started("3")])
    assert until(stream, "run_started")[2]["run"]["run_id"] == "3"
    assert listen(served, f"?after={known}").next()[0] == "reset"


def test_an_index_that_comes_goes_and_comes_again(served, index_path, listen, writer):
    stream = listen(served)
    until(stream, "ready")
    assert not index_path.exists(), "looking creates nothing"
    assert served.get("/api/v1/runs").json["runs"] == []
    writer.apply([started("1")])
    first = until(stream, "reset")[1]
    assert [run["run_id"] for run in served.get("/api/v1/runs").json["runs"]] == ["1"]
    writer.discard()
    writer.apply([started("2")])
    assert until(stream, "reset")[1] > first, "ids go on"
    writer.apply([started("3")])
    assert until(stream, "run_started")[2]["run"]["run_id"] == "3"
    assert {run["run_id"] for run in served.get("/api/v1/runs").json["runs"]} == {"2", "3"}


def test_an_index_that_cannot_be_read_is_told_with_its_reason(served, index_path, writer):
    writer.apply([started("1")])
    assert served.get("/api/v1/runs").status == 200
    writer.close()
    for name in (index_path, *index_path.parent.glob("index.sqlite-*")):
        name.unlink()
    index_path.write_bytes(b"no database" * 1000)
    refused = served.get("/api/v1/runs")
    assert refused.status == 503 and "metaflow reindex" in refused.json["error"]["message"]
    index_path.unlink()
    newer = SqliteMetadata(index_path)
    newer.apply([started("1")])
    newer._file.transact(lambda connection: connection.execute("PRAGMA user_version = 999"))
    newer.close()
    refused = served.get("/api/v1/runs")
    assert refused.status == 503 and "newer version" in refused.json["error"]["message"]
    index_path.unlink()
    writer.apply([started("2")])
    assert [run["run_id"] for run in served.get("/api/v1/runs").json["runs"]] == ["2"]


def test_nobody_is_asked_to_write_events_down_that_nobody_has_wanted_for_long(
    tmp_path, index_path, writer, monkeypatch
):
    """An app that is left open overnight costs runs nothing."""
    import asyncio

    writer.apply([started("1")])
    index = ServedIndex(index_path)
    renewed: list[float] = []
    monkeypatch.setattr(index, "keep_listening", lambda seconds: renewed.append(seconds) or True)
    monkeypatch.setattr(local_events, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(local_events, "_RENEW_SECONDS", 0.0)

    class Nobody:
        count = 0
        before_listening: Any = None

        def start_over(self, last_id: int) -> None: ...

    async def scenario() -> None:
        live = Nobody()
        events = local_events.LocalEvents(index, live)
        monkeypatch.setattr(local_events, "_PATIENCE_SECONDS", 0.0)
        work = asyncio.create_task(events.run())
        await asyncio.sleep(0.05)
        assert renewed == []
        await live.before_listening()
        assert renewed
        monkeypatch.setattr(local_events, "_PATIENCE_SECONDS", 600.0)
        while len(renewed) < 3:
            await asyncio.sleep(0.001)  # who left may come back
        monkeypatch.setattr(local_events, "_PATIENCE_SECONDS", 0.0)
        async with events._turn:  # after the one that is on its way
            count = len(renewed)
        await asyncio.sleep(0.05)
        assert len(renewed) == count
        work.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 60))
    index.close()
