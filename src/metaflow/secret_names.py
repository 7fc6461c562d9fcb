"""Names of artifacts and options whose values are not shown: those that people give to passwords and the like."""

from __future__ import annotations

import re

#: What is shown instead of such a value.
MASK = "********"
_WORDS = frozenset({"password", "passwd", "passphrase", "pwd", "secret", "secrets", "credential", "credentials"})
_KEYS = frozenset({"api", "access", "secret", "private", "auth", "account", "encryption", "signing"})
#: What tells that a token is none that lets anybody in, but a piece of text.
_OF_LANGUAGE = frozenset(
    {"bos", "class", "cls", "end", "eos", "mask", "next", "pad", "prefix", "sep", "special", "start", "stop", "unk"}
)
#: Types whose values may hold the text of a secret, and are shown by what they hold.
_TELLING = frozenset({"str", "bytes", "bytearray", "dict", "list", "tuple", "set", "frozenset"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def looks_secret(name: str) -> bool:
    """Whether something of this name is probably a secret, such as ``api_token``, ``dbPassword`` or ``--access-key``.

    Parameters
    ----------
    name : str
    """
    words = [word.lower() for word in _WORD.findall(name)]
    if not words:
        return False
    before = words[-2] if len(words) > 1 else ""
    return (
        not _WORDS.isdisjoint(words)
        or words[-1] in ("apikey", "apitoken", "accesstoken")
        or (words[-1] == "key" and before in _KEYS)
        or (words[-1] == "token" and before not in _OF_LANGUAGE)
    )


def is_hidden(name: str, kind: str) -> bool:
    """Whether a value is not shown. Numbers are: ``max_token`` is as little a secret as ``secret_length``.

    Parameters
    ----------
    name : str
        Of the artifact.
    kind : str
        Name of its type, as `type.__name__` has it.
    """
    return kind in _TELLING and looks_secret(name)


def without_secrets(arguments: list[str]) -> list[str]:
    """A command line in which the values of options whose names look secret are masked."""
    shown: list[str] = []
    is_value = False
    for argument in arguments:
        option, equals, _ = argument.partition("=")
        if is_value and not argument.startswith("--"):
            shown.append(MASK)
            is_value = False
            continue
        is_secret = argument.startswith("--") and looks_secret(option)
        shown.append(f"{option}={MASK}" if is_secret and equals else argument)
        is_value = is_secret and not equals
    return shown
