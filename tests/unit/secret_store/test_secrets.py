"""Secrets: forms of sources, rules for names and values, and nothing secret in any message."""

from __future__ import annotations

from importlib import metadata

import pytest
from hypothesis import given, strategies as st

from metaflow import FlowSpec, step
from metaflow.decorators.secrets import SecretsDecorator
from metaflow.exception import InvalidDecoratorAttribute, SecretsException
from metaflow.flow.declaration import FlowDeclaration
from metaflow.flow.graph import FlowGraph
from metaflow.secret_store import get_secret
from metaflow.secret_store.fetch import fetch_all
from metaflow.secret_store.source import SecretSource, parse_source

VALUE = "hunter2-very-secret"


class Vault:
    """A back end as another package would bring it: echoes what it was asked for."""

    def get_secret_as_dict(self, secret_id, options, role=None):
        if secret_id == "gone":
            raise ConnectionError("the vault does not answer")
        return {"ID": secret_id, "ROLE": str(role), **options}


@pytest.fixture(autouse=True)
def plug_in(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {
        "vault": metadata.EntryPoint("vault", f"{__name__}:Vault", "metaflow.secrets_providers"),
        "broken": metadata.EntryPoint("broken", "not_installed_at_all:X", "metaflow.secrets_providers"),
    }
    monkeypatch.setattr("metaflow.registry._entry_points", lambda category: points)
    for name in ("DEFAULT_SECRETS_BACKEND_TYPE", "DEFAULT_SECRETS_ROLE", "HOME", "PROFILE"):
        monkeypatch.delenv(f"METAFLOW_{name}", raising=False)


def inline(**variables: object) -> dict[str, object]:
    return {"type": "inline", "id": "x", "options": {"env_vars": variables}}


def test_sources_in_all_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_source("vault.team/db.main") == SecretSource("vault", "team/db.main", {}, None)
    full = {"type": "vault", "id": "db", "options": {"a": 1}, "role": "reader"}
    assert parse_source(full, "other") == SecretSource("vault", "db", {"a": 1}, "reader")
    monkeypatch.setenv("METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE", "vault")
    monkeypatch.setenv("METAFLOW_DEFAULT_SECRETS_ROLE", "everyone")
    assert parse_source("db") == SecretSource("vault", "db", {}, "everyone")
    assert parse_source({"id": "db"}, "mine") == SecretSource("vault", "db", {}, "mine")
    # No back end before the first dot: it belongs, as a whole, to the default one.
    url = "https://my.vault.azure.net/secrets/db"
    assert parse_source(url) == SecretSource("vault", url, {}, "everyone")
    # One that is not installed is not mistaken for a part of a name.
    assert parse_source("aws-secrets-manager.db").backend == "aws-secrets-manager"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("db", r"METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE, or write 'backend.db'. There are: broken, inline, vault"),
        ("nope.db", "does not name a back end"),
        ({"type": "nope", "id": "db"}, "no back end for secrets of type 'nope'. There are: broken, inline, vault"),
        ("aws-secrets-manager.db", "type 'aws-secrets-manager'.*Install a plug-in.*metaflow.secrets_providers"),
        ("broken.db", "'broken' cannot be loaded: ModuleNotFoundError"),
        ("vault.gone", "ConnectionError: the vault does not answer"),
        ("", "empty text"),
        (3, "not int"),
        ({"type": "vault"}, "has no id"),
        ({"type": "vault", "id": 3}, "the id of a source should be a text, not of type int"),
        ({"type": "inline", "options": 3}, "the options of a source should be a dictionary"),
        ({"type": "inline", "option": {}}, "has no 'option'"),
        ({"type": "inline", "options": {"env_vars": [VALUE]}}, "env_vars should be a dictionary"),
        (inline(A=3), "value of A should be a text, but it is of type int"),
        (inline(A=VALUE + "\0"), "null character"),
        (inline(METAFLOW_USER=VALUE), "METAFLOW_USER begins with METAFLOW_"),
        ({"type": "inline", "options": {"env_vars": {"A-B": VALUE}}}, "'A-B' cannot be the name"),
        ({"type": "inline", "options": {"env_vars": {3: VALUE}}}, "3 cannot be the name"),
    ],
)
def test_failures_say_why_and_nothing_secret(source: object, said: str) -> None:
    with pytest.raises(SecretsException, match=said) as error:
        get_secret(source)
    assert str(error.value).startswith("Failed to retrieve secret")
    assert VALUE not in str(error.value)


def test_get_secret_leaves_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "before")
    assert get_secret(inline(A=VALUE)) == {"A": VALUE}
    assert get_secret("vault.db", role="reader") == {"ID": "db", "ROLE": "reader"}
    assert get_secret({"type": "inline", "options": {"env_vars": {}}}) == {}


def test_secrets_may_not_collide() -> None:
    one, two = parse_source(inline(A=VALUE)), parse_source({**inline(A=VALUE), "id": "y"})
    with pytest.raises(SecretsException, match=r"secret 'y \(inline\)': it sets the variable A, which 'x \(inline\)'"):
        fetch_all([one, two], {}, allow_override=True)
    with pytest.raises(SecretsException, match="which the environment has already.*allow_override") as error:
        fetch_all([one], {"A": "there"}, allow_override=False)
    assert VALUE not in str(error.value)
    assert fetch_all([one], {"A": "there"}, allow_override=True) == {"A": VALUE}


class Flow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


def _graph(decorator: SecretsDecorator) -> FlowGraph:
    declaration = FlowDeclaration(Flow)
    declaration.steps["start"].decorators.append(decorator)
    return FlowGraph(Flow, declaration)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"sources": "vault.db"}, r"should be a list of sources, not str; write \['vault.db'\]"),
        ({"sources": ["db"]}, "source number 1: the source 'db' does not name a back end"),
        ({"sources": ["vault.a", "aws-secrets-manager.b"]}, "source number 2.*aws-secrets-manager"),
        ({"sources": [], "role": 3}, "role"),
        ({"sources": [], "allow_override": "yes"}, "allow_override='yes'"),
    ],
)
def test_bad_attributes_are_found_before_the_run(attributes, said) -> None:
    decorator = SecretsDecorator(attributes, where=("flow.py", 7))
    with pytest.raises(InvalidDecoratorAttribute, match=said) as error:
        decorator.validate(_graph(decorator), "start")
    assert (error.value.source_file, error.value.line_no) == ("flow.py", 7)


nested = st.recursive(
    st.just(VALUE) | st.just(VALUE.encode()) | st.just(frozenset([VALUE])),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["a", "env_vars", "B"]), inner),
)


@given(st.dictionaries(st.sampled_from(["options", "secret", "x"]), nested) | nested.filter(lambda s: s != VALUE))
def test_what_is_recorded_holds_no_value_of_a_source(source: object) -> None:
    decorator = SecretsDecorator({"sources": [source]})
    assert VALUE not in str(decorator.recorded_attributes())
    assert VALUE not in repr(decorator)
    assert VALUE not in str(_graph(decorator).to_dict())


def test_what_is_recorded_says_where_secrets_come_from() -> None:
    decorator = SecretsDecorator({"sources": ["vault.db", inline(A=VALUE)], "role": "reader"})
    assert decorator.recorded_attributes() == {
        "sources": ["vault.db", {"type": "inline", "id": "x", "options": {"env_vars": {"A": "<redacted>"}}}],
        "role": "reader",
        "allow_override": False,
    }
