"""How the service is set up."""

from __future__ import annotations

import os

import pytest

from metaflow.exception import CommandException
from metaflow.server.configuration import server_settings, shown_database


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(("METAFLOW_", "MF_METADATA_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("METAFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def test_without_anything_it_serves_this_machine_from_a_file_of_its_own(tmp_path):
    settings = server_settings({})
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.is_on_loopback
    assert settings.database == str(tmp_path / "data/metaflow/service.sqlite")
    assert settings.tokens == ()


def test_options_stand_over_settings_and_settings_over_metaflows_own_variables(monkeypatch):
    monkeypatch.setenv("MF_METADATA_PORT", "1111")
    monkeypatch.setenv("MF_METADATA_HOST", "127.0.0.7")
    assert server_settings({})[:2] == ("127.0.0.7", 1111)
    monkeypatch.setenv("METAFLOW_SERVER_PORT", "2222")
    assert server_settings({}).port == 2222
    assert server_settings({"port": "3333"}).port == 3333


def test_the_database_of_metaflows_own_service(monkeypatch):
    for name, value in {"HOST": "db", "USER": "me", "PSWD": "p@ss/word", "NAME": "runs"}.items():
        monkeypatch.setenv(f"MF_METADATA_DB_{name}", value)
    settings = server_settings({})
    assert settings.database == "postgresql://me:p%40ss%2Fword@db:5432/runs"
    assert shown_database(settings.database) == "postgresql://me@db:5432/runs"
    assert server_settings({"database": "x.sqlite"}).database == "x.sqlite"


@pytest.mark.parametrize(
    "database, shown",
    [
        ("/tmp/x.sqlite", "/tmp/x.sqlite"),
        ("postgresql://host/db", "postgresql://host/db"),
        ("postgresql://u:p%3A@w@host/db?password=secret", "postgresql://u@host/db"),
        ("postgresql:///db?host=/run&password=secret", "postgresql:///db"),
    ],
)
def test_passwords_are_not_shown(database, shown):
    assert shown_database(database) == shown


def test_elsewhere_than_on_loopback_it_asks_for_tokens(monkeypatch, tmp_path):
    with pytest.raises(CommandException, match="there are no tokens"):
        server_settings({"host": "0.0.0.0"})
    assert server_settings({"host": "0.0.0.0", "insecure": True}).tokens == ()
    monkeypatch.setenv("METAFLOW_SERVER_TOKENS", "ann:read:secretsecretsecret")
    assert server_settings({"host": "0.0.0.0"}).tokens[0].name == "ann"
    file = tmp_path / "tokens"
    file.write_text("bob:write:secretsecretsecreT\n")
    both = server_settings({"tokens_file": str(file)})
    assert [token.name for token in both.tokens] == ["ann", "bob"]
    file.write_text("ann:write:secretsecretsecreT\n")
    with pytest.raises(CommandException, match="both name ann"):
        server_settings({"tokens_file": str(file)})


def test_a_list_of_tokens_that_is_missing_or_empty_lets_nobody_in(tmp_path):
    file = tmp_path / "tokens"
    with pytest.raises(CommandException, match="cannot be read"):
        server_settings({"tokens_file": str(file)})
    file.write_text("# nobody yet\n")
    with pytest.raises(CommandException, match="lists no token"):
        server_settings({"tokens_file": str(file)})


@pytest.mark.parametrize(
    "name, value",
    [
        ("PORT", "http"),
        ("PORT", "70000"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("MAX_BODY", "0"),
        ("REQUESTS_PER_SECOND", "-1"),
    ],
)
def test_values_that_make_no_sense(monkeypatch, name, value):
    monkeypatch.setenv(f"METAFLOW_SERVER_{name}", value)
    with pytest.raises(Exception, match="port|PORT|log|LOG|MAX_BODY|REQUESTS_PER_SECOND"):
        server_settings({})
