"""The service's log, on stderr: lines of text for people, or of JSON for programs."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from metaflow.server.answers import encode


def set_up_logs(log_format: str, level: str) -> None:
    """Have everything that this process logs written in one format.

    Parameters
    ----------
    log_format : str
        ``text`` or ``json``.
    level : str
        The least that is logged; ``info`` has a line for each request.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if log_format == "json" else _TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("metaflow.server", "uvicorn"):
        logging.getLogger(name).setLevel(level.upper())
    # What it says of its start and end, we say in our words.
    logging.getLogger("uvicorn.error").setLevel(max(logging.WARNING, logging.getLogger("uvicorn").level))


class _TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z"
        facts: dict[str, Any] | None = getattr(record, "facts", None)
        if facts is not None:
            return (
                f"{moment} {facts['address']} {facts['token'] or '-'} {facts['method']} {facts['path']} "
                f"{facts['status']} {facts['bytes']}B {facts['milliseconds']}ms"
            )
        text = f"{moment} {record.levelname} {record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {"time": round(record.created, 3), "level": record.levelname.lower()}
        facts: dict[str, Any] | None = getattr(record, "facts", None)
        if facts is not None:
            line.update(facts)
        else:
            line["message"] = record.getMessage()
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return encode(line)
