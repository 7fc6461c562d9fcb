"""The threads that keep cards up to date."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from live_card_doubles import LONG, Files, PageCard, Shown, maker, running_card, token_of
from metaflow.cards.running import live as live_module
from metaflow.cards.running.live import LiveCards


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)


#: Seconds after which these tests give a rendering up: many times what one takes on a busy machine.
CUT_OFF = 0.5


def started(card: Any, files: Files, **arguments: Any) -> LiveCards:
    return LiveCards([card], maker(files), **arguments)


def test_what_is_refreshed_is_stored_in_the_background() -> None:
    files, shown = Files(), Shown("one")
    card = running_card()
    card.components.append(shown)
    live = started(card, files)
    assert not live.was_shown(card)
    live.refresh(card, {"epoch": 1})
    assert files.wait(1)["data"]["user"] == {"epoch": 1}
    shown.update("two")
    live.refresh(card)
    document = files.wait(2)
    assert "two" in document["data"]["fragments"][shown.component_id]
    assert document["data"]["user"] == {"epoch": 1}, "as it was given last"
    live.finish(True)
    assert live.was_shown(card)


def test_refresh_never_waits_and_requests_are_merged_into_one() -> None:
    files, shown = Files(), Shown(0)
    card = running_card()
    card.components.append(shown)
    live = started(card, files)
    files.hold()
    live.refresh(card)
    assert files.reached.wait(LONG)
    for value in range(1, 501):
        shown.update(value)
        live.refresh(card)  # it would hang here if it waited
    files.let_go()
    assert f">{500}<" in files.wait(2)["data"]["fragments"][shown.component_id]
    live.finish(False)
    assert len(files.documents) <= 3, "one that was in flight, and one for all others; another if it came between"


def test_the_interval_is_kept_unless_it_is_forced() -> None:
    files = Files()
    card = running_card(refresh_interval=3600.0)
    live = started(card, files)
    live.refresh(card, 1)
    files.wait(1)
    live.refresh(card, 2)
    live.refresh(card, 3, force=True)
    assert files.wait(2)["data"]["user"] == 3
    live.refresh(card, 4)
    live.finish(True)
    assert len(files.documents) == 2


@pytest.mark.parametrize("ok", [True, False])
def test_the_last_state_of_a_failed_step_lands_and_that_of_a_good_one_is_not_needed(ok: bool) -> None:
    files = Files()
    card = running_card(refresh_interval=3600.0)
    live = started(card, files)
    live.refresh(card, "first")
    files.wait(1)
    live.refresh(card, "last")
    live.finish(ok)
    assert [each["data"]["user"] for each in files.documents] == (["first"] if ok else ["first", "last"])
    live.refresh(card, "too late")
    live.finish(ok)
    assert files.documents[-1]["data"]["user"] != "too late"


def test_what_is_in_flight_at_the_end_is_waited_for_and_cannot_come_after_the_last_page() -> None:
    class Slow(PageCard):
        reached = threading.Event()
        gate = threading.Event()

        def render_runtime(self, task: Any, data: Any) -> str:
            self.reached.set()
            assert self.gate.wait(LONG)
            return "page"

    files = Files()
    card = running_card(Slow)
    live = started(card, files)
    live.refresh(card)
    assert Slow.reached.wait(LONG)
    live._live[id(card)].close(True)
    Slow.gate.set()
    live.finish(True)
    assert files.written == []


def test_a_rendering_that_hangs_does_not_keep_the_task(capfd: pytest.CaptureFixture[str]) -> None:
    gate = threading.Event()

    class Hangs(PageCard):
        def render_runtime(self, task: Any, data: Any) -> str:
            gate.wait(LONG)
            return "page"

    files = Files()
    card, other = running_card(Hangs, timeout=0.05), running_card()
    live = LiveCards([card, other], maker(files))
    live.refresh(card)
    live.refresh(other)
    assert files.wait(1), "another card does not wait for it"
    live.finish(False)
    before = len(files.written)
    assert "'page' was still being rendered or stored when its step was over" in capfd.readouterr().err
    gate.set()
    assert live._live[id(card)]._ended.acquire(timeout=LONG)
    assert len(files.written) == before, "and what it still brings is not stored"


def test_a_rendering_that_takes_too_long_is_given_up_and_later_ones_go_on(capfd: pytest.CaptureFixture[str]) -> None:
    class Loops(PageCard):
        ended = threading.Event()

        def render_runtime(self, task: Any, data: Any) -> str:
            if data["user"] != "loop":
                return super().render_runtime(task, data)
            try:
                while True:
                    try:
                        time.sleep(0.001)
                    except Exception:
                        pass
            finally:
                self.ended.set()

    files, shown = Files(), Shown("seen")
    card = running_card(Loops)
    card.components.append(shown)
    live = started(card, files, cut_off=CUT_OFF)
    live.refresh(card, "loop")
    told = files.wait(1)
    assert "Rendering it took longer than 0.5 seconds" in told["data"]["notice"]
    assert "is not up to date" in files.pages[0], "there was no page yet"
    assert token_of(files.pages[0]) == told["reload_token"]
    assert Loops.ended.wait(LONG), "its code is interrupted"
    live.refresh(card, "again")
    document = files.wait(2)
    assert "notice" not in document["data"]
    assert "seen" in files.pages[1]
    assert token_of(files.pages[1]) == document["reload_token"] != told["reload_token"]
    live.refresh(card, "loop")
    assert "notice" not in files.documents[1]["data"]
    live.finish(True)
    error = capfd.readouterr().err
    assert "is not up to date: Rendering it took longer than 0.5 seconds" in error
    assert "time.sleep(0.001)" in error, "where it was"
    assert error.count("is not up to date") == 1


def test_what_was_shown_stays_with_a_notice_if_its_update_takes_too_long() -> None:
    gate = threading.Event()

    class Hangs(PageCard):
        def refresh(self, task: Any, data: Any) -> Any:
            if data["user"] == "hang":
                gate.wait(LONG)
            return data

    files, shown = Files(), Shown("one")
    card = running_card(Hangs)
    card.components.append(shown)
    live = started(card, files, cut_off=CUT_OFF)
    live.refresh(card)
    files.wait(1)
    shown.update("two")
    live.refresh(card)
    before = files.wait(2)
    live.refresh(card, "hang")
    told = files.wait(3)
    assert told["reload_token"] == before["reload_token"]
    assert {**told["data"], "notice": None} == {**before["data"], "notice": None}
    assert len(files.pages) == 1
    live.finish(False)  # at once, as it is known to hang
    assert len(files.documents) == 3
    gate.set()


def test_a_store_that_hangs_does_not_stop_updates_nor_write_over_the_last_page(
    capfd: pytest.CaptureFixture[str],
) -> None:
    files = Files()
    card = running_card()
    making = maker(files)
    live = LiveCards([card], making, cut_off=CUT_OFF)
    card.components.append(Shown("old"))
    files.hold()
    stuck = live._live[id(card)]
    for count in (1, 2, 3):
        live.refresh(card, force=True)
        wait_until(lambda: len(stuck._stuck) == count)
    live.refresh(card, force=True)  # there is no other one before one of these ends
    live.finish(True)
    assert len(stuck._stuck) == 3
    assert live.was_shown(card), "it may be by now"
    last = threading.Thread(target=making.files.put, args=("page-ab12.html", [b"the last page"]))
    last.start()
    files.let_go()
    last.join(LONG)
    wait_until(lambda: all(each.has_ended for each in stuck._stuck))
    making.files.settle(LONG)
    assert [content for name, content in files.written if name.endswith(".html")][-1] == b"the last page"
    assert files.documents == []
    assert capfd.readouterr().err.count("was not stored within 0.5 seconds") == 1


def test_errors_of_the_card_are_told_once_and_it_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    class Odd(PageCard):
        rendered = threading.Semaphore(0)

        def render_runtime(self, task: Any, data: Any) -> Any:
            self.rendered.release()
            if data["user"] == "works":
                return "page"
            raise data["user"]

    files = Files()
    card = running_card(Odd)
    live = started(card, files)
    for error in (ValueError("first"), ValueError("second"), SystemExit(3), KeyboardInterrupt(), MemoryError()):
        live.refresh(card, error)
        assert Odd.rendered.acquire(timeout=LONG)
    live.refresh(card, "works")
    files.wait(1)
    live.finish(True)
    told = capfd.readouterr().err
    assert told.count("could not be rendered while its task runs") == 4
    assert "ValueError: first" in told and "second" not in told
    assert 'raise data["user"]' in told, "where in the code of the card"
    assert "live_page.py" not in told
    assert all(line.startswith("[@card WARNING] ") for line in told.splitlines())


def test_a_store_that_fails_is_told_once_and_tried_again(capfd: pytest.CaptureFixture[str]) -> None:
    files = Files()
    card = running_card()
    live = started(card, files)
    files.fail = OSError(errno.ENOSPC, "No space left on device")
    for _ in range(3):
        files.reached.clear()
        live.refresh(card)
        assert files.reached.wait(LONG)
    files.fail = None
    live.finish(False)
    assert files.names == ["html", "data.json"], "the last state lands, without having been asked for again"
    told = capfd.readouterr().err
    assert told.count("could not be stored") == 1
    assert "No space left on device" in told


def test_a_process_that_the_step_forks_neither_renders_nor_hangs() -> None:
    files = Files()
    card = running_card()
    live = started(card, files)
    files.hold()
    live.refresh(card)
    assert files.reached.wait(LONG)
    pid = os.fork()
    if pid == 0:  # a rendering is in flight in the parent, whose thread is not here
        signal.alarm(30)
        card.components.append(Shown())
        live.refresh(card, force=True)
        live.finish(False)
        os._exit(0 if sys.getswitchinterval() >= 0.001 else 3)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    files.let_go()
    live.finish(True)
    assert len(files.documents) <= 1


def test_many_threads_may_refresh_at_once() -> None:
    files, shown = Files(), Shown(0)
    card = running_card()
    card.components.append(shown)
    live = started(card, files)
    threads = [threading.Thread(target=lambda: [live.refresh(card, n) for n in range(200)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    live.refresh(card, "last")
    live.finish(False)
    assert files.documents[-1]["data"]["user"] == "last"


def test_an_alarm_in_the_midst_of_refresh_leaves_nothing_locked() -> None:
    """As @timeout rings it, anywhere in the step's thread."""

    class Ring(Exception):
        pass

    def ring(*_: object) -> None:
        raise Ring

    files = Files()
    card = running_card()
    live = started(card, files)
    before = signal.signal(signal.SIGALRM, ring)
    try:
        for _ in range(30):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.001)
                while True:
                    live.refresh(card, "interrupted")
            except Ring:
                pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    live.refresh(card, "last")
    live.finish(False)
    assert files.documents[-1]["data"]["user"] == "last"


def test_cards_that_are_not_live_say_so_once(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Still(PageCard):
        type = "still"
        RUNTIME_UPDATABLE = False

    files = Files()
    card, missing = running_card(Still), running_card(None)
    live = LiveCards([card, missing], maker(files))
    live.refresh(card)
    live.refresh(card)
    live.refresh(missing)
    live.finish(False)
    assert capfd.readouterr().err.count("'still'") == 1
    assert files.written == []
    monkeypatch.setenv("METAFLOW_CARD_NO_WARNING", "1")
    started(card, files).refresh(card)
    assert capfd.readouterr().err == ""


def test_no_thread_can_be_started(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(live_module._thread, "start_new_thread", refuse)
    files = Files()
    card = running_card()
    live = started(card, files)
    live.refresh(card)
    live.refresh(card)
    live.finish(False)
    assert capfd.readouterr().err.count("can't start new thread") == 1


def test_threads_take_turns_often_only_while_something_is_rendered() -> None:
    seen = []

    class Looks(PageCard):
        def render_runtime(self, task: Any, data: Any) -> str:
            seen.append(sys.getswitchinterval())
            return "page"

    usual = sys.getswitchinterval()
    files = Files()
    card = running_card(Looks)
    live = started(card, files)
    live.refresh(card)
    files.wait(1)
    live.finish(True)
    assert seen[0] < usual
    assert sys.getswitchinterval() == usual
    sys.setswitchinterval(0.0001)
    try:
        with live_module._OFTEN:
            assert sys.getswitchinterval() == pytest.approx(0.0001), "the program wants it even more often"
        assert sys.getswitchinterval() == pytest.approx(0.0001)
    finally:
        sys.setswitchinterval(usual)
