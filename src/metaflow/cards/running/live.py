"""Cards that are seen while their task runs: rendered and stored in the background."""

from __future__ import annotations

import _thread
import os
import sys
import time

from metaflow.cards.running.refresh_plan import RefreshPlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from metaflow.cards.running.final import CardProblem
    from metaflow.cards.running.live_page import LivePage
    from metaflow.cards.running.making import CardMaker
    from metaflow.cards.running.notices import Notices
    from metaflow.cards.running.rendering import Rendering
    from metaflow.cards.running.running_card import RunningCard

#: Seconds after which a rendering is given up.
_CUT_OFF = 30.0
#: Seconds for which the end of a step waits for a card: of a successful one, to have a rendering that nobody needs any
#: more out of the way, and of a failed one, to have its last state stored.
_LONGEST_WAIT, _LONGEST_WAIT_OF_FAILED = 2.0, 10.0
#: So many renderings that were given up, but do not end, and there is no other one until one of them does.
_MOST_STUCK = 3
_LOOK_AGAIN_SECONDS = 1.0
#: How often a thread that renders lets others go on, in seconds; Python's own default is ten times as long.
_SWITCH_INTERVAL = 0.0005


class LiveCards:
    """Keeps what viewers see up to date with what a step puts on its cards.

    Each card has a thread of its own, from its first `refresh` on, so that a card that hangs holds up no other one.

    Parameters
    ----------
    cards : list of RunningCard
    maker : CardMaker
    cut_off : float, optional
        Seconds that one rendering may take.
    """

    def __init__(self, cards: list[RunningCard], maker: CardMaker, cut_off: float = _CUT_OFF) -> None:
        from metaflow.cards.running.notices import Notices

        self.notices = Notices()
        self._process = os.getpid()
        self._live = {id(card): _LiveCard(card, maker, self.notices, cut_off) for card in cards}

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
            shown is stored, if that does not take too long.
        """
        if os.getpid() != self._process:
            return
        for live in self._live.values():
            live.close(ok)
        for live in self._live.values():
            live.wait()

    def was_shown(self, card: RunningCard) -> bool:
        """Whether anything of the card was stored, or may be by now."""
        return self._live[id(card)].was_stored


class _LiveCard:
    """One card and the thread that has it rendered.

    The step's thread takes no lock: the alarm of ``@timeout`` may interrupt it anywhere. It sets flags, and the other
    thread reads what they stand for after it has cleared them. That one only waits: each rendering has a thread of its
    own, as its code, or the store, may never come back.
    """

    def __init__(self, card: RunningCard, maker: CardMaker, notices: Notices, cut_off: float) -> None:
        self._card = card
        self._maker = maker
        self._notices = notices
        self._cut_off = cut_off
        self._changed = False
        self._forced = False
        self._closing = False
        self._started = False
        self._drops = False
        self._deadline = 0.0
        self._page: LivePage | None = None
        self._rendering: Rendering | None = None
        self._stuck: list[Rendering] = []
        self._hangs = False
        self._first = _thread.allocate_lock()
        self._wake = _held_lock()
        self._ended = _held_lock()

    @property
    def _title(self) -> str:
        from metaflow.cards.running.final import title_of

        return title_of(self._card)

    @property
    def was_stored(self) -> bool:
        return self._page is not None and self._page.was_stored

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
            self._notices.warn("thread", f"{self._title} is not updated while its task runs: {error}.")
        else:
            self._started = True

    def close(self, ok: bool) -> None:
        limit = min(self._card.declared.timeout, _LONGEST_WAIT if ok else _LONGEST_WAIT_OF_FAILED)
        self._deadline = time.monotonic() + (0.0 if self._hangs else limit)
        self._drops = ok
        if ok and self._page is not None:
            self._page.close()
        self._closing = True
        _release(self._wake)

    def wait(self) -> None:
        """Wait for the end of the thread, but not for ever."""
        if not self._started or self._ended.acquire(timeout=max(0.0, self._deadline - time.monotonic())):
            self._started = False  # there is nothing left to wait for, should it be asked again
            return
        self._drops = True
        # Nothing is stored any more but what is on its way to the store, after which `CardFiles` puts things right.
        is_storing = self._page is not None and self._page.close()
        if self._rendering is not None and not is_storing:
            self._rendering.interrupt()
        if not self._hangs:  # else that was told
            self._notices.warn(
                f"hangs {id(self)}",
                f"{self._title} was still being rendered or stored when its step was over. It is not waited "
                "for any longer.",
            )

    def _run(self) -> None:
        try:
            self._render_until_closed()
        except BaseException as error:
            self._notices.warn("live", f"{self._title} is not updated any more while its task runs.", error)
        finally:
            _release(self._ended)

    def _render_until_closed(self) -> None:
        from metaflow.cards.running.live_page import LivePage

        plan = RefreshPlan(self._card.declared.refresh_interval)
        self._page = LivePage(self._card, self._maker)
        failed = False
        while not self._drops:
            closing = self._closing  # first of all: what was asked for before the end must not be missed
            if self._changed:
                self._changed = False
                forced, self._forced = self._forced, False
                plan.request(forced)
            if closing and failed and not plan.is_wanted:
                plan.request()
            due = plan.due_in(time.monotonic())
            is_due = due is not None and (due <= 0 or closing)
            if is_due and self._has_room:
                plan.begin(time.monotonic())
                failed = not self._update(self._page) and not closing
                plan.end(time.monotonic())
            elif closing:
                return
            else:
                self._wake.acquire(timeout=_LOOK_AGAIN_SECONDS if is_due else -1 if due is None else due)

    @property
    def _has_room(self) -> bool:
        """Whether another rendering may begin, in spite of those that were given up and do not end."""
        self._stuck = [each for each in self._stuck if not each.has_ended]
        return len(self._stuck) < _MOST_STUCK

    def _update(self, page: LivePage) -> bool:
        """Render and store once; whatever goes wrong is told."""
        from metaflow.cards.running.rendering import Rendering

        user_data = self._card.user_data
        rendering = Rendering(lambda: page.update(user_data))
        if not self._ends(rendering):
            self._give_up(rendering, page)
            return False
        self._hangs = False
        if rendering.error is not None:
            self._tell_of(rendering.error)
        return rendering.error is None

    def _ends(self, rendering: Rendering) -> bool:
        """Whether it ends within its time."""
        self._rendering = rendering
        with _OFTEN:
            rendering.start()
            return rendering.wait(self._cut_off)

    def _give_up(self, rendering: Rendering, page: LivePage) -> None:
        """Go on without a rendering that does not end: whatever it still brings is not stored."""
        from metaflow.cards.running.final import CardProblem

        is_storing = page.close()
        self._hangs = True
        self._stuck.append(rendering)
        following = self._page = page.following()
        if self._drops:
            following.close()
        elif is_storing:
            self._notices.warn(
                "store hangs",
                f"{self._title} was not stored within {self._cut_off:g} seconds while its task runs. This "
                "update is given up. It is tried again when the card is refreshed next. The task itself goes on.",
            )
        else:
            problem = CardProblem(
                f"{self._title} is not up to date",
                f"Rendering it took longer than {self._cut_off:g} seconds, so this update is given up. It is tried "
                "again when the card is refreshed next.",
                rendering.place(),
            )
            rendering.interrupt()
            self._notices.warn(f"hangs {self._card.hash}", str(problem))
            self._say(problem, following)

    def _say(self, problem: CardProblem, page: LivePage) -> None:
        from metaflow.cards.running.rendering import Rendering

        saying = Rendering(lambda: page.say(problem))
        if not self._ends(saying):
            page.close()
            self._stuck.append(saying)
            self._page = page.following()
        elif saying.error is not None:
            self._tell_of(saying.error)

    def _tell_of(self, error: BaseException) -> None:
        from metaflow.cards.running.live_page import NotStored

        if self._drops:
            return  # nobody needs it any more
        if isinstance(error, NotStored):
            self._notices.warn(
                f"store {type(error.__cause__).__name__}",
                f"{self._title} could not be stored while its task runs: {error.__cause__}\n"
                "It is tried again when the card is refreshed next. The task itself goes on.",
            )
        else:
            self._notices.warn(
                f"render {type(error).__name__} {self._card.hash}",
                f"{self._title} could not be rendered while its task runs. The task itself goes on.",
                error,
            )


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
