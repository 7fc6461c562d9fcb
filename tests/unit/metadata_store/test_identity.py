from __future__ import annotations

import pytest

from metaflow.exception import MetaflowUnknownUser
from metaflow.identity import get_username, resolve_identity

VARIABLES = ("METAFLOW_USER", "SUDO_USER", "USERNAME", "USER")


@pytest.fixture(autouse=True)
def nobody(monkeypatch):
    for name in (*VARIABLES, "METAFLOW_PRODUCTION_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("position", range(4))
def test_the_first_variable_that_is_set_names_the_user(monkeypatch, position):
    for name in VARIABLES[position:]:
        monkeypatch.setenv(name, f"from {name}")
    assert get_username() == f"from {VARIABLES[position]}"


@pytest.mark.parametrize("useless", ["root", ""])
def test_root_and_nothing_are_passed_over(monkeypatch, useless):
    monkeypatch.setenv("METAFLOW_USER", useless)
    monkeypatch.setenv("USER", "ann")
    assert get_username() == "ann"


def test_no_name_is_an_error_that_says_what_to_set(monkeypatch):
    monkeypatch.setenv("USER", "root")
    with pytest.raises(MetaflowUnknownUser, match="METAFLOW_USER"):
        resolve_identity()


def test_a_production_token_is_the_identity(monkeypatch):
    assert pytest.raises(MetaflowUnknownUser, resolve_identity)
    monkeypatch.setenv("METAFLOW_USER", "ann")
    assert resolve_identity() == "user:ann"
    monkeypatch.setenv("METAFLOW_PRODUCTION_TOKEN", "secret")
    assert resolve_identity() == "production:secret"
