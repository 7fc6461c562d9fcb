"""Which values are masked because of their names."""

from __future__ import annotations

import pytest

from metaflow.secret_names import MASK, is_hidden, looks_secret, without_secrets


@pytest.mark.parametrize(
    "name",
    [
        *("password", "db_password", "dbPassword", "DB_PASSWORD", "passwd", "user-pwd", "secret", "client_secret"),
        *("secret_of_mine", "aws_secret_access_key", "credentials", "token", "api_token", "hfToken", "HF_TOKEN"),
        *("api_key", "apikey", "access_key", "private-key", "--api-token", "passphrase"),
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *("tokens", "max_tokens", "tokenizer", "token_count", "pad_token", "eos_token", "next_token", "key", "keys"),
        *("sort_key", "primary_key", "monkey", "secretary", "alpha", "", "_", "passed", "compass_word"),
    ],
)
def test_other_names(name: str) -> None:
    assert not looks_secret(name)


def test_numbers_are_no_secrets() -> None:
    assert is_hidden("api_token", "str") and is_hidden("credentials", "dict")
    assert not is_hidden("max_token", "int") and not is_hidden("password", "NoneType") and not is_hidden("x", "str")


def test_a_command_line_is_shown_without_them() -> None:
    arguments = ["python", "flow.py", "run", "--api-token", "hunter2", "--alpha", "1", "--db-password=hunter2"]
    shown = ["python", "flow.py", "run", "--api-token", MASK, "--alpha", "1", f"--db-password={MASK}"]
    assert without_secrets(arguments) == shown
    assert without_secrets(["--secret", "--alpha", "1"]) == ["--secret", "--alpha", "1"]
    assert without_secrets(["--token"]) == ["--token"] and without_secrets([]) == []
