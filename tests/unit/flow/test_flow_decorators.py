"""Flow decorators: noted on the class, made and checked with the declaration."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from metaflow import FlowSpec, Parameter, exit_hook, project, schedule, step, trigger
from metaflow.exception import (
    BadFlowDecoratorException,
    DuplicateFlowDecoratorException,
    InvalidDecoratorAttribute,
)
from metaflow.flow.declaration import FlowDeclaration
from metaflow.flow.flow_decorators import FlowDecorator, run_facts
from metaflow.flow.plain_data import plain
from metaflow.flow.run_facts import RunFacts


def names(flow: type[FlowSpec]) -> list[str]:
    return [decorator.name for decorator in FlowDeclaration(flow).decorators]


def test_a_flow_has_its_own_decorators_and_those_of_its_bases() -> None:
    @project(name="shop")
    class Base(FlowSpec):
        pass

    class Mixin:
        pass

    @schedule
    @trigger(event="new_data")
    class Derived(Mixin, Base):
        pass

    class Plain(FlowSpec):
        pass

    assert names(Base) == ["project"]
    assert names(Derived) == ["project", "trigger", "schedule"]
    assert names(Plain) == []
    assert FlowDeclaration(Derived).constants == {}


def test_two_declarations_share_nothing() -> None:
    @project(name="shop")
    class Flow(FlowSpec):
        pass

    FlowDeclaration(Flow).decorators[0].attributes["name"] = "changed"
    assert FlowDeclaration(Flow).decorators[0].attributes["name"] == "shop"


def test_what_is_written_is_recorded_with_its_place() -> None:
    def tell(run: object) -> None:
        pass

    @exit_hook(on_error=[tell])
    class Flow(FlowSpec):
        pass

    decorator = FlowDeclaration(Flow).decorators[0]
    assert decorator.recorded_attributes() == {"on_success": [], "on_error": ["tell"], "options": {}}
    assert decorator.statically_defined
    assert decorator.inserted_by is None
    assert decorator.where is not None
    file, line = decorator.where
    assert file == __file__
    assert "@exit_hook(on_error=[tell])" in open(file).read().splitlines()[line - 1]
    assert repr(decorator) == "@exit_hook(on_error=['tell'])"


def test_a_repeatable_decorator_may_be_repeated_and_others_not() -> None:
    @exit_hook(on_success=[print])
    @exit_hook(on_success=[print])
    class Fine(FlowSpec):
        pass

    assert names(Fine) == ["exit_hook", "exit_hook"]

    @schedule(hourly=True)
    class Base(FlowSpec):
        pass

    @schedule(weekly=True)
    class Twice(Base):
        pass

    with pytest.raises(DuplicateFlowDecoratorException, match=r"@schedule.*more than once.*other stands on line") as e:
        FlowDeclaration(Twice)
    assert e.value.source_file == __file__
    assert e.value.line_no

    class Left(FlowSpec):
        pass

    schedule(Left)

    class Both(Left, Base):
        pass

    with pytest.raises(DuplicateFlowDecoratorException):
        FlowDeclaration(Both)


def test_an_unknown_attribute_is_refused_with_its_line() -> None:
    @schedule(every="day")
    class Flow(FlowSpec):
        pass

    with pytest.raises(InvalidDecoratorAttribute, match=r"does not support the attribute 'every'.*cron, weekly") as e:
        FlowDeclaration(Flow)
    assert (e.value.source_file, bool(e.value.line_no)) == (__file__, True)


def test_what_is_no_flow_cannot_be_decorated() -> None:
    with pytest.raises(BadFlowDecoratorException, match="start, which is no flow: put it above the flow's class"):

        class Flow(FlowSpec):
            @schedule
            @step
            def start(self):
                pass

    with pytest.raises(BadFlowDecoratorException, match="derive the class from FlowSpec"):

        @project(name="x")
        class NoFlow:
            pass

    with pytest.raises(BadFlowDecoratorException, match=r"by name, as in @schedule\(cron='0 0 . . .'\)"):
        schedule("0 0 * * *")


def test_facts_of_several_decorators_are_put_together() -> None:
    class One(FlowDecorator):
        name = "one"

        def run_facts(self, flow, options):
            return RunFacts({"flow": flow, "x": options["x"]}, ("tag:1",), {"field": "value"})

    class Two(One):
        name = "two"

        def run_facts(self, flow, options):
            return RunFacts({"y": 2}, ("tag:2",))

    class Flow(FlowSpec):
        alpha = Parameter("alpha", default=1)

    declaration = FlowDeclaration(Flow)
    assert run_facts(declaration, {}) == RunFacts()
    declaration.decorators += [One(), Two()]
    expected = RunFacts({"flow": "Flow", "x": 1, "y": 2}, ("tag:1", "tag:2"), {"field": "value"})
    assert run_facts(declaration, {"x": 1}) == expected


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just(print) | st.just(int),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
)


@given(values)
def test_plain_data_survives_json(value: object) -> None:
    data = plain(value)
    assert json.loads(json.dumps(data)) == data
    assert plain(data) == data


def test_plain_data_of_other_things() -> None:
    assert plain({1: {"b", "a"}, "f": plain, "c": FlowSpec}) == {"1": ["a", "b"], "f": "plain", "c": "FlowSpec"}
    assert plain(object).startswith("object")
    assert "object at" in plain([object()])[0]
