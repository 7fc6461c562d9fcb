"""Live events: everything once and in order, from where a listener left off, whoever else is slow or gone."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from metaflow.exception import DatabaseUnavailable, MetadataException, UnrecordableEvent
from metaflow.metadata_store.events import Heartbeat, RunEnded, RunStarted
from metaflow.metadata_store.records import RunRecord
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.server import live as live_module, stream as stream_module
from metaflow.server.live import Interest, LiveEvents
from metaflow.server.stream import EventStream
from metaflow.server.writer import EventWriter


def started(run_id, flow="F"):
    return RunStarted(RunRecord(flow, run_id, "ann", 1000.0))


def take(stream, count):
    return [stream.next() for _ in range(count)]


def test_what_happens_reaches_every_listener_that_wants_it(service, listen):
    everything = listen(service, Accept_Encoding="gzip")  # which would hold events back
    of_flow = listen(service, "/api/v1/events/stream?flow=G")
    of_run = listen(service, "/api/v1/events/stream?flow=F&run_id=2")
    assert everything.answer.getheader("Content-Type").startswith("text/event-stream")
    for stream in (everything, of_flow, of_run):
        assert stream.next()[0] == "ready"
    service.post("/api/v1/events", {"events": [{"kind": "run_started", "run": started("1").run.to_dict()}]})
    service.database.apply([started("1", "G"), started("2")])  # as another process with the same database does
    assert [data["run"]["run_id"] for _, _, data in take(everything, 3)] == ["1", "1", "2"]
    kind, event_id, data = of_flow.next()
    assert (kind, data["run"]["flow"]) == ("run_started", "G")
    assert of_run.next()[1] == event_id + 1
    assert "metaflow_listeners 3" in service.get("/metrics").body.decode()


def test_a_listener_goes_on_where_it_left_off(service, listen, monkeypatch):
    monkeypatch.setattr(stream_module, "PAGE", 3)
    monkeypatch.setattr(live_module, "PAGE", 3)
    service.database.apply([started(str(number)) for number in range(10)])
    ids = [event_id for event_id, _ in service.database.events_after(0, 100)]
    first = listen(service, f"/api/v1/events/stream?after={ids[1]}")
    assert [event_id for _, event_id, _ in take(first, 9)] == [*ids[2:], ids[-1]]
    first.close()
    again = listen(service, "/api/v1/events/stream?after=0", Last_Event_ID=str(ids[7]))
    assert [(kind, event_id) for kind, event_id, _ in take(again, 3)] == [
        ("run_started", ids[8]),
        ("run_started", ids[9]),
        ("ready", ids[9]),
    ]
    filtered = listen(service, f"/api/v1/events/stream?flow=F&run_id=4&after={ids[0]}")
    assert [event_id for _, event_id, _ in take(filtered, 2)] == [ids[4], ids[9]]


def test_a_listener_is_told_if_it_missed_what_is_no_longer_known(service, listen):
    database = service.database
    database.apply([started("1"), started("2")])
    last = database.last_event_id()
    beyond = listen(service, f"/api/v1/events/stream?after={last + 5}")
    assert take(beyond, 2) == [("reset", last, {"last_id": last}), ("ready", last, {"last_id": last})]
    database.trim_log(2e9)
    behind = listen(service, "/api/v1/events/stream?after=0")
    assert [kind for kind, _, _ in take(behind, 2)] == ["reset", "ready"]
    up_to_date = listen(service, f"/api/v1/events/stream?after={last}")
    assert up_to_date.next()[0] == "ready"
    database.apply([started("3")])
    for stream in (beyond, behind, up_to_date):
        assert stream.next()[2]["run"]["run_id"] == "3"


def test_who_has_just_read_the_records_begins_with_what_was_recent(service, listen, monkeypatch):
    database = service.database
    clock = [1000.0]
    monkeypatch.setattr("metaflow.metadata_store.service_tables.time.time", lambda: clock[0])
    for run_id, moment in (("1", 900.0), ("2", 995.0), ("3", 999.0)):
        clock[0] = moment
        database.apply([started(run_id)])
    clock[0] = 1000.0
    monkeypatch.setattr("metaflow.server.live.time.time", lambda: 1000.0)
    recent = listen(service, "/api/v1/events/stream?recent=10")
    assert [data["run"]["run_id"] for _, _, data in take(recent, 2)] == ["2", "3"] and recent.next()[0] == "ready"
    of_run = listen(service, "/api/v1/events/stream?recent=10&flow=F&run_id=3")
    assert of_run.next()[2]["run"]["run_id"] == "3" and of_run.next()[0] == "ready"
    known = listen(service, f"/api/v1/events/stream?recent=60&after={database.last_event_id()}")
    assert known.next()[0] == "ready", "what is known counts more"
    database.trim_log(2000.0)
    assert listen(service, "/api/v1/events/stream?recent=10").next()[0] == "ready"


@pytest.mark.parametrize("query", ["?recent=-1", "?recent=1e9", "?recent=x", "?run_id=1", "?after=-1", "?after=x"])
def test_streams_that_make_no_sense(shared_service, query):
    assert shared_service.get(f"/api/v1/events/stream{query}").status == 422
    assert shared_service.get("/api/v1/events/stream", Last_Event_ID="x").status == 422


def test_an_id_that_is_longer_than_any(shared_service):
    reply = shared_service.get("/api/v1/events/stream", **{"Last-Event-ID": "9" * 5000})
    assert (reply.status, reply.kind) == (422, "invalid")


def test_no_more_listeners_than_allowed(serve, listen):
    service = serve(most_listeners=3, requests_at_once=1)
    for _ in range(3):
        assert listen(service).next()[0] == "ready"
    reply = service.get("/api/v1/events/stream")
    assert (reply.status, reply.kind) == (503, "overloaded")


def test_a_service_that_ends_tells_its_listeners_to_come_back(tmp_path, listen):
    from metaflow.server.configuration import ServerSettings
    from running_service import running

    with running(SqliteMetadata(tmp_path / "x.sqlite", keep_log=True), ServerSettings()) as service:
        stream = listen(service)
        assert stream.next()[0] == "ready"
    assert stream.next() == ("closing", None, {})
    assert stream.answer.read() == b"", "the stream ends as it should"


class Client:
    """The other side of a stream, as a server of HTTP has it; it reads nothing while it is `stuck`."""

    def __init__(self):
        self.events = []
        self.is_stuck = False
        self.gone = asyncio.Event()

    async def receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        while self.is_stuck:
            await asyncio.sleep(0.001)
        for block in message.get("body", b"").decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
            if "event" in fields:
                self.events.append((fields["event"], int(fields.get("id", 0))))

    async def until(self, kind):
        while not self.events or self.events[-1][0] != kind:
            await asyncio.sleep(0.001)

    def ids(self):
        return [event_id for kind, event_id in self.events if kind == "run_started"]


def listen_to(live, client, after=None):
    return asyncio.create_task(EventStream(live, Interest(), after)({"type": "http"}, client.receive, client.send))


def in_loop(scenario):
    asyncio.run(asyncio.wait_for(scenario, 60))


def test_a_slow_listener_is_dropped_and_told_and_the_others_are_not_held_up(tmp_path, monkeypatch):
    monkeypatch.setattr(live_module, "MOST_WAITING", 20)
    database = SqliteMetadata(tmp_path / "x.sqlite", keep_log=True)

    async def scenario():
        live = LiveEvents(database, 10, poll_seconds=0.001)
        quick, slow, dead = Client(), Client(), Client()
        tasks = [listen_to(live, client) for client in (quick, slow, dead)]
        for client in (quick, slow, dead):
            await client.until("ready")
        for stuck, farewell_seconds in ((slow, 60), (dead, 0.01)):
            monkeypatch.setattr(live_module, "_FAREWELL_SECONDS", farewell_seconds)
            stuck.is_stuck = True
            for number in range(10):
                database.apply([started(f"{farewell_seconds}.{number}.{n}") for n in range(5)])
                while quick.ids()[-1:] != [database.last_event_id()]:
                    await asyncio.sleep(0.001)
            slow.is_stuck = False
        await slow.until("slow")
        await asyncio.gather(*tasks[1:])  # also the one that never reads again
        assert live.count == 1 and live.dropped == 2
        # What it has got is a beginning of it all, so that it can go on from there.
        assert slow.ids() == quick.ids()[: len(slow.ids())]
        back = Client()
        task = listen_to(live, back, after=slow.ids()[-1] if slow.ids() else 0)
        await back.until("ready")
        assert [*slow.ids(), *back.ids()] == quick.ids()
        for client in (quick, back):
            client.gone.set()
        await asyncio.gather(task, tasks[0])
        assert live.count == 0 and live._reader is None, "nobody listens, so nobody reads"

    in_loop(scenario())
    database.close()


def test_nothing_is_missed_or_doubled_by_those_who_come_while_much_happens(tmp_path, monkeypatch):
    for module in (live_module, stream_module):
        monkeypatch.setattr(module, "PAGE", 7)
    database = SqliteMetadata(tmp_path / "x.sqlite", keep_log=True)
    database.apply([started("first")])

    def write():
        for number in range(150):
            database.apply([started(f"{number}.{n}") for n in range(3)])

    async def scenario():
        live = LiveEvents(database, 1000)
        writing = threading.Thread(target=write)
        writing.start()
        clients, tasks = [], []
        while writing.is_alive():
            clients.append(Client())
            tasks.append(listen_to(live, clients[-1], after=0))
            await asyncio.sleep(0.005)
        await asyncio.to_thread(writing.join)
        everything = [event_id for event_id, _ in database.events_after(0, 10_000)]
        for client in clients:
            while len(client.ids()) < len(everything):
                await asyncio.sleep(0.01)
            assert client.ids() == everything
            client.gone.set()
        await asyncio.gather(*tasks)

    in_loop(scenario())
    database.close()


class Flaky(SqliteMetadata):
    fails = False

    def events_after(self, *arguments):
        if self.fails:
            raise DatabaseUnavailable("away")
        return super().events_after(*arguments)


def test_an_outage_of_the_database_delays_events_but_loses_none(tmp_path, monkeypatch):
    monkeypatch.setattr(live_module, "_DATABASE_RETRY_SECONDS", 0.01)
    database = Flaky(tmp_path / "x.sqlite", keep_log=True)

    async def scenario():
        live = LiveEvents(database, 10)
        client = Client()
        task = listen_to(live, client)
        await client.until("ready")
        database.fails = True
        database.apply([started("1")])
        live.wake()
        await asyncio.sleep(0.05)
        assert client.ids() == []
        database.fails = False
        await client.until("run_started")
        client.gone.set()
        await task

    in_loop(scenario())
    database.close()


def test_an_error_that_nobody_foresaw_does_not_end_the_reader(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(live_module, "_DATABASE_RETRY_SECONDS", 0.01)
    database = SqliteMetadata(tmp_path / "x.sqlite", keep_log=True)
    subject = live_module.subject
    failures = []

    def fail_once(plain):
        if not failures:
            failures.append(plain)
            raise KeyError("flow")
        return subject(plain)

    monkeypatch.setattr(live_module, "subject", fail_once)

    async def scenario():
        live = LiveEvents(database, 10)
        client = Client()
        task = listen_to(live, client)
        await client.until("ready")
        database.apply([started("1")])
        live.wake()
        await client.until("run_started")
        client.gone.set()
        await task

    in_loop(scenario())
    database.close()
    assert failures and "KeyError" in caplog.text


class Refusing(SqliteMetadata):
    """Refuses all batches with a certain run; counts the transactions."""

    error: Exception = MetadataException("no")
    transactions = 0

    def apply(self, events):
        self.transactions += 1
        batch = list(events)
        if any(isinstance(event, RunEnded) for event in batch):
            raise self.error
        super().apply(batch)


def test_what_many_send_at_once_is_recorded_together_and_one_bad_batch_harms_no_other(tmp_path):
    database = Refusing(tmp_path / "x.sqlite", keep_log=True)
    counted = []
    bad = RunEnded("F", "1", "done", 2000.0)

    async def scenario():
        writer = EventWriter(database, database, counted.append)
        batches = [[started(f"{number}")] for number in range(100)]
        ids = await asyncio.gather(*(writer.apply(batch) for batch in batches))
        assert len(set(ids)) < 10 and database.transactions < 10
        assert sum(counted) == 100 and writer.waiting == 0
        batches[50] = [bad]
        outcomes = await asyncio.gather(*(writer.apply(batch) for batch in batches), return_exceptions=True)
        assert [number for number, outcome in enumerate(outcomes) if isinstance(outcome, Exception)] == [50]
        before = database.transactions
        outcomes = await asyncio.gather(*(writer.apply([bad]) for _ in range(100)), return_exceptions=True)
        assert all(isinstance(outcome, MetadataException) for outcome in outcomes)
        assert database.transactions - before < 20, "a database that does not work is not asked for each"
        database.error = UnrecordableEvent("no such text")
        good = [started(f"{number}") for number in range(5)]
        batches = [[bad], [bad], [bad], *([event] for event in good)]
        outcomes = await asyncio.gather(*(writer.apply(batch) for batch in batches), return_exceptions=True)
        assert [isinstance(outcome, Exception) for outcome in outcomes] == [True] * 3 + [False] * 5
        database.error = DatabaseUnavailable("away")
        before = database.transactions
        await asyncio.gather(*(writer.apply([bad]) for _ in range(100)), return_exceptions=True)
        assert database.transactions - before < 10
        await writer.apply([])
        hanging_up = asyncio.create_task(writer.apply([Heartbeat("F", "1", 5000.0)]))
        await asyncio.sleep(0)
        hanging_up.cancel()
        await writer.finish()
        assert database.run("F", "1").heartbeat_at == 5000.0, "what came is recorded, also if nobody waits for it"
        assert writer.waiting == 0

    in_loop(scenario())
    database.close()


def test_more_than_the_database_takes_is_refused(tmp_path, monkeypatch):
    from metaflow.server import writer as writer_module
    from metaflow.server.errors import Refusal

    monkeypatch.setattr(writer_module, "MOST_WAITING", 10)
    database = SqliteMetadata(tmp_path / "x.sqlite", keep_log=True)

    async def scenario():
        writer = EventWriter(database, database, lambda count: None)
        outcomes = await asyncio.gather(*(writer.apply([started(str(n))]) for n in range(30)), return_exceptions=True)
        refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
        assert refused and all(json.loads(each.answer().body)["error"]["kind"] == "overloaded" for each in refused)
        assert len(outcomes) - len(refused) == len(database.events_after(0, 100))

    in_loop(scenario())
    database.close()
