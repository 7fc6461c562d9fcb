"""The viewer of cards, without a browser: what it sees, answers and forbids."""

from __future__ import annotations

import http.client
import json
import socket
import threading

import pytest
from client.stored_flow import StoredRun

from metaflow.cards.viewer.routes import Request, ViewerSettings, answer
from metaflow.cards.viewer.run_watch import RunWatch
from metaflow.cards.viewer.server import open_server
from metaflow.client.provider_choice import current_provider
from metaflow.datastore.local import LocalStore
from metaflow.exception import DataException, MetaflowException

from .stored_cards import live_data, put_card

TOKEN = "0123456789abcdef"
SETTINGS = ViewerSettings(5, 30, TOKEN)
HOST = "127.0.0.1:8324"


class Clock:
    """Time that passes when a test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def run(root):
    return StoredRun(root, run_id="1")


@pytest.fixture
def clock():
    return Clock()


def watching(clock=None, run_id=None, **options) -> RunWatch:
    return RunWatch(current_provider(), "F", run_id, interval=1.0, clock=clock or Clock(), **options)


def ask(watch, target, host=HOST, etag="", settings=SETTINGS, token=TOKEN):
    return answer(Request(target, host, etag, (token,)), watch, settings)


def document(given):
    return json.loads(given.body)


def test_what_the_page_is_told_of_a_run(run) -> None:
    start = run.finished("start", 1)
    put_card(run.store, start, id="report", hash="abcde12345")
    work = run.running("work", 2, attempt=1, foreach_stack=(("xs", "<b>apple</b>", 0, 2),))
    put_card(run.store, work, "default", None, "f" * 10, data=live_data("render-seq-1"))
    told = document(ask(watching(), "/runinfo"))
    assert (told["status"], told["flow"], told["run_id"], told["run_status"], told["poll_interval"]) == (
        *("ok", "F", "1", "running"),
        5,
    )
    newest, oldest = told["cards"]
    assert oldest["card_object"] == {
        "hash": "abcde12345",
        "type": "blank",
        "path": "mf-store/runs/F/1/start/1.cards/blank-report-abcde12345.html",
        "id": "report",
    }
    assert (oldest["task"], oldest["finished"], oldest["label"]) == ("F/1/start/1", True, "start/1 blank report")
    assert oldest["card"] == "F/1/start/1/abcde12345"
    assert (newest["finished"], newest["attempt"], newest["foreach"]) == (False, 1, "xs[0] = <b>apple</b>")


def test_no_run_yet_and_a_run_without_cards(root) -> None:
    told = document(ask(watching(), "/runinfo"))
    assert (told["status"], told["run_id"], told["cards"]) == ("no run", None, [])
    StoredRun(root, run_id="1").finished("start", 1)
    told = document(ask(watching(), "/runinfo"))
    assert (told["status"], told["run_id"], told["cards"]) == ("ok", "1", [])


def test_of_many_cards_the_newest_are_listed_and_others_found(run) -> None:
    for index in range(40):
        task = run.finished("work", index, foreach_stack=(("xs", f"fruit{index}", index, 40),))
        put_card(run.store, task, hash=f"{index:010x}")
    watch = watching()
    told = document(ask(watch, "/runinfo"))
    assert [card["task_id"] for card in told["cards"]] == [str(index) for index in range(39, 9, -1)]
    assert (told["cards_found"], told["cards_in_all"]) == (40, 40)
    told = document(ask(watch, "/runinfo?search=WORK%20fruit7"))
    assert [card["task_id"] for card in told["cards"]] == ["7"] and told["cards_found"] == 1


def test_a_card_and_its_data(run) -> None:
    task = run.running("start", 1)
    put_card(run.store, task, html="<p>ü</p>", hash="abcde12345", data=live_data("render-seq-4", {"c": {"x": 1}}))
    watch = watching()
    for digits in ("abcde12345", "abcde"):
        card = ask(watch, f"/card/F/1/start/1/{digits}")
        assert (card.code, card.body.decode()) == (200, "<p>ü</p>")
    assert card.headers["Content-Security-Policy"].startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in card.headers["Content-Security-Policy"]
    data = document(ask(watch, "/data/F/1/start/1/abcde"))
    assert data["status"] == "ok" and data["is_complete"] is False
    assert data["payload"]["reload_token"] == "render-seq-4" and data["payload"]["data"]["components"] == {
        "c": {"x": 1}
    }


def test_data_that_is_torn_or_has_what_json_has_not_harms_nobody(run) -> None:
    task = run.finished("start", 1)
    for digits, content in (
        ("a" * 10, b'{"data": {"x": NaN, "y": -Infinity}, "reload_token": 1}'),
        ("b" * 10, b'{"da'),
    ):
        name = put_card(run.store, task, hash=digits)
        run.store.put(f"mf-store/runs/F/1/start/1.cards/{name.data}", [content])
    first, second = (document(ask(watching(), f"/data/F/1/start/1/{digit * 10}")) for digit in "ab")
    assert first["payload"]["data"] == {"x": None, "y": None} and first["is_complete"] is True
    assert second["payload"] is None


def test_what_has_not_changed_is_not_sent_again(run, clock) -> None:
    task = run.running("start", 1)
    put_card(run.store, task, hash="a" * 10, data=live_data("render-seq-1"))
    watch = watching(clock)
    for target in ("/runinfo", "/data/F/1/start/1/aaaaa", "/card/F/1/start/1/aaaaa", "/"):
        first = ask(watch, target)
        again = ask(watch, target, etag=first.headers["ETag"])
        assert (again.code, again.body) == (304, b"")
    before = ask(watch, "/data/F/1/start/1/aaaaa").headers["ETag"]
    put_card(run.store, task, hash="a" * 10, data=live_data("render-seq-2"))
    clock.now += 5
    assert ask(watch, "/data/F/1/start/1/aaaaa", etag=before).code == 200


def test_many_pages_cost_no_more_than_one(run, clock, monkeypatch) -> None:
    task = run.running("start", 1)
    put_card(run.store, task, hash="a" * 10, data=live_data("render-seq-1"))
    reads = []
    get, scan = LocalStore.get, LocalStore.scan
    monkeypatch.setattr(LocalStore, "get", lambda self, key: reads.append(key) or get(self, key))
    monkeypatch.setattr(LocalStore, "scan", lambda self, prefix: reads.append(prefix) or scan(self, prefix))
    watch = watching(clock)
    for _ in range(50):
        ask(watch, "/runinfo")
        ask(watch, "/data/F/1/start/1/aaaaa")
    assert len([key for key in reads if ".cards/" in key]) == 2
    clock.now += 5
    ask(watch, "/runinfo")
    ask(watch, "/data/F/1/start/1/aaaaa")
    assert len([key for key in reads if ".cards/" in key]) == 4


def test_a_run_that_takes_long_to_look_at_is_looked_at_less_often(run, clock, monkeypatch) -> None:
    looks = []

    def slow(self, query):
        looks.append(query)
        clock.now += 3
        return []

    watch = watching(clock)
    monkeypatch.setattr(type(current_provider()), "tasks", slow)
    watch.snapshot()
    clock.now += 29
    watch.snapshot()
    assert len(looks) == 1
    clock.now += 2
    watch.snapshot()
    assert len(looks) == 2


def test_the_latest_run_is_followed_unless_one_was_named(root, clock) -> None:
    first = StoredRun(root, run_id="1")
    put_card(first.store, first.finished("start", 1), hash="a" * 10)
    first.ended()
    following, staying = watching(clock), watching(clock, run_id="1")
    assert following.snapshot().run.run_id == staying.snapshot().run.run_id == "1"
    second = StoredRun(root, run_id="2")
    put_card(second.store, second.finished("start", 1), hash="b" * 10)
    clock.now += 5
    assert following.snapshot().run.run_id == "2" and staying.snapshot().run.run_id == "1"
    assert document(ask(following, "/runinfo"))["follows"] and not document(ask(staying, "/runinfo"))["follows"]
    # Somebody may still look at a card of the run before.
    assert ask(following, "/card/F/1/start/1/aaaaa").code == 200


def test_only_runs_of_the_namespace_are_followed(root) -> None:
    StoredRun(root, run_id="1", user="ann").ended()
    StoredRun(root, run_id="2", user="bob").ended()
    assert watching(tags=("user:ann",)).snapshot().run.run_id == "1"
    assert watching(tags=("user:eve",)).snapshot().run is None


@pytest.mark.parametrize(
    "target",
    [
        "/nothing",
        "/card",
        "/card/F/1/start/1",
        "/card/F/1/start/1/aaaa",
        "/card/F/1/start/1/bbbbb",
        "/card/F/1/start/1/aaaaa/more",
        "/card/G/1/start/1/aaaaa",
        "/card/F/9/start/1/aaaaa",
        "/card/F/1/../1/aaaaa",
        "/card/F/1/start/..%2f..%2f..%2frun.json/aaaaa",
        "/card/F/1/start/1/%2e%2e",
        "/card/F/1/start/1/aaaaa%00",
        "/card//1/start/1/aaaaa",
        "//card/F/1/start/1/aaaaa",
        "/data/F/1/start/1/bbbbb",
        "/card/F/1/start/" + "1" * 300 + "/aaaaa",
        "http://[/",
    ],
)
def test_what_is_not_there_is_not_found(run, target) -> None:
    put_card(run.store, run.finished("start", 1), hash="a" * 10)
    assert ask(watching(), "/card/F/1/start/1/aaaaa").code == 200
    assert ask(watching(), target).code == 404


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1:8324", 200),
        ("localhost:9999", 200),  # through a tunnel
        ("LOCALHOST", 200),
        ("[::1]:80", 200),
        ("", 403),
        ("evil.example", 403),
        ("evil.example:8324", 403),
        ("127.0.0.1.evil.example:8324", 403),
        ("localhost.evil.example", 403),
        ("evil.example#localhost", 403),
        ("localhost:80:80", 403),
    ],
)
def test_a_page_that_made_its_own_name_point_here_gets_nothing(run, host, code) -> None:
    put_card(run.store, run.finished("start", 1), hash="a" * 10)
    for target in ("/", "/runinfo", "/card/F/1/start/1/aaaaa"):
        assert ask(watching(), target, host=host).code == code


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "0", "\udcff"])
def test_who_does_not_show_the_token_gets_nothing(run, token) -> None:
    put_card(run.store, run.finished("start", 1), hash="a" * 10, html="<p>mine</p>", data=live_data("render-seq-1"))
    watch = watching()
    quoted = "%ff" if token == "\udcff" else token
    for target in ("/", "/runinfo", "/card/F/1/start/1/aaaaa", "/data/F/1/start/1/aaaaa", "/nothing"):
        for refused in (ask(watch, target, token=token), ask(watch, f"{target}?token={quoted}", token="")):
            assert refused.code == 401 and b"`card server` has printed" in refused.body
            assert "Set-Cookie" not in refused.headers


def test_the_printed_address_signs_a_browser_in(run) -> None:
    put_card(run.store, run.finished("start", 1), hash="a" * 10)
    signed = ask(watching(), f"/?token={TOKEN}", token="")
    assert (signed.code, signed.headers["Location"], signed.body) == (303, "/", b"")
    cookie = signed.headers["Set-Cookie"]
    assert cookie.startswith("metaflow_session_8324_") and TOKEN not in cookie
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert ask(watching(), f"/runinfo?token={TOKEN}", token="").code == 200, "programs need no cookie"


def test_the_page_may_run_its_own_script_and_nothing_else(run) -> None:
    page = ask(watching(), "/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert b"[SCRIPT]" not in page.body and b"[FLOW]" not in page.body and b"http" not in page.body


def test_a_page_is_not_older_than_the_document_that_has_named_it(run, clock) -> None:
    task, watch = run.running("start", 1), watching(clock)
    put_card(run.store, task, html="first", data=live_data("render-seq-1"))
    ask(watch, "/data/F/1/start/1/aaaaa")
    clock.now += 0.1  # the browser loads the page a little later than it has learnt of it
    ask(watch, "/card/F/1/start/1/aaaaa")
    put_card(run.store, task, html="last", data=live_data("final"))
    clock.now += 0.95
    assert document(ask(watch, "/data/F/1/start/1/aaaaa"))["payload"]["reload_token"] == "final"
    assert ask(watch, "/card/F/1/start/1/aaaaa").body == b"last"


def test_a_file_that_takes_long_to_read_holds_up_no_other_card(run, monkeypatch) -> None:
    task, watch, reached, gate = run.running("start", 1), watching(), threading.Event(), threading.Event()
    for digits in ("aaaaa11111", "bbbbb11111"):
        put_card(run.store, task, hash=digits, data=live_data("render-seq-1"))
    usual = LocalStore.get

    def get(self, key, *others):
        if "aaaaa" in key:
            reached.set()
            assert gate.wait(60)
        return usual(self, key, *others)

    monkeypatch.setattr(LocalStore, "get", get)
    slow = threading.Thread(target=ask, args=(watch, "/data/F/1/start/1/aaaaa"))
    slow.start()
    assert reached.wait(60)
    quick = threading.Thread(target=ask, args=(watch, "/data/F/1/start/1/bbbbb"))
    quick.start()
    quick.join(30)
    was_answered = not quick.is_alive()
    gate.set()
    slow.join()
    quick.join()
    assert was_answered


def test_a_datastore_that_fails_is_told_to_the_page(run, monkeypatch) -> None:
    def fail(self, prefix):
        raise DataException("The disk is gone.")

    run.finished("start", 1)
    monkeypatch.setattr(LocalStore, "scan", fail)
    given = ask(watching(), "/runinfo")
    assert given.code == 503 and "The disk is gone." in document(given)["message"]


@pytest.fixture
def server(run):
    put_card(run.store, run.finished("start", 1), hash="a" * 10, html="<p>here</p>")
    with open_server(0, watching(), SETTINGS) as opened:
        thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield opened
        opened.shutdown()
        thread.join()


def fetch(server, method, target, **headers):
    headers.setdefault("Authorization", f"Bearer {TOKEN}")
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    connection.request(method, target, headers=headers)
    response = connection.getresponse()
    return response, response.read()


def test_a_browser_is_signed_in_over_http(server) -> None:
    response, _ = fetch(server, "GET", "/runinfo", Authorization="")
    assert response.status == 401
    signed, _ = fetch(server, "GET", server.address.partition("/?")[2].join(["/?", ""]), Authorization="")
    cookie = signed.getheader("Set-Cookie").partition(";")[0]
    response, body = fetch(server, "GET", "/card/F/1/start/1/aaaaa", Authorization="", Cookie=f"other=1; {cookie}")
    assert (response.status, body) == (200, b"<p>here</p>")


def test_over_http(server) -> None:
    response, body = fetch(server, "GET", "/card/F/1/start/1/aaaaa")
    assert (response.status, body) == (200, b"<p>here</p>")
    headers = {name.lower(): value for name, value in response.getheaders()}
    assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers and "sandbox" in headers["content-security-policy"]
    assert "python" not in headers["server"].lower()
    response, body = fetch(server, "HEAD", "/card/F/1/start/1/aaaaa")
    assert (response.status, body, response.getheader("Content-Length")) == (200, b"", "11")
    response, body = fetch(server, "GET", "/card/F/1/start/1/aaaaa", **{"If-None-Match": response.getheader("ETag")})
    assert (response.status, body) == (304, b"")
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert fetch(server, method, "/runinfo")[0].status == 501
    assert fetch(server, "GET", "/", Host="evil.example")[0].status == 403
    assert server.server_address[0] == "127.0.0.1"


def test_a_browser_that_sends_nonsense_or_goes_away_ends_nothing(server, capfd) -> None:
    for sent in (b"\x00\xff\r\n\r\n", b"GET", b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as plain:
            plain.sendall(sent)
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(65536):
                pass
    assert fetch(server, "GET", "/runinfo")[0].status == 200
    assert "Traceback" not in capfd.readouterr().err


def test_a_port_that_is_taken_is_passed_over(run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with open_server(port, watching(), SETTINGS) as opened:
            assert opened.server_port != port
            assert opened.address == f"http://127.0.0.1:{opened.server_port}/?token={TOKEN}"


def test_no_port_is_free(run, monkeypatch) -> None:
    def taken(self):
        raise OSError(98, "Address already in use")

    monkeypatch.setattr("metaflow.cards.viewer.server.ViewerServer.server_bind", taken)
    with pytest.raises(MetaflowException, match="ports 8324 to 8343 of 127.0.0.1: Address already in use.*--port 0"):
        open_server(8324, watching(), SETTINGS)
    with pytest.raises(MetaflowException, match="ports 65535 to 65535"):
        open_server(65535, watching(), SETTINGS)
