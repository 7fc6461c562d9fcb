"""The namespace as a function, for the length of a block, and on a flow."""

from __future__ import annotations

import pickle

import pytest

from metaflow import FlowSpec, get_namespace, namespace, step
from metaflow.client import Flow, default_namespace
from metaflow.exception import MetaflowException

from .stored_flow import StoredRun


def test_a_block_sees_another_namespace_and_then_the_one_before():
    namespace("mine")
    with namespace("theirs") as chosen:
        assert chosen == "theirs" == get_namespace()
        with namespace(None) as everything:
            assert not everything and get_namespace() is None
        assert get_namespace() == "theirs"
        namespace("chosen inside")
    assert get_namespace() == "mine"


def test_after_a_block_the_default_is_looked_up_anew(monkeypatch):
    with namespace("theirs"):
        pass
    monkeypatch.setenv("METAFLOW_USER", "bob")
    assert get_namespace() == "user:bob"


def test_an_error_in_the_block_ends_it_too():
    with pytest.raises(ZeroDivisionError), namespace("theirs"):
        1 / 0
    assert get_namespace() == "user:ann"


def test_what_was_chosen_can_be_used_for_several_blocks():
    chosen = namespace("theirs")
    namespace("mine")
    for _ in range(2):
        with chosen:
            with chosen:
                pass
            assert get_namespace() == "theirs"
        assert get_namespace() == "mine"


def test_it_is_an_ordinary_text():
    chosen = namespace("theirs")
    assert isinstance(chosen, str) and f"{chosen}!" == "theirs!"
    assert type(pickle.loads(pickle.dumps(chosen))) is str
    assert get_namespace() == "theirs"
    assert default_namespace() == "user:ann" == get_namespace()


@pytest.mark.parametrize("everything", [None, ""])
def test_a_block_in_which_all_runs_are_seen(root, everything):
    StoredRun(root, run_id="1", user="ann").ended()
    StoredRun(root, run_id="2", user="bob").ended()
    assert [run.id for run in Flow("F")] == ["1"]
    with namespace(everything):
        flow = Flow("F")
    assert [run.id for run in flow] == ["2", "1"], "an object keeps the namespace that it was made in"
    assert [run.id for run in Flow("F")] == ["1"]


def test_a_decorated_flow_has_the_namespace_and_nothing_else_changes():
    @namespace("experiments")
    class Base(FlowSpec):
        @step
        def start(self):
            pass

    class Derived(Base):
        pass

    class Other(FlowSpec):
        pass

    assert get_namespace() == "user:ann"
    assert Base._namespace_of_runs == "experiments" == Derived._namespace_of_runs
    assert Other._namespace_of_runs is None


@pytest.mark.parametrize(
    ("ns", "target", "reason"),
    [
        ("x", len, "len, which is no flow"),
        ("x", str, "str, which is no flow"),
        (None, type("F", (FlowSpec,), {}), "names no namespace"),
        ("x" * 501, type("F", (FlowSpec,), {}), "501 characters"),
    ],
)
def test_what_cannot_be_decorated(ns, target, reason):
    with pytest.raises(MetaflowException, match=reason):
        namespace(ns)(target)
    assert get_namespace() == "user:ann"


def test_a_namespace_is_a_text():
    with pytest.raises(MetaflowException, match="not 3"):
        namespace(3)
