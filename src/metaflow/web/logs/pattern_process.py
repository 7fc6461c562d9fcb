"""Tries a regular expression on lines, in a process that can be killed: some patterns take years for some lines.

It is started by file name, with nothing of this package. The first line of its input is JSON: ``{"pattern", "case"}``;
the first line of its output ``{}`` or ``{"error"}``. Then, for each line of input with the sizes in bytes of texts,
followed by these, it answers with a line of JSON: for each text that matches its place and where it does.
"""

from __future__ import annotations

import json
import re
import sys

_MOST_SPANS = 50
#: Bytes of memory that it may have.
_MEMORY = 1 << 30


def main() -> None:
    """Serve one pattern until the input ends."""
    source, target = sys.stdin.buffer, sys.stdout.buffer
    _bound()
    asked = json.loads(source.readline())
    try:
        pattern = re.compile(asked["pattern"], 0 if asked["case"] else re.IGNORECASE)
    except (re.error, OverflowError, RecursionError, MemoryError) as error:
        target.write(json.dumps({"error": str(error) or "it is too large"}).encode() + b"\n")
        return
    target.write(b"{}\n")
    target.flush()
    for line in source:
        lines = source.read(int(line)).decode("utf-8").split("\n")
        found = []
        for index, text in enumerate(lines):
            if pattern.search(text):
                spans = []
                for match in pattern.finditer(text):
                    if match.end() > match.start():
                        spans.append(match.span())
                    if len(spans) == _MOST_SPANS:
                        break
                found.append((index, spans))
        target.write(json.dumps(found, separators=(",", ":")).encode() + b"\n")
        target.flush()


def _bound() -> None:
    """Keep a pattern that asks for very much memory from taking it."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


if __name__ == "__main__":
    main()
