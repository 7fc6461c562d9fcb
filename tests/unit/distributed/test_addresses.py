"""At which address nodes reach each other."""

from __future__ import annotations

import socket

import pytest

from metaflow.distributed import addresses
from metaflow.distributed.addresses import address_of_node
from metaflow.exception import GangException
from metaflow.flow.parallel_node import Parallel


def test_node_0_is_where_everybody_was_told():
    assert address_of_node(Parallel("control.example", 2, 0, "1"), 0) == "control.example"


@pytest.mark.parametrize("main", ["127.0.0.1", "localhost"])
def test_others_are_where_they_reach_it_from(main: str):
    assert address_of_node(Parallel(main, 2, 1, "1"), 5) in ("127.0.0.1", "::1")


def test_a_name_may_become_known_later(monkeypatch):
    monkeypatch.setattr(addresses, "_PAUSE", 0.01)
    real, tries = socket.getaddrinfo, []

    def resolve(name, *arguments, **options):
        tries.append(name)
        if len(tries) < 3:
            raise socket.gaierror(-2, "Name or service not known")
        return real("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert address_of_node(Parallel("late.example", 2, 1, "1"), 20) == "127.0.0.1"
    assert len(tries) == 3


def test_a_name_that_stays_unknown(monkeypatch):
    monkeypatch.setattr(addresses, "_PAUSE", 0.01)

    def resolve(*arguments, **options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(GangException, match="Node 1 does not find node 0 at 'gone.example' .* Name or service not"):
        address_of_node(Parallel("gone.example", 2, 1, "1"), 0.05)
