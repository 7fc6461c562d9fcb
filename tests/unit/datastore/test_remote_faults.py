"""What networks and busy servers do to requests, done by a proxy in front of a real server."""

from __future__ import annotations

import os
import random
import socket
import ssl
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import faulty_proxy as faults
from metaflow.datastore import remote
from metaflow.datastore.remote import RemoteStore
from metaflow.datastore.store import ObjectMissing
from metaflow.exception import AccessDenied, BucketMissing, DataException, StoreUnavailable

CONTENT = b"0123456789" * 1000


@pytest.fixture
def impatient(monkeypatch):
    """For servers that never answer. On a busy machine good answers are also late then: requests are not counted."""
    monkeypatch.setenv("METAFLOW_S3_READ_TIMEOUT", "1")


@pytest.fixture
def proxy(s3_bucket, monkeypatch):
    monkeypatch.setenv("METAFLOW_S3_RETRY_COUNT", "3")
    with faults.faulty_proxy(s3_bucket.server.url) as proxy:
        monkeypatch.setenv("METAFLOW_S3_ENDPOINT_URL", proxy.url)
        yield proxy


@pytest.fixture
def store(proxy, s3_bucket):
    store = RemoteStore(s3_bucket.location)
    store.put("k", [CONTENT])
    proxy.forget()
    return store


def put_and_look(store):
    store.put("put", [CONTENT])
    return store.get("put") == CONTENT


def put_new_and_look(store):
    return store.put_new("put_new", [CONTENT]) and store.get("put_new") == CONTENT


def delete_and_look(store):
    store.delete("put")
    return store.stat("put") is None


USES = {
    "get": lambda store: store.get("k") == CONTENT,
    "stat": lambda store: store.stat("k").size == len(CONTENT),
    "put": put_and_look,
    "put_new": put_new_and_look,
    "delete": delete_and_look,
    "list": lambda store: sorted(store.list("")) == ["k", "put_new"],
    "folders": lambda store: list(store.list("", folders=True)) == [],
}
PASSING = {
    "slow down": faults.s3_error(503, "SlowDown", "Please reduce your request rate."),
    "too many requests": faults.answering(429),
    "internal error": faults.s3_error(500, "InternalError"),
    "bad gateway": faults.answering(502, "<html>Bad gateway</html>"),
    "request timeout": faults.s3_error(400, "RequestTimeout", "Your socket connection was not read from."),
    "lost before": faults.drop_before,
    "lost after": faults.drop_after,
    "hangs": faults.hang,
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_tried_again(store, proxy, fault):
    for name, use in USES.items():
        if fault == "request timeout" and name == "stat":
            continue  # the answer to HEAD has no body, and so does not say that it passes
        proxy.fail(PASSING[fault])
        assert use(store), f"{name} after {fault}"


def readings(store):
    target = bytearray(len(CONTENT))
    return (
        lambda: store.get("k") == CONTENT,
        lambda: store.get_into("k", memoryview(target)) is None and target == CONTENT,
        lambda: list(store.list("")) == ["k"],
    )


@pytest.mark.parametrize("broken", [faults.truncated(100), faults.truncated(100, reset=True)])
def test_answers_that_break_off_are_read_on(store, proxy, broken):
    for use in readings(store):
        proxy.fail(broken)
        assert use()
        assert len(proxy.seen) == 2
        proxy.forget()


@pytest.mark.usefixtures("impatient")
def test_answers_that_stop_coming_are_read_on(store, proxy):
    for use in readings(store):
        proxy.fail(faults.stalled(100))
        assert use()


@pytest.mark.parametrize("ordered", [True, False])
def test_a_listing_that_breaks_off_goes_on_where_it_was(store, proxy, monkeypatch, ordered):
    monkeypatch.setattr(remote, "_PAGE", 3)
    store.is_ordered = ordered
    expected = [f"many/{number}" for number in range(8)]
    for key in expected:
        store.put(key, [b""])
    asked = []

    def small_pages(exchange):
        exchange.path += "&max-keys=3"
        asked.append(exchange.path)
        fails = len(asked) == 2
        exchange.answer(*exchange.forward(), sent=40 if fails else None)
        if fails:
            exchange.hang_up()

    proxy.always(small_pages)
    assert list(store.list("many/")) == expected
    assert len(asked) == (4 if ordered else 5), asked


def test_parts_of_large_objects_are_tried_again(store, proxy, monkeypatch):
    monkeypatch.setattr(remote, "PART_BYTES", 5 * 1024 * 1024)
    content = os.urandom(17 * 1024 * 1024)
    proxy.fail(faults.s3_error(503, "SlowDown"), times=2, path="partNumber")
    proxy.fail(faults.drop_after, path="partNumber=3")
    proxy.fail(faults.drop_before, method="POST")
    store.put("large", [content])
    proxy.fail(faults.truncated(1_000_000), times=3, method="GET")
    proxy.fail(faults.held_until_others(2), method="GET")
    assert store.get("large") == content
    target = bytearray(len(content))
    proxy.fail(faults.held_until_others(1), method="GET")
    proxy.fail(faults.truncated(10, reset=True), method="GET")
    store.get_into("large", memoryview(target))
    assert target == content


def test_an_object_replaced_while_it_is_read_is_not_mixed(store, proxy, monkeypatch):
    monkeypatch.setattr(remote, "PART_BYTES", 5 * 1024 * 1024)
    size = 11 * 1024 * 1024
    store.put("large", [b"1" * size])

    def replace(exchange):
        answer = exchange.forward()
        store.put("large", [b"2" * size])
        exchange.answer(*answer)

    proxy.fail(replace, method="GET")
    content = bytearray(size)
    try:
        store.get_into("large", memoryview(content))
    except DataException as error:
        assert "large" in error.message
    else:  # all parts were on their way before it was replaced
        assert content == b"1" * size


@pytest.mark.parametrize("lost", [faults.drop_after, faults.s3_error(503, "SlowDown"), faults.drop_before])
def test_a_write_whose_answer_was_lost_is_known_again(store, proxy, lost):
    proxy.fail(lost, method="PUT", times=2)
    assert store.put_new("claim", [b"mine"]) is True
    proxy.fail(lost, method="PUT")
    assert store.put_new("claim", [b"mine"]) is False, "the object is an earlier call's, though it has the same bytes"
    assert store.get("claim") == b"mine"


@pytest.mark.usefixtures("impatient")
def test_a_write_that_hangs_after_it_was_done_is_known_again(store, proxy):
    def do_and_hang(exchange):
        exchange.forward()
        exchange.wait_for_end()

    proxy.fail(do_and_hang, method="PUT")
    assert store.put_new("claim", [b"mine"]) is True


def test_two_conditional_writes_at_once_are_not_taken_for_a_loss(store, proxy):
    proxy.fail(faults.s3_error(409, "ConditionalRequestConflict", "Another write is on its way."), times=2)
    assert store.put_new("claim", [b"mine"]) is True


def test_of_many_writers_on_a_bad_network_one_wins(store, proxy, monkeypatch):
    monkeypatch.setenv("METAFLOW_S3_RETRY_COUNT", "20")
    writers = [RemoteStore(store._location) for _ in range(8)]
    chosen = random.Random(5)
    choices = [faults.drop_before, faults.drop_after, faults.answering(500), faults.delayed(0.05)]
    with ThreadPoolExecutor(8) as threads:
        for claim in range(5):
            for _ in range(4):
                proxy.fail(chosen.choice(choices), method="PUT")
            won = list(threads.map(lambda writer, claim=claim: writer.put_new(f"claims/{claim}", [b"same"]), writers))
            assert won.count(True) == 1


REFUSALS = [
    (faults.s3_error(403, "AccessDenied", "User x may not."), AccessDenied, "access is denied .AccessDenied: User x"),
    (faults.s3_error(403, "InvalidAccessKeyId"), AccessDenied, "credentials are not right .*AWS_ACCESS_KEY_ID"),
    (faults.s3_error(403, "SignatureDoesNotMatch"), AccessDenied, "credentials are not right"),
    (faults.s3_error(400, "ExpiredToken"), AccessDenied, "credentials have expired .*aws sso login"),
    (faults.s3_error(403, "RequestTimeTooSkewed"), AccessDenied, "clock of this machine is off"),
    (faults.s3_error(404, "NoSuchBucket"), BucketMissing, "there is no bucket test-.*METAFLOW_DATASTORE_SYSROOT_S3"),
    (faults.s3_error(501, "NotImplemented", "No such thing."), DataException, "NotImplemented: No such thing"),
    (faults.answering(418, "<html>tea</html>"), DataException, "418"),
]


@pytest.mark.parametrize(("refusal", "error", "text"), REFUSALS)
def test_refusals_are_told_with_object_cause_and_remedy(proxy, s3_bucket, monkeypatch, refusal, error, text):
    monkeypatch.setenv("METAFLOW_S3_RETRY_COUNT", "0")
    store = RemoteStore(s3_bucket.location)
    proxy.always(refusal)
    uses = {
        "write": [lambda: store.put("k", [b""]), lambda: store.put_new("k", [b""])],
        "read": [lambda: store.get("k"), lambda: store.get_into("k", memoryview(b""))],
        "stat": [lambda: store.stat("k")],
        "list": [lambda: list(store.list("k")), lambda: list(store.list("k", folders=True))],
        "delete": [lambda: store.delete("k")],
    }
    if error is BucketMissing:
        del uses["stat"]  # the answer to HEAD has no body that says what is missing
    for action, calls in uses.items():
        action = action.replace("stat", "read")
        for call in calls:
            with pytest.raises(error, match=text) as caught:
                call()
            assert not isinstance(caught.value, ObjectMissing)
            told = str(caught.value)
            assert told.startswith(f"Cannot {action} {s3_bucket.location}/k: ")
            assert "Debug" not in told and "http://" not in told and "test-secret" not in told
            assert caught.value.__suppress_context__, "a traceback would show obstore's dump"


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (faults.s3_error(503, "SlowDown"), "too much to do, also after 3 retries .SlowDown.*S3_WORKER_COUNT"),
        (faults.answering(500), "failed with status 500, also after 3 retries"),
        (faults.drop_before, "connection was lost, also after 3 retries"),
    ],
)
def test_in_the_end_what_does_not_pass_is_told(store, proxy, fault, text):
    proxy.always(fault)
    with pytest.raises(StoreUnavailable, match=text):
        store.get("k")
    assert proxy.count("GET") == 4


@pytest.mark.usefixtures("impatient")
def test_a_server_that_does_not_answer_is_told_and_not_asked_in_another_way_too(store, proxy):
    proxy.always(faults.hang)
    with pytest.raises(StoreUnavailable, match="does not answer, also after 3 retries.*METAFLOW_S3_READ_TIMEOUT"):
        store.get("k")
    assert proxy.count("GET") == 4
    proxy.forget()
    proxy.always(faults.hang)
    with pytest.raises(StoreUnavailable, match="does not answer"):
        store.stat("k")
    assert {method for method, _ in proxy.seen} == {"HEAD"}


def test_a_task_on_another_machine_waits_for_a_server_that_is_away(store, proxy, monkeypatch):
    monkeypatch.setenv("METAFLOW_DATASTORE_PATIENCE", "100")
    proxy.fail(faults.answering(503), times=10, method="PUT")
    store.put("a/kept", [b"the result"])
    assert store.put_new("a/new", [b"the manifest"])
    assert store.get("a/kept") == b"the result"
    monkeypatch.setenv("METAFLOW_DATASTORE_PATIENCE", "0.1")
    proxy.always(faults.answering(503), method="PUT")
    with pytest.raises(StoreUnavailable, match="too much to do"):
        store.put("a/kept", [b"another"])


def test_a_bucket_in_another_region_is_found_there(store, proxy):
    """A server that answers as S3 does: a request signed for another region than eu-west-1 is sent away."""

    def only_here(exchange):
        if exchange.method != "HEAD" and "/eu-west-1/s3/" in exchange.headers.get("Authorization", ""):
            exchange.answer(*exchange.forward())
        else:
            refusal(exchange)

    for refusal in (
        faults.s3_error(301, "PermanentRedirect", "Use another endpoint.", x_amz_bucket_region="eu-west-1"),
        faults.s3_error(400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong; expecting 'eu-west-1'"),
    ):
        proxy.always(only_here)
        other = RemoteStore(store._location)
        assert other.get("k") == CONTENT
        count = len(proxy.seen)
        assert other.get("k") == CONTENT
        assert len(proxy.seen) == count + 1, "the region is remembered"
        proxy.forget()
    proxy.always(faults.s3_error(301, "PermanentRedirect", "Use another endpoint."))
    with pytest.raises(DataException, match="is in another region.*Set AWS_REGION"):
        store.get("k")


def test_servers_that_are_not_there(s3_bucket, monkeypatch):
    monkeypatch.setenv("METAFLOW_S3_RETRY_COUNT", "0")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        for endpoint, text in (
            (closed, "refuses connections.*METAFLOW_S3_ENDPOINT_URL"),
            ("http://no-such-host.invalid", "name is not known.*DNS"),
            (s3_bucket.server.url.replace("http:", "https:"), "does not speak TLS"),
        ):
            monkeypatch.setenv("METAFLOW_S3_ENDPOINT_URL", endpoint)
            with pytest.raises(StoreUnavailable, match=text):
                RemoteStore(s3_bucket.location).get("k")


def test_certificates(s3_bucket, tmp_path, monkeypatch):
    def make(*options):
        subprocess.run(["openssl", *options], check=True, capture_output=True, cwd=tmp_path)

    new = ["req", "-newkey", "rsa:2048", "-nodes"]
    try:
        make(*new, "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Authority")
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    make(*new, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=localhost")
    (tmp_path / "names").write_text("subjectAltName=DNS:localhost\n")
    authority = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"]
    make("x509", "-req", "-in", "request.pem", "-days", "2", "-out", "cert.pem", *authority)

    with faults.faulty_proxy(s3_bucket.server.url) as proxy:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
        proxy._server.socket = context.wrap_socket(proxy._server.socket, server_side=True)
        monkeypatch.setenv("METAFLOW_S3_ENDPOINT_URL", proxy.url.replace("http://127.0.0.1", "https://localhost"))
        monkeypatch.setenv("METAFLOW_S3_RETRY_COUNT", "0")
        with pytest.raises(StoreUnavailable, match="certificate is not trusted.*METAFLOW_S3_VERIFY_CERTIFICATE"):
            RemoteStore(s3_bucket.location).put("k", [b"1"])
        for verify in ("false", str(tmp_path / "ca.pem")):
            monkeypatch.setenv("METAFLOW_S3_VERIFY_CERTIFICATE", verify)
            RemoteStore(s3_bucket.location).put("k", [b"1"])
        monkeypatch.setenv("METAFLOW_S3_VERIFY_CERTIFICATE", str(tmp_path / "none.pem"))
        with pytest.raises(DataException, match=r"none.pem .METAFLOW_S3_VERIFY_CERTIFICATE. cannot be read"):
            RemoteStore(s3_bucket.location).put("k", [b"1"])


def test_azure_on_a_bad_network(azure_bucket, monkeypatch):
    with faults.faulty_proxy(azure_bucket.server.url) as proxy:
        monkeypatch.setenv("METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT", proxy.url)
        for fault in (faults.drop_after, faults.answering(503)):
            store = RemoteStore(azure_bucket.location)
            store.put("k", [CONTENT])
            store.delete("put_new")
            for name, use in USES.items():
                proxy.forget()
                proxy.fail(fault)
                assert use(store), f"{name} after {fault}"
        proxy.fail(faults.truncated(5), method="GET", path="comp=list")
        assert sorted(store.list("")) == ["k", "put_new"]


def test_the_real_answers_of_servers_that_refuse(any_bucket, monkeypatch):
    """No bucket, and for Azure a wrong key, as the servers themselves say it."""
    bucket = any_bucket.location.split("/")[2]
    missing = RemoteStore(any_bucket.location.replace(bucket, "no-such-bucket"))
    for use in (
        lambda: missing.put("k", [b""]),
        lambda: missing.put_new("k", [b""]),
        lambda: missing.get("k"),
        lambda: list(missing.list("")),
        lambda: list(missing.list("a/", folders=True)),
    ):
        with pytest.raises(BucketMissing, match="there is no (bucket|container) no-such-bucket"):
            use()
    if any_bucket.kind == "azure":
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0LWtleQ==")
        with pytest.raises(AccessDenied, match="credentials are not right .*AZURE_STORAGE_ACCOUNT_KEY") as caught:
            RemoteStore(any_bucket.location).get("k")
        assert "c2VjcmV0" not in str(caught.value)


def test_threads_of_one_store_do_not_disturb_each_other(store, proxy):
    for _ in range(10):
        proxy.fail(faults.drop_before)
        proxy.fail(faults.truncated(20), method="GET")
    errors = []

    def work(number):
        try:
            for turn in range(5):
                store.put(f"t/{number}/{turn}", [b"%d" % number])
                assert store.get(f"t/{number}/{turn}") == b"%d" % number
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(list(store.list("t/"))) == 40
