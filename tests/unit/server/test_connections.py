"""Clients that open connections and do not say what they want, or not to the end."""

from __future__ import annotations

import socket

import pytest

from metaflow.server import connections, gate

HEAD = "POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


def connected(service):
    return socket.create_connection(("127.0.0.1", service.port), timeout=60)


def until_closed(connection):
    """What the service says before it closes a connection."""
    said = b""
    while received := connection.recv(65536):
        said += received
    return said


@pytest.mark.parametrize("sent", ["", "GET /heal", HEAD])
def test_a_request_that_is_not_said_in_time_is_not_waited_for(service, monkeypatch, sent):
    monkeypatch.setattr(connections, "_HEAD_SECONDS", 0.2)
    with connected(service) as connection:
        connection.sendall(sent.encode())
        assert until_closed(connection) == b""


def test_nor_is_a_second_one_on_the_same_connection(service, monkeypatch):
    monkeypatch.setattr(connections, "_HEAD_SECONDS", 1.0)
    with connected(service) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /heal")
        until_closed(connection)


def test_a_small_body_that_does_not_come_is_not_waited_for_either(service, monkeypatch):
    monkeypatch.setattr(gate, "_BODY_SECONDS", 0.2)
    with connected(service) as connection:
        connection.sendall(f"{HEAD}Content-Length: 20\r\n\r\n{{".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_an_offer_of_another_protocol_is_passed_over_in_silence(service, caplog, protocol):
    with connected(service) as connection:
        head = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    assert caplog.text == ""


def test_who_is_answered_for_long_is_not_taken_for_silent(service, monkeypatch, listen):
    monkeypatch.setattr(connections, "_HEAD_SECONDS", 1.0)
    stream = listen(service)
    assert stream.next()[0] == "ready"
    with connected(service) as silent:
        until_closed(silent)  # by then the other one would be closed as well
    service.post("/api/v1/events", {"events": [{"kind": "run_forgotten", "flow": "F", "run_id": "1"}]})
    assert stream.next()[0] == "run_forgotten"
