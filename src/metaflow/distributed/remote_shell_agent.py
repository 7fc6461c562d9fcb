"""What ``mpirun`` starts in the place of ``ssh``: ``AGENT [OPTIONS] HOST COMMAND...``. Imports nothing of ours.

It hands the command to the task of node 0, which has it run on the other node, and ends as the command did.
"""

from __future__ import annotations

import json
import os
import socket
import sys


def main() -> int:
    """Run the command on the host; returns its exit code."""
    words = sys.argv[1:]
    while words and words[0].startswith("-"):
        del words[0]
    host, command = words[0], " ".join(words[1:])
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.environ["METAFLOW_GANG_SHELL"])
        connection.sendall(json.dumps([host, command]).encode() + b"\n")
        with connection.makefile("rb") as answers:
            answer = answers.readline()
    if not answer:
        sys.stderr.write(f"The task that was to run a command on {host} has ended.\n")
        return 1
    status = int(json.loads(answer))
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
