"""What only S3 has: ways of encryption, keys of all kinds, boto3, and how it fails."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from pathlib import Path

import boto3
import pytest

import faulty_proxy as faults
from metaflow import S3, parallel_map
from metaflow.datatools import (
    MetaflowS3AccessDenied,
    MetaflowS3Exception,
    MetaflowS3InsufficientDiskSpace,
    MetaflowS3NotFound,
    MetaflowS3URLException,
    S3GetObject,
    S3PutObject,
    remote_bucket,
    remote_reading,
    scratch,
)


@pytest.fixture
def boto(s3_bucket):
    return boto3.client("s3", endpoint_url=s3_bucket.server.url)


@pytest.fixture
def bucket(s3_bucket):
    return s3_bucket.location.split("/")[2]


@pytest.fixture
def s3(s3_bucket):
    with S3(s3root=s3_bucket.location) as client:
        yield client


@pytest.fixture
def proxy(s3_bucket, monkeypatch):
    monkeypatch.setenv("METAFLOW_S3_RETRY_COUNT", "1")
    monkeypatch.setenv("METAFLOW_S3_TRANSIENT_RETRY_COUNT", "2")
    monkeypatch.setattr("metaflow.datatools.patience._LONGEST_PAUSE", 0.01)
    with faults.faulty_proxy(s3_bucket.server.url) as proxy:
        monkeypatch.setenv("METAFLOW_S3_ENDPOINT_URL", proxy.url)
        yield proxy


@pytest.fixture
def small_parts(monkeypatch):
    """Large objects begin at a mebibyte, so that tests are quick."""
    monkeypatch.setattr("metaflow.datatools.bucket.PART_BYTES", 500_000)
    for module in (remote_bucket, remote_reading, scratch):
        monkeypatch.setattr(module, "LARGEST_IN_MEMORY", 1_200_000)
    monkeypatch.setattr(remote_reading, "PART_BYTES", 500_000)


def test_user_attributes_are_where_other_programs_look_for_them(s3, boto, bucket):
    s3.put("ours", "x", metadata={"a": [1, "ü"]}, content_type="a/b")
    header = boto.head_object(Bucket=bucket, Key="some/prefix/ours")
    assert json.loads(header["Metadata"]["metaflow-user-attributes"]) == {"a": [1, "ü"]}
    assert header["ContentType"] == "a/b"
    boto.put_object(Bucket=bucket, Key="some/prefix/theirs", Metadata={"metaflow-user-attributes": '{"b": 2}'})
    boto.put_object(Bucket=bucket, Key="some/prefix/wrong", Metadata={"metaflow-user-attributes": "{"})
    assert s3.get("theirs").metadata == {"b": 2}
    with pytest.raises(MetaflowS3Exception, match="no JSON"):
        _ = s3.info("wrong").metadata


def test_encryption(s3, s3_bucket, boto, bucket, monkeypatch):
    s3.put("plain", "x")
    with S3(s3root=s3_bucket.location, encryption="AES256") as other:
        other.put("aes", "x")
        other.put_many([S3PutObject("kms", "x", encryption="aws:kms:some-key"), ("too", "y")])
    monkeypatch.setenv("METAFLOW_S3_SERVER_SIDE_ENCRYPTION", "aws:kms")
    with S3(s3root=s3_bucket.location) as other:
        other.put("setting", "x")
    expected = {"aes": "AES256", "kms": "aws:kms", "plain": None, "setting": "aws:kms", "too": "AES256"}
    assert {key: s3.info(key).encryption for key in expected} == expected
    assert s3.get("kms").encryption == "aws:kms"
    assert boto.head_object(Bucket=bucket, Key="some/prefix/kms")["SSEKMSKeyId"].endswith("some-key")
    with pytest.raises(MetaflowS3Exception, match="AES256, aws:kms"):
        S3(encryption="rot13")
    with pytest.raises(MetaflowS3Exception, match="AES256, aws:kms"):
        s3.put_many([S3PutObject("x", "x", encryption="rot13")])


def test_keys_that_only_s3_has(s3, s3_bucket, boto, bucket):
    odd = ["a//b", "folder/", "x/../y", "./z", "double//"]
    for key in odd:
        s3.put(key, key, metadata={"key": key})
    s3.put("plain", "plain")
    assert [each.text for each in s3.get_many([*odd, "plain"])] == [*odd, "plain"]
    assert s3.info("folder/").metadata == {"key": "folder/"} and not s3.info("folder", return_missing=True).exists
    assert [each.key for each in s3.list_recursive()] == sorted([*odd, "plain"])
    assert [each.text for each in s3.get_all()] == sorted([*odd, "plain"])
    assert s3.get(S3GetObject("a//b", 1, 2)).text == "//"
    stored = [each["Key"] for each in boto.list_objects_v2(Bucket=bucket)["Contents"]]
    assert stored == sorted(f"some/prefix/{key}" for key in [*odd, "plain"])


def test_markers_of_folders(s3, boto, bucket):
    """Consoles make them: objects without bytes, whose keys end with a slash."""
    for key in ("top/", "top/alone/", "top/sub/", "top/both/", "top/empty"):
        boto.put_object(Bucket=bucket, Key=f"some/prefix/{key}", Body=b"")
    s3.put_many([("top/sub/x", "x"), ("top/both", "")])
    assert [(each.key, each.size) for each in s3.list_recursive(["top"])] == [
        ("alone/", 0),
        ("both", 0),
        ("both/", 0),
        ("empty", 0),
        ("sub/", 0),
        ("sub/x", 1),
    ]
    assert [each.blob for each in s3.get_recursive(["top"])] == [b"", b"", b"", b"", b"", b"x"]
    assert [each.key for each in s3.list_paths(["top"])] == ["both", "empty", "alone", "both", "sub"]


def test_a_client_of_boto3_does_it_all(s3_bucket, boto, bucket, tmp_path):
    with S3(s3root=s3_bucket.location, external_client=boto) as s3:
        (tmp_path / "f").write_text("file")
        s3.put("a/x", "text", metadata={"a": 1}, content_type="a/b")
        assert s3.put_many([("a/y", b"bytes"), ("a/x", "other")], overwrite=False) == [
            ("a/y", f"{s3_bucket.location}/a/y")
        ]
        s3.put_files([S3PutObject("f", path=str(tmp_path / "f"), encryption="AES256")])
        found = s3.get("a/x")
        assert (found.text, found.metadata, found.content_type) == ("text", {"a": 1}, "a/b")
        assert s3.get("f").encryption == "AES256" and s3.get("f").text == "file"
        assert [each.text for each in s3.get_many([S3GetObject("a/x", 1, 2), S3GetObject("a/x", 0, -2)])] == [
            "ex",
            "xt",
        ]
        assert s3.get(S3GetObject("a/x", 0, 0)).blob == b""
        assert [each.key for each in s3.list_paths()] == ["f", "a"]
        assert [each.key for each in s3.list_recursive(["a"])] == ["x", "y"]
        for call in (s3.get, s3.info):
            with pytest.raises(MetaflowS3NotFound):
                call("none")
        with pytest.raises(MetaflowS3Exception, match="no .*bytes from 100"):
            s3.get(S3GetObject("a/x", 100, 1))
    with S3(external_client=boto) as s3, pytest.raises(MetaflowS3NotFound, match="no bucket 'nowhere'"):
        s3.put("s3://nowhere/x", "x")


def test_a_client_of_boto3_fails_like_ours(s3_bucket, proxy, tmp_path):
    client = boto3.client("s3", endpoint_url=proxy.url)
    (tmp_path / "f").write_text("file")
    with S3(s3root=s3_bucket.location, external_client=client) as s3:
        s3.put("x", "x" * 10_000)
        proxy.fail(faults.truncated(5_000), method="GET")
        assert s3.get("x").size == 10_000, "an answer that breaks off is asked for again"
        proxy.always(faults.s3_error(403, "AccessDenied", "not yours"), method="PUT")
        with pytest.raises(MetaflowS3AccessDenied, match="not yours"):
            s3.put_files([("f", str(tmp_path / "f"))])


def test_options_of_boto3(s3_bucket, monkeypatch):
    from botocore.config import Config

    url = s3_bucket.server.url
    keys = {"aws_access_key_id": "other", "aws_secret_access_key": "secret", "region_name": "eu-west-1"}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "METAFLOW_S3_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with S3(s3root=s3_bucket.location, session_vars=keys, client_params={"endpoint_url": url}) as s3:
        s3.put("x", "obstore")
        assert s3._boto is None
    config = {"endpoint_url": url, "config": Config(retries={"max_attempts": 1})}
    with S3(s3root=s3_bucket.location, session_vars=keys, client_params=config) as s3:
        assert s3.get("x").text == "obstore" and s3._boto is not None
    monkeypatch.setenv("METAFLOW_DATATOOLS_SESSION_VARS", json.dumps(keys))
    monkeypatch.setenv("METAFLOW_DATATOOLS_CLIENT_PARAMS", json.dumps({"endpoint_url": url, "verify": False}))
    with S3(s3root=s3_bucket.location) as s3:
        assert s3.get("x").text == "obstore"
    with pytest.raises(MetaflowS3Exception, match="client_params should be a dictionary") as caught:
        S3(client_params='{"aws_secret_access_key": "hidden"}')
    assert "hidden" not in str(caught.value)
    with pytest.raises(MetaflowS3Exception, match="boto3 does not accept client_params: .*nonsense"):
        S3(client_params={"nonsense": 1}, session_vars=keys)
    with S3(s3root=s3_bucket.location, session_vars={}, client_params={}) as s3:
        with pytest.raises(MetaflowS3AccessDenied, match="AWS_ACCESS_KEY_ID"):
            s3.get("x")


def test_a_role_is_assumed(s3_bucket, proxy, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", proxy.url)
    with S3(s3root=s3_bucket.location, role="arn:aws:iam::123456789012:role/reader") as s3:
        s3.put("x", "y")
        assert s3.get("x").text == "y"
    assert sum(1 for method, path in proxy.seen if (method, path) == ("POST", "/")) == 1
    proxy.always(faults.answering(403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"))
    for options in ({}, {"use_ssl": False}):  # through obstore, and through boto3
        with pytest.raises(MetaflowS3AccessDenied, match="role/other cannot be assumed: .*AccessDenied"):
            S3(s3root=s3_bucket.location, role="arn:aws:iam::123456789012:role/other", client_params=options).get("x")


@pytest.mark.usefixtures("small_parts")
def test_large_objects_move_in_parts(s3, proxy, s3_bucket, tmp_path):
    content = os.urandom(2_300_000)
    s3.put("large", content, metadata={"a": 1})
    with S3(s3root=s3_bucket.location) as through_proxy:
        found = through_proxy.get("large")
        assert proxy.count("GET") == 6, "one that says how large it is, and five parts"
        assert list((tmp_path / "temporary").glob("*/*")) == [Path(found.path)]
        assert found.blob == content and found.metadata == {"a": 1}
        begin = through_proxy.get(S3GetObject("large", 100_000, 2_000_000))
        assert begin.blob == content[100_000:2_100_000] and begin.range_info == (2_300_000, 100_000, 2_000_000)
        proxy.fail(faults.truncated(1000), times=1, method="GET")
        proxy.fail(faults.s3_error(503, "SlowDown"), times=3, method="GET")
        assert through_proxy.get("large").blob == content
        assert through_proxy.get_many(["large"] * 2)[1].blob == content


@pytest.mark.usefixtures("small_parts")
def test_servers_that_know_no_ranges(s3, proxy, s3_bucket):
    content = os.urandom(2_300_000)
    s3.put_many([("large", content), ("small", b"abcdef"), ("empty", b"")])

    def without_range(exchange):
        exchange.headers = {name: value for name, value in exchange.headers.items() if name.lower() != "range"}
        exchange.answer(*exchange.forward())

    proxy.always(without_range, method="GET")
    with S3(s3root=s3_bucket.location) as client:
        assert client.get("large").blob == content
        assert client.get(S3GetObject("large", 1_000_000, 5)).blob == content[1_000_000:1_000_005]
        assert client.get(S3GetObject("small", 0, -2)).blob == b"ef"
        assert client.get(S3GetObject("empty", 0, -2)).blob == b""
        with pytest.raises(MetaflowS3Exception, match="no bytes from 6 on"):
            client.get(S3GetObject("small", 6))


def test_an_object_that_changes_on_the_way_is_of_one_version(s3, proxy, s3_bucket, small_parts):
    old, new = os.urandom(2_300_000), os.urandom(2_300_000)
    s3.put("x", old)

    def change(exchange):
        s3.put("x", new)
        exchange.answer(*exchange.forward())

    with S3(s3root=s3_bucket.location) as client:
        client.info("x")
        proxy.fail(lambda exchange: exchange.answer(*exchange.forward()), method="GET")
        proxy.fail(change, method="GET")
        assert client.get("x").blob == new


def test_only_what_failed_is_tried_again(s3, proxy, s3_bucket):
    pairs = [(f"k{number}", str(number)) for number in range(30)]
    with S3(s3root=s3_bucket.location) as client:
        proxy.fail(faults.s3_error(503, "SlowDown"), times=5, method="PUT", path="k7$")
        proxy.fail(faults.s3_error(500, "InternalError"), times=1, method="PUT", path="k8$")
        assert len(client.put_many(pairs)) == 30
        assert proxy.count("PUT") == 36
        proxy.forget()
        proxy.fail(faults.s3_error(503, "SlowDown"), times=5, method="GET", path="k3$")
        proxy.fail(faults.drop_before, times=1, method="GET", path="k9$")
        assert [each.text for each in client.get_many([key for key, _ in pairs])] == [text for _, text in pairs]
        assert proxy.count("GET") == 36


def test_patience_has_an_end(s3, proxy, s3_bucket, monkeypatch, capsys):
    monkeypatch.setenv("METAFLOW_S3_LOG_TRANSIENT_RETRIES", "1")
    s3.put("x", "x")
    with S3(s3root=s3_bucket.location) as client:
        proxy.always(faults.s3_error(503, "SlowDown", "Please reduce your request rate."))
        with pytest.raises(MetaflowS3Exception, match="Cannot read s3://.*/x: the server has too much to do"):
            client.get("x")
        assert proxy.count("GET") == 6, "twice each of three times"
        assert capsys.readouterr().err.count("[S3] Cannot read") == 2
        proxy.forget()
        for call in (client.get, client.info, lambda key: client.put(key, "x"), lambda key: client.list_paths([key])):
            proxy.forget()
            proxy.always(faults.s3_error(403, "AccessDenied"))
            with pytest.raises(MetaflowS3AccessDenied, match="s3://.*/x"):
                call("x")
            assert len(proxy.seen) == 1, "what is denied stays denied"
    monkeypatch.setenv("METAFLOW_S3_READ_TIMEOUT", "0.6")
    proxy.forget()
    proxy.always(faults.hang)
    with S3(s3root=s3_bucket.location) as client:
        with pytest.raises(MetaflowS3Exception, match="does not answer.*METAFLOW_S3_ENDPOINT_URL"):
            client.get_many(["x", "y"])


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("size", [10, 2_000_000])
def test_a_file_that_vanishes_before_it_is_sent(s3, tmp_path, size):
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    (tmp_path / "other").write_text("x")

    def files():
        yield "a", str(path)
        path.unlink()
        yield "b", str(tmp_path / "other")

    with pytest.raises(MetaflowS3NotFound, match="Local file not found: .*/file"):
        s3.put_files(files())


def test_a_bucket_that_is_missing(s3_bucket):
    with S3(s3root="s3://no-such-bucket/x") as s3:
        for call in (s3.get, lambda key: s3.put(key, "x"), lambda key: s3.list_paths([key])):
            with pytest.raises(MetaflowS3NotFound, match="no-such-bucket"):
                call("x")
        with pytest.raises(MetaflowS3NotFound, match="there is no bucket"):
            s3.get("x", return_missing=True)


def test_a_write_that_was_not_answered_is_known_again(s3, proxy, s3_bucket):
    with S3(s3root=s3_bucket.location) as client:
        proxy.fail(faults.drop_after, method="PUT")
        assert client.put_many([("x", "mine")], overwrite=False) == [("x", f"{s3_bucket.location}/x")]
        proxy.fail(faults.drop_before, method="PUT")
        assert client.put_many([("x", "other")], overwrite=False) == []
    assert s3.get("x").text == "mine"


def test_no_room_on_disk(s3, monkeypatch, small_parts):
    import errno

    s3.put_many([("large", os.urandom(2_300_000)), ("small", "x")])
    small = s3.get("small")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(remote_reading.os, "pwrite", full)
    with pytest.raises(MetaflowS3InsufficientDiskSpace, match="METAFLOW_TEMPDIR"):
        s3.get("large")
    monkeypatch.setattr(scratch, "open", full, raising=False)
    with pytest.raises(MetaflowS3InsufficientDiskSpace):
        _ = small.path
    assert small.text == "x"


def test_forks_go_on(s3, s3_bucket):
    s3.put_many([(f"k{number}", str(number)) for number in range(6)])
    shared = s3.get("k5")

    def work(number):
        inherited = s3.get(f"k{number}").text
        with S3(s3root=s3_bucket.location) as own:
            own.put(f"out{number}", f"{inherited} {Path(shared.path).read_text()}")
            return own.get(f"out{number}").path is not None

    stop = threading.Event()
    busy = threading.Thread(target=lambda: [s3.get("k0") for _ in iter(stop.is_set, True)])
    busy.start()
    try:
        assert parallel_map(work, range(4), max_parallel=2) == [True] * 4
        with multiprocessing.get_context("fork").Pool(1) as pool:
            assert pool.apply_async(_size_of, (s3, "k1")).get(30) == 1
    finally:
        stop.set()
        busy.join()
    assert s3.get("out3").text == "3 5" and Path(shared.path).exists()


def _size_of(client, key):
    return client.get(key).size


def test_a_signal_is_heard_while_much_is_moved(s3, proxy, s3_bucket):
    proxy.always(faults.delayed(0.5))

    def interrupt(*_):
        raise InterruptedError("now")

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        with S3(s3root=s3_bucket.location) as client:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(InterruptedError):
                client.get_many([f"k{number}" for number in range(1000)], return_missing=True)
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert len(proxy.seen) < 200, "what was not begun is left undone"


def test_roots(s3_bucket, monkeypatch):
    for bad in ("gs://x/y", "bucket/key", "s3://", "s3:///key", 5, "s3://a b/c"):
        with pytest.raises(MetaflowS3URLException):
            S3(s3root=bad)
    for bad in ("s3://", "s3:///key", "http://x/y", "s3://bucket", "s3://bucket/"):
        with pytest.raises(MetaflowS3URLException):
            S3().get(bad)
    with pytest.raises(MetaflowS3URLException, match="self"):
        S3(run="Flow/1")
