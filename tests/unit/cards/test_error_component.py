"""`Error`: exceptions of all kinds."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import pytest

from metaflow.cards import Error
from metaflow.exception import MetaflowException, MetaflowExceptionWrapper


def raised(make: Any) -> BaseException:
    try:
        make()
    except BaseException as error:
        return error
    raise AssertionError("it raises")


def chain() -> None:
    try:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from error
    except ValueError:
        raise RuntimeError("third")


def test_the_kind_the_message_and_the_place() -> None:
    node = Error(raised(chain)).render()
    assert (node["type"], node["headline"], node["message"]) == ("error", "RuntimeError", "third")
    assert "in chain" in node["trace"]
    for name in ("KeyError: 'first'", "ValueError: second", "direct cause", "During handling"):
        assert name in node["trace"]


def test_a_title_is_the_headline() -> None:
    assert Error(ValueError("x"), "No data").render() == {
        "type": "error",
        "headline": "No data",
        "message": "ValueError: x",
    }


def test_our_own_frames_are_left_out_at_every_depth() -> None:
    namespace: dict[str, Any] = {"chain": chain}
    from metaflow import error_text

    # A frame whose code is in a file of the package.
    exec(compile("def ours():\n    chain()", error_text.__file__, "exec"), namespace)
    trace = Error(raised(namespace["ours"])).render()["trace"]
    assert "in chain" in trace
    assert "in ours" not in trace


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups of exceptions are of Python 3.11")
def test_groups_tell_their_members() -> None:
    node = Error(ExceptionGroup("two failed", [ValueError("a"), raised(chain)])).render()  # noqa: F821
    assert node["headline"] == "ExceptionGroup"
    for name in ("ValueError: a", "RuntimeError: third", "in chain"):
        assert name in node["trace"]


def test_what_a_failed_task_recorded() -> None:
    wrapper = pickle.loads(pickle.dumps(MetaflowExceptionWrapper(raised(chain))))
    node = Error(wrapper).render()
    assert (node["headline"], node["message"]) == ("RuntimeError", "third")
    assert "in chain" in node["trace"]
    assert Error(MetaflowExceptionWrapper()).render()["headline"] == "Error"


def test_a_metaflow_exception_has_its_headline() -> None:
    class Missing(MetaflowException):
        headline = "Data is missing"

    assert Error(Missing("no rows")).render() == {"type": "error", "headline": "Data is missing", "message": "no rows"}


def test_odd_exceptions() -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "could not be made" in Error(Silent()).render()["message"]
    assert Error("text").render()["message"] == "text"
    assert Error(None).render() == {"type": "error", "headline": "Error", "message": ""}
    assert Error(KeyError()).render()["headline"] == "KeyError"
