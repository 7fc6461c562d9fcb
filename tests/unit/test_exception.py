"""Errors: one place to import them from, whichever module they are written in."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from metaflow import exception
from metaflow.exception import MetaflowException

NAMES = sorted(exception._WHERE)


@pytest.mark.parametrize("name", NAMES)
def test_an_error_is_where_it_is_imported_from_and_pickled_by(name: str) -> None:
    kind = getattr(exception, name)
    assert issubclass(kind, MetaflowException) and kind.__name__ == name
    assert kind.__module__ == "metaflow.exception", "records of failures and pickles name it"
    error = kind.__new__(kind)
    error.args, error.message = ("why",), "why"
    data = pickle.dumps(error)
    assert b"metaflow.exception" in data and b"metaflow.exception." not in data
    assert type(pickle.loads(data)) is kind and pickle.loads(data).message == "why"


def test_no_error_is_missing_from_the_page() -> None:
    assert set(NAMES) <= set(dir(exception))
    assert [name for name in NAMES if name not in (exception.__doc__ or "")] == []


def test_an_error_of_a_users_own_keeps_its_module() -> None:
    class Own(MetaflowException):
        pass

    assert Own.__module__ == __name__


def test_errors_are_imported_when_they_are_used() -> None:
    program = (
        "import sys, metaflow.exception\n"
        "print([name for name in sys.modules if name.startswith('metaflow.exception.')])\n"
        "metaflow.exception.MetaflowS3NotFound\n"
        "print([name for name in sys.modules if name.startswith('metaflow.exception.')])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "['metaflow.exception.datatools']"]
