"""The files of the app: sent packed and cached as they may be, and nothing else of the disk."""

from __future__ import annotations

import gzip
import http.client
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.server.app import Further, create_app
from metaflow.server.configuration import ServerSettings
from metaflow.server.gate import Paths
from metaflow.web.pages import NOT_BUILT, OPEN_PATHS, Pages, page_routes
from running_service import Service, running_app

PROGRAM = b"console.log('x');" * 500


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>App</title>")
    (folder / "icon.svg").write_text("<svg/>")
    (folder / "assets" / "index-abc.js").write_bytes(PROGRAM)
    (folder / "assets" / "index-abc.js.gz").write_bytes(gzip.compress(PROGRAM))
    (folder / "assets" / "index-abc.js.br").write_bytes(b"packed by brotli")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "static-secret.txt").write_text("secret")
    return folder


@pytest.fixture
def service(built: Path, tmp_path: Path) -> Iterator[Service]:
    with running_app(application(built), None) as service:
        yield service


def application(folder: Path) -> FastAPI:
    database = SqliteMetadata()
    further = Further(lambda services: [page_routes(Pages(folder))], Paths(open=OPEN_PATHS))
    return create_app(database, database, None, ServerSettings(), further)


def test_every_page_of_the_app_is_the_one_document_under_a_strict_policy(service):
    for path in ("/ui/", "/ui/runs/Some%2FFlow/12", "/ui/anything?x=1"):
        page = service.get(path)
        assert page.status == 200 and b"<title>App</title>" in page.body
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy and "frame-ancestors 'none'" in policy
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-cache"
    assert service.get("/").headers is not None and b"<title>App</title>" in service.get("/").body
    assert service.get("/ui").status == 200 and service.get("/favicon.ico").body == b"<svg/>"


def test_files_are_sent_as_the_browser_takes_them(service):
    path = "/ui/assets/index-abc.js"
    plain = service.get(path)
    assert plain.body == PROGRAM and plain.headers["Content-Type"].startswith("text/javascript")
    assert plain.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert plain.headers["Vary"] == "Accept-Encoding"
    for accepted, encoding in (
        ("gzip, deflate, br", "br"),
        ("gzip;q=1.0, br;q=0", "gzip"),
        ("deflate, GZIP", "gzip"),
    ):
        packed = service.get(path, Accept_Encoding=accepted)
        assert packed.headers["Content-Encoding"] == encoding, accepted
        assert packed.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(service.get(path, Accept_Encoding="gzip").body) == PROGRAM
    head = service.ask("HEAD", path)
    assert head.status == 200 and head.body == b"" and int(head.headers["Content-Length"]) == len(PROGRAM)
    tag = plain.headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = service.get(path, If_None_Match=known)
        assert again.status == 304 and again.body == b"" and again.headers["ETag"] == tag
    assert service.get(path, If_None_Match='"other"').status == 200
    assert service.get("/ui/assets/index-old.js").status == 404


def asked(service: Service, path: str) -> tuple[int, bytes]:
    """As it is written, which urllib would tidy up."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.putrequest("GET", path, skip_accept_encoding=True)
    connection.endheaders()
    answer = connection.getresponse()
    try:
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "path",
    [
        "/ui/../secret.txt",
        "/ui/..%2fsecret.txt",
        "/ui/%2e%2e/secret.txt",
        "/ui/%2e%2e%2fsecret.txt",
        "/ui/..%5csecret.txt",
        "/ui/....//secret.txt",
        "/ui/assets/../../secret.txt",
        "/ui/assets/..%2f..%2fsecret.txt",
        "/ui/assets/%252e%252e/secret.txt",
        "/ui/%00",
        "/ui/index.html%00.js",
        "/ui//etc/passwd",
        "/ui/%2fetc%2fpasswd",
        "/ui/-secret.txt",
        "//etc/passwd",
        "/ui/assets/link.txt",
        "/ui/" + "a/" * 5000,
    ],
)
def test_nothing_else_of_the_disk_can_be_named(service, path):
    status, body = asked(service, path)
    assert status in (200, 404, 400, 414, 307, 431) and b"secret" not in body and b"root:" not in body


def test_what_is_built_anew_is_noticed_and_open_pages_still_get_their_files(service, built):
    assert service.get("/ui/assets/index-abc.js").status == 200
    for file in (built / "assets").iterdir():
        file.unlink()
    (built / "assets" / "index-def.js").write_bytes(b"new")
    (built / "index.html").write_text("<title>New</title>")
    os.utime(built / "index.html", ns=(10**18, 10**18))
    assert service.get("/ui/").body == b"<title>New</title>"
    assert service.get("/ui/assets/index-def.js").body == b"new"
    assert service.get("/ui/assets/index-abc.js").body == PROGRAM


def test_an_app_that_is_not_built_says_what_to_run(tmp_path):
    with running_app(application(tmp_path / "nothing"), None) as service:
        page = service.get("/ui/")
        assert page.status == 503 and page.body.decode() == NOT_BUILT and "make ui" in NOT_BUILT
