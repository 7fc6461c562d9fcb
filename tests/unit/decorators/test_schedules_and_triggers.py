"""``@schedule``, ``@trigger`` and ``@trigger_on_finish``: what they mean, and what they refuse."""

from __future__ import annotations

import pytest

from metaflow import FlowSpec, Parameter, namespaced_event_name
from metaflow.decorators.event_sources import EventContext
from metaflow.decorators.project import ProjectDecorator
from metaflow.decorators.schedule import ScheduleDecorator
from metaflow.decorators.trigger import TriggerDecorator, TriggerEvent
from metaflow.decorators.trigger_on_finish import TriggeringFlow, TriggerOnFinishDecorator
from metaflow.exception import InvalidDecoratorAttribute
from metaflow.flow.declaration import FlowDeclaration


class Flow(FlowSpec):
    alpha = Parameter("alpha", default=1)
    data_set = Parameter("data-set", default="x")


DECLARATION = FlowDeclaration(Flow)


def context(project: str | None = None, branch: str | None = None) -> EventContext:
    return EventContext("Flow", "ada", "event", print, "local", project_name=project, branch_name=branch)


def events(**attributes: object) -> list[TriggerEvent]:
    decorator = TriggerDecorator(attributes)
    decorator.validate(DECLARATION, None)
    return decorator.events(DECLARATION, context())


def flows(where: EventContext | None = None, **attributes: object) -> list[TriggeringFlow]:
    decorator = TriggerOnFinishDecorator(attributes)
    decorator.validate(DECLARATION, None)
    return decorator.flows(where or context())


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, "0 0 * * ? *"),
        ({"hourly": True}, "0 * * * ? *"),
        ({"weekly": True, "hourly": True}, "0 0 ? * SUN *"),
        ({"weekly": True, "cron": "5 4 * * *"}, "5 4 * * *"),
        ({"daily": False}, None),
    ],
)
def test_the_most_particular_schedule_wins(attributes, expected) -> None:
    decorator = ScheduleDecorator(attributes)
    decorator.validate(DECLARATION, None)
    assert decorator.expression == expected


@pytest.mark.parametrize(
    ("attributes", "said"),
    [({"cron": "x"}, r"cron=.*1 fields"), ({"timezone": "Mars/Base"}, "Mars/Base"), ({"weekly": "no"}, "weekly='no'")],
)
def test_a_bad_schedule_is_refused(attributes, said) -> None:
    with pytest.raises(InvalidDecoratorAttribute, match=said):
        ScheduleDecorator(attributes).validate(DECLARATION, None)


def test_events_in_all_forms() -> None:
    assert events(event="a.b-c") == [TriggerEvent("a.b-c")]
    assert events(event={"name": "a"}) == [TriggerEvent("a")]
    mapped = {"alpha": "field", "data-set": "other"}
    assert events(event={"name": "a", "parameters": mapped}) == [TriggerEvent("a", mapped)]
    listed = ["alpha", ("data_set", "other")]  # the attribute's name will do as well
    assert events(event={"name": "a", "parameters": listed}) == [
        TriggerEvent("a", {"alpha": "alpha", "data-set": "other"})
    ]
    assert events(events=["a", {"name": "b"}]) == [TriggerEvent("a"), TriggerEvent("b")]


def test_events_that_functions_name() -> None:
    asked = []

    def name(context: EventContext) -> str:
        asked.append((context.flow_name, context.user_name, context.parameter_name))
        return f"new_{context.user_name}"

    decorator = TriggerDecorator({"event": name})
    decorator.validate(DECLARATION, None)
    assert not asked, "it is called when the flow is deployed, not before"
    assert decorator.events(DECLARATION, context()) == [TriggerEvent("new_ada")]
    assert asked == [("Flow", "ada", "event")]
    assert events(events=lambda _: ["a", "b"]) == [TriggerEvent("a"), TriggerEvent("b")]
    computed = {"name": name, "parameters": lambda _: {"alpha": "x"}}
    assert events(events=["a", computed]) == [TriggerEvent("a"), TriggerEvent("new_ada", {"alpha": "x"})]

    def fails(context: EventContext) -> str:
        raise OSError("no network")

    for bad, said in ((fails, "fails.*OSError: no network"), (lambda _: 3, "3 cannot be an event")):
        decorator = TriggerDecorator({"event": bad})
        decorator.validate(DECLARATION, None)
        with pytest.raises(InvalidDecoratorAttribute, match=said):
            decorator.events(DECLARATION, context())


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({}, "does not say what triggers"),
        ({"event": "a", "events": ["b"]}, "both event and events"),
        ({"events": "ab"}, "should be a list"),
        ({"events": ["a", "a"]}, "'a' more than once"),
        ({"event": "a b"}, "'a b' cannot be the name"),
        ({"event": ""}, "'' cannot be the name"),
        ({"event": 3}, "3 cannot be an event"),
        ({"event": {"parameters": ["alpha"]}}, "lacks its name"),
        ({"event": {"name": "a", "parameter": ["alpha"]}}, "has no 'parameter'"),
        ({"event": {"name": "a", "parameters": ["beta"]}}, "'beta', but flow Flow has no such.*alpha, data-set"),
        ({"event": {"name": "a", "parameters": {"alpha": 3}}}, "3 cannot be used"),
        ({"event": {"name": "a", "parameters": ["data-set", "data_set"]}}, "more than once"),
        ({"event": {"name": "a", "parameters": 3}}, "should be a dictionary"),
        ({"event": "a", "options": []}, "should be a dictionary"),
        ({"event": "a", "options": {"reset": 1}}, "has no 'reset'.*reset_at"),
        ({"event": "a", "options": {"reset_at": {"cron": "1"}}}, "reset_at.*cron.*fields"),
        ({"event": "a", "options": {"reset_at": {"timezone": "Mars"}}}, "reset_at.*timezone.*Mars"),
    ],
)
def test_bad_events_are_refused(attributes, said) -> None:
    with pytest.raises(InvalidDecoratorAttribute, match=said):
        TriggerDecorator(attributes).validate(DECLARATION, None)


def test_flows_in_all_forms() -> None:
    assert flows(flow="Other") == [TriggeringFlow("Other")]
    assert flows(flow="shop.user.ada.Other") == [TriggeringFlow("Other", "shop", "user.ada")]
    assert flows(flows=[{"name": "A"}, {"name": "B", "project": "shop", "project_branch": "prod"}]) == [
        TriggeringFlow("A"),
        TriggeringFlow("B", "shop", "prod"),
    ]
    assert flows(flows=[lambda _: "A", "B"]) == [TriggeringFlow("A"), TriggeringFlow("B")]


def test_a_flow_in_a_project_listens_to_its_own_branch() -> None:
    own = context("shop", "test.b")
    assert flows(own, flow="Other") == [TriggeringFlow("Other", "shop", "test.b")]
    assert flows(own, flow="a.prod.Other") == [TriggeringFlow("Other", "a", "prod")]
    assert flows(own, flow="Other")[0].event_name == "metaflow.shop.test.b.Other.end"
    assert flows(flow="Other")[0].event_name == "metaflow.Other.end"

    declaration = FlowDeclaration(Flow)
    decorator = TriggerOnFinishDecorator({"flow": {"name": "Other", "project": "a"}})
    with pytest.raises(InvalidDecoratorAttribute, match="only one of project and project_branch"):
        decorator.validate(declaration, None)
    declaration.decorators.append(ProjectDecorator({"name": "shop"}))
    decorator.validate(declaration, None)
    assert decorator.flows(own) == [TriggeringFlow("Other", "a", "test.b")]


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({}, "does not say what triggers"),
        ({"flow": "A", "flows": ["B"]}, "both flow and flows"),
        ({"flow": "project.Flow"}, "'project.Flow' cannot be a flow"),
        ({"flow": "a..b"}, "'a..b' cannot be a flow"),
        ({"flow": "my flow"}, "'my flow' cannot be the name"),
        ({"flow": {"project": "a"}}, "lacks its name"),
        ({"flow": {"name": "A", "branch": "b"}}, "has no 'branch'"),
        ({"flow": {"name": 3}}, "name=3"),
        ({"flows": ["A", "A"]}, "more than once"),
        ({"flows": ["A", 3]}, "3 cannot be a flow"),
        ({"flow": "A", "options": {"x": 1}}, "has no 'x'"),
    ],
)
def test_bad_flows_are_refused(attributes, said) -> None:
    with pytest.raises(InvalidDecoratorAttribute, match=said):
        TriggerOnFinishDecorator(attributes).validate(DECLARATION, None)


def test_names_of_events_in_a_project(monkeypatch: pytest.MonkeyPatch) -> None:
    name = namespaced_event_name("ready")
    assert name(context()) == "mfns.ready"
    assert name(context("shop", "user.a@b")) == "mfns.shop.user.ab.ready"
    assert name() == "mfns.ready"
    assert events(event=name) == [TriggerEvent("mfns.ready")]
    assert TriggerDecorator({"event": name}).recorded_attributes()["event"] == "namespaced_event_name('ready')"
    monkeypatch.setenv("METAFLOW_NAMESPACED_EVENTS_PREFIX", "acme")
    assert name(context()) == "acme.ready"
    with pytest.raises(ValueError, match="text"):
        namespaced_event_name(3)
