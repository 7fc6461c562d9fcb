"""Where a node of a gang finds the first one, if its engine gives a name for it."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from metaflow.compute.backend import MAIN_ADDRESS_VARIABLE
from metaflow.compute.main_address import RESOLUTION_VARIABLE, find_main_address
from metaflow.exception import MetaflowException

NOTHING: Any = None


def test_a_name_that_becomes_known_later_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([OSError("unknown"), "10.0.0.7"])

    def look_up(name: str) -> str:
        assert name == "control.gang"
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(socket, "gethostbyname", look_up)
    monkeypatch.setenv(MAIN_ADDRESS_VARIABLE, "control.gang")
    find_main_address(NOTHING, NOTHING, NOTHING)

    assert os.environ[MAIN_ADDRESS_VARIABLE] == "10.0.0.7"


def test_a_name_that_never_becomes_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MAIN_ADDRESS_VARIABLE, "no such name")
    monkeypatch.setenv(RESOLUTION_VARIABLE, "0")
    with pytest.raises(MetaflowException, match="The name of node 0, no such name, has led to no address within 0 sec"):
        find_main_address(NOTHING, NOTHING, NOTHING)


def test_an_address_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setenv(MAIN_ADDRESS_VARIABLE, "127.0.0.1")
    find_main_address(NOTHING, NOTHING, NOTHING)
    assert os.environ[MAIN_ADDRESS_VARIABLE] == "127.0.0.1"
