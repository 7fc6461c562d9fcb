"""Several processes that do something at once."""

from __future__ import annotations

import os
import traceback


def in_child(work):
    """Run `work` in a forked child; its exit status is 0 if it returned and 1 if it raised."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return pid


def exit_status(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def all_at_once(count, work):
    """Call `work` with 0, 1, … in as many processes, which begin together, and see that none fails."""
    gate_read, gate_write = os.pipe()

    def wait_and_work(number):
        os.close(gate_write)
        os.read(gate_read, 1)
        work(number)

    children = [in_child(lambda number=number: wait_and_work(number)) for number in range(count)]
    os.close(gate_read)
    os.close(gate_write)
    assert [exit_status(pid) for pid in children] == [0] * count
