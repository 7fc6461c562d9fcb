"""Run a flow as a command and through a Runner. Arguments: flow file, rounds, runs at once (0 for none)."""

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import time

os.environ["XDG_CACHE_HOME"] = os.path.join(os.getcwd(), "cache")  # so that the first call is a first one

FLOW, ROUNDS, AT_ONCE = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def seconds(call) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def command() -> None:
    subprocess.run([sys.executable, FLOW, "run"], check=True, capture_output=True)


def runner() -> None:
    from metaflow import Runner

    with Runner(FLOW, show_output=False) as runner:
        assert runner.run().status == "successful"


async def many() -> None:
    from metaflow import Runner

    async with Runner(FLOW, show_output=False) as runner:
        started = await asyncio.gather(*(runner.async_run() for _ in range(AT_ONCE)))
        await asyncio.gather(*(one.wait() for one in started))
        assert {one.status for one in started} == {"successful"}


command()  # makes the datastore, and compiles the byte code
plain = [seconds(command)]
first = seconds(runner)
more = []
for _ in range(ROUNDS):
    plain.append(seconds(command))
    more.append(seconds(runner))
print("first_seconds", first - statistics.median(plain))
print("added_seconds", statistics.median(more) - statistics.median(plain))
print("plain_seconds", statistics.median(plain))
if AT_ONCE:
    print("many_seconds", seconds(lambda: asyncio.run(many())))
    print("peak_bytes", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
