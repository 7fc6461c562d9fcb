"""Where the value of a setting comes from."""

from __future__ import annotations

import json

import pytest

from metaflow import metaflow_config, settings
from metaflow.exception import MetaflowException
from metaflow.identity import get_username


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """No settings at all, in a project below the working directory's parent."""
    import os

    for name in [name for name in os.environ if name.startswith("METAFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("METAFLOW_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "project/.metaflow").mkdir(parents=True)
    (tmp_path / "project/sub").mkdir()
    monkeypatch.chdir(tmp_path / "project/sub")
    return tmp_path


def write(path, **content):
    path.write_text(json.dumps({f"METAFLOW_{name}": value for name, value in content.items()}))
    return str(path)


def test_environment_then_project_then_profile_then_default(places, monkeypatch):
    assert settings.resolve("TEMPDIR") == (".", "default")
    profile = write(places / "home/config.json", TEMPDIR="/profile", USER="of the profile")
    assert settings.resolve("TEMPDIR") == ("/profile", profile)
    project = write(places / "project/.metaflow/config.json", TEMPDIR="/project")
    assert settings.resolve("TEMPDIR") == ("/project", project)
    monkeypatch.setenv("METAFLOW_TEMPDIR", "/environment")
    assert settings.resolve("TEMPDIR") == ("/environment", "environment")
    assert settings.resolve("USER").source == profile
    assert get_username() == "of the profile"


def test_the_project_is_the_nearest_and_the_datastore_setting_does_not_move_it(places, monkeypatch):
    write(places / "project/.metaflow/config.json", TEMPDIR="/project")
    (places / "elsewhere/.metaflow").mkdir(parents=True)
    write(places / "elsewhere/.metaflow/config.json", TEMPDIR="/elsewhere")
    monkeypatch.setenv("METAFLOW_DATASTORE_SYSROOT_LOCAL", str(places / "elsewhere"))
    assert settings.get("TEMPDIR") == "/project"
    (places / "project/sub/.metaflow").mkdir()
    assert settings.get("TEMPDIR") == "."


def test_profiles(places, monkeypatch):
    write(places / "home/config.json", TEMPDIR="/unnamed")
    write(places / "home/config_dev.json", TEMPDIR="/dev")
    write(places / "home/config_prod.json")
    monkeypatch.setenv("METAFLOW_PROFILE", "dev")
    assert settings.get("TEMPDIR") == "/dev"
    monkeypatch.setenv("METAFLOW_PROFILE", "prod")
    assert settings.get("TEMPDIR") == "."
    monkeypatch.setenv("METAFLOW_PROFILE", "dve")
    with pytest.raises(MetaflowException, match=r"profile 'dve'.*config_dve\.json(.|\n)*dev, prod"):
        settings.get("TEMPDIR")
    monkeypatch.setenv("METAFLOW_PROFILE", "../dev")
    with pytest.raises(MetaflowException, match="cannot be the name of a profile"):
        settings.get("TEMPDIR")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("INCLUDE_FOREACH_STACK", "0", False),
        ("INCLUDE_FOREACH_STACK", "False", False),
        ("INCLUDE_FOREACH_STACK", "", False),
        ("INCLUDE_FOREACH_STACK", "yes", True),
        ("MAXIMUM_FOREACH_VALUE_CHARS", "7", 7),
        ("CONTACT_INFO", '{"a": "b"}', {"a": "b"}),
        ("UI_URL", "5", "5"),
    ],
)
def test_values_have_the_type_of_the_default(places, monkeypatch, name, text, value):
    monkeypatch.setenv(f"METAFLOW_{name}", text)
    assert settings.get(name) == value == getattr(metaflow_config, name)
    monkeypatch.delenv(f"METAFLOW_{name}")
    write(places / "home/config.json", **{name: value})
    assert settings.get(name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [("MAXIMUM_FOREACH_VALUE_CHARS", "many"), ("MAXIMUM_FOREACH_VALUE_CHARS", None), ("CONTACT_INFO", "[1]")],
)
def test_a_bad_value_is_an_error_that_names_the_file(places, name, value):
    path = write(places / "home/config.json", **{name: value})
    with pytest.raises(MetaflowException) as caught:
        settings.get(name)
    assert f"METAFLOW_{name}" in str(caught.value) and path in str(caught.value)


@pytest.mark.parametrize("content", ["{", "[]", '"x"', "\xff"])
def test_a_bad_file_is_named(places, content):
    path = places / "home/config.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(MetaflowException, match="config.json"):
        settings.get("TEMPDIR")


def test_a_changed_file_is_read_again(places):
    write(places / "home/config.json", TEMPDIR="/a")
    assert settings.get("TEMPDIR") == "/a"
    write(places / "home/config.json", TEMPDIR="/longer")
    assert settings.get("TEMPDIR") == "/longer"


def test_settings_as_attributes():
    assert metaflow_config.DEFAULT_DATASTORE == "local"
    assert set(settings.SETTINGS) <= set(dir(metaflow_config))
    with pytest.raises(AttributeError, match="NOPE"):
        metaflow_config.NOPE  # noqa: B018


@pytest.mark.parametrize("name", ["SERVICE_AUTH_KEY", "X_TOKEN", "MY_SECRET", "DB_PASSWORD", "SERVICE_HEADERS"])
def test_secrets_are_known_by_their_names(name, monkeypatch):
    assert settings.is_secret(name) and not settings.is_secret("USER")
    monkeypatch.setitem(settings.SETTINGS, name, settings.Setting(None, "", secret=False))
    assert not settings.is_secret(name)
