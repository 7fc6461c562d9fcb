"""``@project``: where a flow works, and what its runs are told of that."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from metaflow.decorators.project import ProjectDecorator
from metaflow.exception import InvalidDecoratorAttribute


@pytest.fixture(autouse=True)
def ada(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_USER", "ada")
    monkeypatch.delenv("METAFLOW_OWNER", raising=False)


def branch(attributes: dict[str, object], **options: object) -> str:
    return ProjectDecorator({"name": "shop", **attributes}).place(options).branch


@pytest.mark.parametrize(
    ("attributes", "options", "expected"),
    [
        ({}, {}, "user.ada"),
        ({"branch": "b"}, {}, "test.b"),
        ({}, {"branch": "b"}, "test.b"),
        ({"branch": "b"}, {"branch": "b"}, "test.b"),
        ({"production": True}, {}, "prod"),
        ({}, {"production": True}, "prod"),
        ({"production": True}, {"production": True}, "prod"),
        ({"production": True, "branch": "b"}, {}, "prod.b"),
        ({"production": True}, {"branch": "b"}, "prod.b"),
        ({"branch": "b"}, {"production": True}, "prod.b"),
        ({"branch": "prod"}, {}, "test.prod"),
    ],
)
def test_the_branch_follows_from_attributes_and_options(attributes, options, expected) -> None:
    assert branch(attributes, **options) == expected


def test_the_owner_may_be_another_than_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_OWNER", "grace")
    assert branch({}) == "user.grace"


@pytest.mark.parametrize(
    ("attributes", "options", "kind"),
    [({}, {}, "is_user_branch"), ({"branch": "b"}, {}, "is_test_branch"), ({"production": True}, {}, "is_production")],
)
def test_tasks_and_tags_are_told(attributes, options, kind) -> None:
    decorator = ProjectDecorator({"name": "shop", **attributes})
    facts = decorator.run_facts("Sales", options)
    where = decorator.place(options).branch
    assert facts.current["project_name"] == "shop"
    assert facts.current["branch_name"] == where
    assert facts.current["project_flow_name"] == f"shop.{where}.Sales"
    kinds = {name for name in ("is_user_branch", "is_test_branch", "is_production") if facts.current[name]}
    assert kinds == {kind}
    assert facts.system_tags == ("project:shop", f"project_branch:{where}")
    assert decorator.announcement("Sales", options) == f"Project: *shop*, Branch: *{where}*"


@pytest.mark.parametrize(
    ("attributes", "options", "said"),
    [
        ({"name": None}, {}, "needs a name"),
        ({"name": "Shop"}, {}, "name='Shop'"),
        ({"name": 3}, {}, "name=3"),
        ({"name": ""}, {}, "name=''"),
        ({"name": "x" * 129}, {}, "129 characters"),
        ({"branch": "a.b"}, {}, "branch='a.b'"),
        ({"branch": ""}, {}, "branch=''"),
        ({"production": "yes"}, {}, "production='yes'"),
        ({}, {"branch": "A"}, "--branch A"),
        ({"branch": "a"}, {"branch": "b"}, "--branch b"),
    ],
)
def test_bad_names_and_contradictions_are_refused(attributes, options, said) -> None:
    with pytest.raises(InvalidDecoratorAttribute, match=said):
        branch(attributes, **options)


@given(st.text(max_size=140))
def test_a_name_is_used_as_it_is_or_refused(text: str) -> None:
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789_")
    good = 0 < len(text) <= 128 and set(text) <= allowed
    try:
        assert branch({"name": text, "branch": text}) == f"test.{text}"
    except InvalidDecoratorAttribute:
        assert not good
    else:
        assert good
