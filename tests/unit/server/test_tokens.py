"""Tokens: made, told of, listed, found."""

from __future__ import annotations

import pytest

from metaflow.exception import CommandException
from metaflow.server.tokens import find_token, new_token, parse_tokens, presented_token, token_line


def test_a_made_token_is_found_by_its_line_which_does_not_tell_it():
    token, other = new_token(), new_token()
    assert token != other
    line = token_line("ci", "read", token)
    assert token not in line
    listed = parse_tokens(f"# the team\n{line}\n\n{token_line('ann', 'write', other)}  # from May on\n", "file")
    assert [(each.name, each.scope) for each in listed] == [("ci", "read"), ("ann", "write")]
    assert find_token(listed, token) == listed[0]
    assert find_token(listed, other) == listed[1]
    assert find_token(listed, token + "x") is None
    assert find_token(listed, "ü\udce9") is None


def test_a_token_may_be_listed_as_it_is():
    listed = parse_tokens("a:read:abcdefghijklmnop b:write:qrstuvwxyzabcdef", "variable")
    assert find_token(listed, "qrstuvwxyzabcdef") == listed[1]


@pytest.mark.parametrize(
    "text, reason",
    [
        ("ann", "NAME:read:TOKEN"),
        ("ann:admin:secretsecretsecret", "NAME:read:TOKEN"),
        ("ann:read:", "NAME:read:TOKEN"),
        (":read:secretsecretsecret", "NAME:read:TOKEN"),
        ("ann:read:sha256:secretsecret", "64 hexadecimal digits"),
        ("ann:read:secret", "could be guessed"),
        ("ann:read:secretsecretsecret\nann:write:secretsecretsecreT", "twice"),
    ],
)
def test_what_is_no_list_is_refused_without_repeating_it(text, reason):
    with pytest.raises(CommandException, match=reason) as refusal:
        parse_tokens(text, "tokens.txt")
    assert "tokens.txt, line" in refusal.value.message
    assert "secret" not in refusal.value.message


def test_a_name_that_would_break_the_line_is_refused():
    with pytest.raises(CommandException, match="cannot be the name"):
        token_line("a:b", "read", new_token())


@pytest.mark.parametrize(
    "headers, token",
    [
        ([(b"authorization", b"Bearer abc")], "abc"),
        ([(b"authorization", b"bearer  abc ")], "abc"),
        ([(b"x-api-key", b"abc")], "abc"),
        ([(b"authorization", b"Basic xyz"), (b"x-api-key", b"abc")], "abc"),
        ([(b"authorization", b"Basic abc")], None),
        ([(b"x-api-key", b"")], None),
        ([], None),
    ],
)
def test_where_a_token_is_shown(headers, token):
    assert presented_token(headers) == token
