"""How a node reads objects: by signed addresses, by its own credentials, with patience."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

import node_doubles
from metaflow.compute import bootstrap
from metaflow.compute.bootstrap import Problem, Reader, Refused, aws_keys, signed_headers
from metaflow.compute.bundle import Bundle, signed_addresses
from metaflow.datastore.location import open_store
from node_doubles import Place, send

ANSWER = {"AccessKeyId": "AKIA", "SecretAccessKey": "secret", "Token": "token"}


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    return node_doubles.bare_python(tmp_path_factory.mktemp("node") / "venv")


@pytest.fixture
def node(python: str, tmp_path: Path) -> Place:
    return Place(python, tmp_path / "node")


class Web:
    """A server whose answers a test decides upon, by path: a list of (status, body), the last one for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, bytes]]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.body = ""
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                web.requests.append((self.command, self.path, headers))
                answers = web.answers.get(urlsplit(self.path).path, [(404, b"")])
                status, body = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_PUT = do_POST = do_GET

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    yield web
    web.close()


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made."""
    pauses: list[float] = []
    monkeypatch.setattr(bootstrap.time, "sleep", pauses.append)
    return pauses


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in bootstrap.os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)


def bundle_in(bucket, **options) -> Bundle:
    return send(open_store(bucket.location), bucket.location, **options)


def refuse_addresses(bundle: Bundle, web: Web) -> dict[str, str]:
    """Have all addresses refused, as if they had expired; returns the variables for the node."""
    web.answers = {"/expired": [(403, b"<Error>Request has expired</Error>")]}
    variables = bundle.variables
    told = json.loads(variables["METAFLOW_BUNDLE"])
    told["address"] = f"{web.url}/expired?X-Amz-Signature=abc"
    return {**variables, "METAFLOW_BUNDLE": json.dumps(told)}


def test_signed_addresses_are_all_that_a_node_needs(node, any_bucket):
    bundle = bundle_in(any_bucket)
    if json.loads(bundle.variables["METAFLOW_BUNDLE"]).get("why"):
        assert any_bucket.kind == "gs"  # the emulator has no credentials that could sign
        pytest.skip("the emulator of Google Cloud Storage does not sign addresses")
    found = node.run(bundle).found
    assert "flow.py" in found["files"] and found["env"]["METAFLOW_CODE_DS"] == any_bucket.kind
    assert not [name for name in found["env"] if name.startswith(("AWS_", "AZURE_"))]


def test_an_expired_address_makes_the_node_use_its_own_credentials(node, s3_bucket, web):
    bundle = bundle_in(s3_bucket)
    keys = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "METAFLOW_S3_ENDPOINT_URL": s3_bucket.server.url,
    }
    arrival = node.run(bundle, **refuse_addresses(bundle, web), **keys)
    assert "flow.py" in arrival.found["files"]
    assert f"{web.url}/expired answers 403" in arrival.stderr and "trying another way" in arrival.stderr
    assert "abc" not in arrival.stderr  # signatures are secret
    assert len(web.requests) == 1  # there is no use in asking again


def test_without_any_way_the_node_says_what_it_tried(node, s3_bucket, web):
    bundle = bundle_in(s3_bucket)
    env = {"METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1", "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{web.url}/none"}
    arrival = node.run(bundle, **refuse_addresses(bundle, web), **env)
    assert arrival.code == 1 and "Traceback" not in arrival.stderr
    last = arrival.stderr.splitlines()[-1]
    for part in (
        f"cannot be read from {s3_bucket.location}/mf-store/runs/F/1/bundle.json",
        "answers 403",
        "obstore cannot be imported",
        "METAFLOW_SKIP_INSTALL_DEPENDENCIES",
        "Give the node credentials",
    ):
        assert part in last


def test_obstore_of_the_image_reads_with_the_credentials_of_the_node(s3_bucket, monkeypatch):
    store = open_store(s3_bucket.location)
    store.put("mf-store/runs/F/1/bundle.json", [b"content"])
    reader = Reader(s3_bucket.location, {}, "")
    assert reader.read("mf-store/runs/F/1/bundle.json") == b"content"
    assert reader.ways[0] == reader._by_obstore


def test_busy_servers_are_asked_again(web, no_pauses):
    web.answers = {"/busy": [(503, b""), (500, b""), (429, b""), (200, b"content")], "/down": [(503, b"")]}
    reader = Reader("gs://bucket/prefix", {"key": f"{web.url}/busy"}, "")
    assert reader.read("key") == b"content"
    assert len(no_pauses) == 3 and no_pauses[0] < no_pauses[2]
    web.requests.clear()
    with pytest.raises(Refused, match="No answer in 6 tries"):
        Reader("gs://bucket/prefix", {"key": f"{web.url}/down"}, "")._by_address("key")
    assert len(web.requests) == 6


def test_a_server_that_is_not_there_is_asked_again(no_pauses):
    with pytest.raises(Refused, match="No answer in 6 tries: .*refused"):
        Reader("s3://bucket", {"key": "http://127.0.0.1:9/x"}, "")._by_address("key")
    assert len(no_pauses) == 5


def test_why_there_is_no_address_is_said():
    with pytest.raises(Refused, match="There is no signed address: the moon is full"):
        Reader("s3://bucket", {}, "the moon is full")._by_address("key")


def test_signatures_are_those_of_botocore():
    auth = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    now, host, path = "20240131T235959Z", "s3.eu-west-1.amazonaws.com", "/bucket/a%20b/mf-store/x%2By.json"
    for token in ("", "token"):
        headers = signed_headers(host, path, "eu-west-1", ("AKIA", "secret", token), now)
        signer = auth.S3SigV4Auth(Credentials("AKIA", "secret", token or None), "s3", "eu-west-1")
        plain = {name: value for name, value in headers.items() if name not in ("Authorization", "host")}
        request = AWSRequest("GET", f"https://{host}{path}", plain)
        request.context["timestamp"] = now
        signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        assert re.search("Signature=(.*)", headers["Authorization"])[1] == signature


def test_keys_of_the_environment(monkeypatch, no_keys):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert aws_keys() == ("AKIA", "secret", "")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    assert aws_keys() == ("AKIA", "secret", "token")


def test_keys_of_a_container(monkeypatch, no_keys, web, tmp_path):
    (tmp_path / "token").write_text("may-i\n")
    web.answers = {"/keys": [(200, json.dumps(ANSWER).encode())]}
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{web.url}/keys")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
    assert aws_keys() == ("AKIA", "secret", "token")
    assert web.requests[0][2]["authorization"] == "may-i"


def test_keys_of_a_machine(monkeypatch, no_keys, web):
    place = "/latest/meta-data/iam/security-credentials/"
    web.answers = {
        "/latest/api/token": [(200, b"session")],
        place: [(200, b"the-role\n")],
        f"{place}the-role": [(200, json.dumps(ANSWER).encode())],
    }
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"{web.url}/")
    assert aws_keys() == ("AKIA", "secret", "token")
    assert [request[0] for request in web.requests] == ["PUT", "GET", "GET"]
    assert web.requests[2][2]["x-aws-ec2-metadata-token"] == "session"


def test_keys_that_make_no_sense(monkeypatch, no_keys, web):
    web.answers = {"/keys": [(200, b'{"Code": "Failed"}')]}
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{web.url}/keys")
    with pytest.raises(Refused, match="credentials for AWS cannot be understood"):
        Reader("s3://bucket", {}, "")._by_signature("key")


def test_no_keys_at_all(monkeypatch, no_keys):
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Refused, match="The node has no credentials for AWS"):
        aws_keys()


def test_keys_of_a_web_identity(monkeypatch, no_keys, web, tmp_path):
    (tmp_path / "token").write_text("who-i-am")
    web.answers = {
        "/": [
            (
                200,
                b"<R><Credentials><AccessKeyId>AKIA</AccessKeyId><SecretAccessKey>se/+cret</SecretAccessKey>"
                b"<SessionToken>token==</SessionToken></Credentials></R>",
            )
        ]
    }
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", web.url)
    assert aws_keys() == ("AKIA", "se/+cret", "token==")
    query = parse_qs(web.body)
    assert query["RoleArn"] == ["arn:aws:iam::1:role/r"] and query["WebIdentityToken"] == ["who-i-am"]


def test_a_web_identity_is_asked_for_as_moto_knows_it(s3_server, monkeypatch, no_keys, tmp_path):
    (tmp_path / "token").write_text("who-i-am")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", s3_server.url)
    assert all(aws_keys())


def test_a_directory_needs_no_address(tmp_path):
    (tmp_path / "key").write_bytes(b"content")
    assert Reader(str(tmp_path), {}, "").read("key") == b"content"
    with pytest.raises(Problem, match="has to be shared by this node"):
        Reader(str(tmp_path), {}, "").read("other")


def test_what_cannot_sign_says_why(gs_bucket):
    addresses, why = signed_addresses(open_store(gs_bucket.location), ["key"])
    assert addresses == {} and why
