"""Cards that are seen while their task runs: rendered and stored in the background."""

from __future__ import annotations

import _thread
import os
import sys
import time

from metaflow.cards.running.refresh_plan import RefreshPlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from metaflow.cards.running.making import CardMaker
    from metaflow.cards.running.notices import Notices
    from metaflow.cards.running.running_card import RunningCard

#: Seconds for which the end of a successful step waits for a rendering that nobody needs any more.
_LONGEST_WAIT = 10.0
#: How often a thread that renders lets others go on, in seconds; Python's own default is ten times as long.
_SWITCH_INTERVAL = 0.0005


class LiveCards:
    """Keeps what viewers see up to date with what a step puts on its cards.

    Each card has a thread of its own, from its first `refresh` on, so that a card that hangs holds up no other one.

    Parameters
    ----------
    cards : list of RunningCard
    maker : CardMaker
    clock : callable, optional
        Gives seconds that do not go back.
    """

    def __init__(self, cards: list[RunningCard], maker: CardMaker, clock: Callable[[], float] = time.monotonic) -> None:
        from metaflow.cards.running.notices import Notices

        self.notices = Notices()
        self._process = os.getpid()
        self._live = {id(card): _LiveCard(card, maker, self.notices, clock) for card in cards}

    def refresh(self, card: RunningCard, data: Any = None, force: bool = False) -> None:
        """Have viewers see what is on the card now, as soon as its `refresh_interval` allows. Returns at once.

        In a process that the step has forked, nothing happens: what is on the card there, is there only.

        Parameters
        ----------
        card : RunningCard
        data : object, optional
            What the card's class gets as ``data["user"]``; what it got last if not given.
        force : bool
            Do not wait for the interval to pass.
        """
        if os.getpid() != self._process or card.card_class is None:
            return
        if not card.card_class.RUNTIME_UPDATABLE:
            kind = card.declared.type
            self.notices.advise(
                f"updates {kind}",
                f"Cards of type {kind!r} are rendered when their task is over; refresh() does nothing.",
            )
            return
        self._live[id(card)].refresh(data, force)

    def finish(self, ok: bool) -> None:
        """End all renderings; the step is over.

        Parameters
        ----------
        ok : bool
            Whether the step has succeeded, so that a last page follows. Else the last state that the step asked to be
            shown is stored, which may take as long as the card's `timeout`.
        """
        if os.getpid() != self._process:
            return
        for live in self._live.values():
            live.close(ok)
        for live in self._live.values():
            live.wait()

    def was_shown(self, card: RunningCard) -> bool:
        """Whether anything of the card was stored."""
        return self._live[id(card)].was_stored


class _LiveCard:
    """One card and the thread that renders it.

    The step's thread takes no lock: the alarm of ``@timeout`` may interrupt it anywhere. It sets flags, and the other
    thread reads what they stand for after it has cleared them.
    """

    def __init__(self, card: RunningCard, maker: CardMaker, notices: Notices, clock: Callable[[], float]) -> None:
        self._card = card
        self._maker = maker
        self._notices = notices
        self._clock = clock
        self._changed = False
        self._forced = False
        self._closing = False
        self._started = False
        self._drops = False
        self._deadline = 0.0
        self.was_stored = False
        self._first = _thread.allocate_lock()
        self._wake = _held_lock()
        self._ended = _held_lock()

    @property
    def _name(self) -> str:
        declared = self._card.declared
        return f"The card of type {declared.type!r}" + (f" and id {declared.id!r}" if declared.id else "")

    def refresh(self, data: Any, force: bool) -> None:
        if self._closing:
            return
        if data is not None:
            self._card.user_data = data
        if force:
            self._forced = True
        self._changed = True
        if self._first.acquire(blocking=False):
            self._start()
        _release(self._wake)

    def _start(self) -> None:
        try:
            _thread.start_new_thread(self._run, ())  # threading.Thread would wait for it to be up
        except RuntimeError as error:
            self._notices.warn("thread", f"{self._name} is not updated while its task runs: {error}.")
        else:
            self._started = True

    def close(self, ok: bool) -> None:
        limit = self._card.declared.timeout
        self._deadline = time.monotonic() + (min(limit, _LONGEST_WAIT) if ok else limit)
        self._drops = ok
        self._closing = True
        _release(self._wake)

    def wait(self) -> None:
        """Wait for the end of the thread, but not for ever."""
        if not self._started or self._ended.acquire(timeout=max(0.0, self._deadline - time.monotonic())):
            self._started = False  # there is nothing left to wait for, should it be asked again
            return
        self._drops = True
        self._notices.warn(
            f"hangs {id(self)}",
            f"{self._name} was still being rendered or stored when its step was over. It is not waited for any longer.",
        )

    def _is_over(self) -> bool:
        return self._drops

    def _run(self) -> None:
        try:
            self._render_until_closed()
        except BaseException as error:
            self._notices.warn("live", f"{self._name} is not updated any more while its task runs.", error)
        finally:
            _release(self._ended)

    def _render_until_closed(self) -> None:
        from metaflow.cards.running.live_page import LivePage

        plan = RefreshPlan(self._card.declared.refresh_interval)
        page = LivePage(self._card, self._maker, self._is_over)
        failed = False
        while not self._drops:
            closing = self._closing  # first of all: what was asked for before the end must not be missed
            if self._changed:
                self._changed = False
                forced, self._forced = self._forced, False
                plan.request(forced)
            if closing and failed and not plan.is_wanted:
                plan.request()
            due = plan.due_in(self._clock())
            if due is not None and (due <= 0 or closing):
                plan.begin(self._clock())
                failed = not self._update(page) and not closing
                plan.end(self._clock())
            elif closing:
                return
            else:
                self._wake.acquire(timeout=-1 if due is None else due)

    def _update(self, page: Any) -> bool:
        """Render and store once; whatever goes wrong is told."""
        from metaflow.cards.running.live_page import NotStored

        try:
            with _OFTEN:
                page.update(self._card.user_data)
        except NotStored as error:
            self._notices.warn(
                f"store {type(error.__cause__).__name__}",
                f"{self._name} could not be stored while its task runs: {error.__cause__}\n"
                "It is tried again when the card is refreshed next. The task itself goes on.",
            )
            return False
        except BaseException as error:  # the user's code may raise anything, and the thread must go on
            self._notices.warn(
                f"render {type(error).__name__} {self._card.hash}",
                f"{self._name} could not be rendered while its task runs. The task itself goes on.",
                error,
            )
            return False
        finally:
            self.was_stored = page.was_stored
        return True


class _OftenSwitching:
    """While a thread is in here, Python's threads take turns more often than usual, so that none waits long."""

    def __init__(self) -> None:
        self._lock = _thread.allocate_lock()
        self._inside = 0
        self._usual = 0.0

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._usual = sys.getswitchinterval()
                if self._usual > _SWITCH_INTERVAL:
                    sys.setswitchinterval(_SWITCH_INTERVAL)

    def __exit__(self, *raised: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self.restore()

    def restore(self) -> None:
        """Set what was set before, unless the program has set something else meanwhile."""
        if self._usual > _SWITCH_INTERVAL and abs(sys.getswitchinterval() - _SWITCH_INTERVAL) < _SWITCH_INTERVAL / 100:
            sys.setswitchinterval(self._usual)


_OFTEN = _OftenSwitching()
os.register_at_fork(after_in_child=_OFTEN.restore)


def _held_lock() -> Any:
    """A lock as a signal: whoever waits for it acquires it, whoever signals releases it."""
    lock = _thread.allocate_lock()
    lock.acquire()
    return lock


def _release(lock: Any) -> None:
    """Signal once, also if the last signal was not heard yet. One call into C: nothing can interrupt it half-way."""
    try:
        lock.release()
    except RuntimeError:
        pass
