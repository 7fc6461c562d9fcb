"""Records of runs that the metadata service has not taken yet, in files of this machine.

Each run has a file of its own: first a line that says which run and which service, then one event a line, as JSON. An
event is on disk before it is sent, and the file shrinks only after the service has confirmed, so the death of either
side loses nothing; what is sent twice changes nothing. The process that writes a file holds a lock on it as long as it
lives. What it leaves behind is sent by the next run or command that uses the service from here.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import threading
from contextlib import contextmanager
from typing import NamedTuple

from metaflow.exception import MetadataException, MetaflowException
from metaflow.metadata_store.wire import event_from_plain, event_to_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, BinaryIO

    from metaflow.metadata_store.events import Event

    Send = Callable[[Sequence[Event]], None]

_SUFFIX = ".jsonl"
_REFUSED_SUFFIX = ".refused"
_LONGEST_NAME = 150
_READ_BYTES = 1 << 20
_EVENTS_PER_REQUEST = 500
# Answers that say something of who asks, or when, and nothing of what was sent.
_NOT_ABOUT_CONTENT = (401, 403, 404, 405, 407, 408, 421, 425, 426, 429)


class Waiting(NamedTuple):
    """What waits for a service.

    Attributes
    ----------
    path : str
        The file.
    service : str
        Address of the service.
    flow, run_id : str
        The run that it is about.
    events : int
        How many wait.
    refusal : str
        Why the service does not want the first of them, if it has refused them; then they are not sent by themselves.
    """

    path: str
    service: str
    flow: str
    run_id: str
    events: int
    refusal: str = ""


class Delivery(NamedTuple):
    """What a delivery did.

    Attributes
    ----------
    sent : int
        Events that the service has taken.
    refused : int
        Events that it does not want. They were put aside, with the reasons.
    """

    sent: int = 0
    refused: int = 0


class Outbox:
    """The file of one run.

    Parameters
    ----------
    path : str
        The file; made when there is something to put into it.
    service : str
        Address of the service.
    flow, run_id : str
        The run.
    """

    def __init__(self, path: str, service: str, flow: str, run_id: str) -> None:
        self.path = path
        self._header = {"service": service, "flow": flow, "run_id": run_id}
        self._file: int | None = None
        self._sent_to = 0  # bytes of the file that the service has
        self._emptying = threading.Lock()  # between what is put in and the file's being emptied
        self._unreadable: list[tuple[dict[str, Any], str]] = []  # of the batch that is being sent
        self.waiting = 0

    @classmethod
    def of_run(cls, folder: str, service: str, flow: str, run_id: str) -> Outbox:
        """The outbox of a run that begins."""
        import hashlib
        from urllib.parse import quote

        # A name of a file cannot be long, and what is cut off may be what tells two runs apart.
        digest = hashlib.sha256("\0".join((flow, run_id, service)).encode("utf-8", "surrogatepass")).hexdigest()[:12]
        name = ".".join(quote(part, safe="", errors="surrogatepass") for part in (flow, run_id))
        return cls(os.path.join(folder, f"{name[:_LONGEST_NAME]}.{digest}{_SUFFIX}"), service, flow, run_id)

    def append(self, events: Sequence[Event]) -> None:
        """Put events at the end.

        Raises
        ------
        MetadataException
            They cannot be written; then none of them is.
        """
        lines = [_line(event_to_plain(event)) for event in events]
        try:
            with self._emptying:
                self._put(lines)
                self.waiting += len(events)
        except OSError as error:
            raise MetadataException(
                f"Records for the metadata service cannot be kept in {self.path}: {error.strerror}."
            ) from error

    def _put(self, lines: list[bytes]) -> None:
        if self._file is None:
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            self.path, self._file = _new_file(self.path)
        before = os.fstat(self._file).st_size
        data = b"".join(lines) if before else _line(self._header) + b"".join(lines)
        try:
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError:
            os.ftruncate(self._file, before)  # half a line would spoil the next one
            raise

    def deliver(self, send: Send) -> Delivery:
        """Send all that waits, in order.

        Parameters
        ----------
        send : callable
            Sends events; what it raises says why they cannot be sent.

        Raises
        ------
        MetaflowException
            As `send` raises; what was not sent still waits.
        """
        done = Delivery()
        while not self._emptied():
            for events, end in self._batches():
                refusals = _send(send, events) if events else []
                aside = self._unreadable + [(event_to_plain(event), reason) for event, reason in refusals]
                if aside:
                    self._put_aside(aside)
                with self._emptying:
                    self._sent_to = end
                    self.waiting -= min(self.waiting, len(events))
                self._unreadable = []
                done = Delivery(done.sent + len(events) - len(refusals), done.refused + len(aside))
        return done

    def _emptied(self) -> bool:
        """Empty the file if all of it was sent; False if there is more."""
        with self._emptying:
            if self._file is None:
                return True
            if os.fstat(self._file).st_size > self._sent_to:
                return False
            os.ftruncate(self._file, 0)
            self._sent_to = 0
            return True

    def _batches(self) -> Iterator[tuple[list[Event], int]]:
        """Events that were not sent yet, some at a time, each with the place in the file where they end."""
        if self._file is None:
            return
        with self._emptying:
            whole = os.fstat(self._file).st_size  # what is being put in meanwhile may be half-written
        events: list[Event] = []
        self._unreadable = []
        end = self._sent_to
        for line in _lines(self._file, end, whole):
            end += len(line)
            event = self._event_of(line)
            if event is not None:
                events.append(event)
            if len(events) == _EVENTS_PER_REQUEST:
                yield events, end
                events = []
        yield events, end

    def _event_of(self, line: bytes) -> Event | None:
        """The event in a line; None for the first line, and for one that a dying process left half-written."""
        plain = _plain(line)
        if plain is None or "kind" not in plain:
            return None
        try:
            return event_from_plain(plain)
        except (MetaflowException, AttributeError, KeyError, TypeError, ValueError) as error:
            # Another version of this package wrote it, and may come back; the rest need not wait for that.
            self._unreadable.append((plain, f"This version of the package cannot read it: {error}"))
            return None

    def _put_aside(self, refusals: list[tuple[dict[str, Any], str]]) -> None:
        path = self.path + _REFUSED_SUFFIX
        lines = [_line({"reason": reason, "event": plain}) for plain, reason in refusals]
        try:
            with _locked_for_appending(path) as file:
                file.write(b"".join(lines) if file.tell() else _line(self._header) + b"".join(lines))
        except OSError as error:
            raise MetadataException(
                f"What the metadata service refuses cannot be kept in {path}: {error.strerror}."
            ) from error

    def close(self) -> None:
        """Let go of the file; it is removed if nothing waits."""
        if self._file is None:
            return
        if os.fstat(self._file).st_size == 0:
            try:
                os.unlink(self.path)
            except FileNotFoundError:
                pass  # somebody tidied up; nothing was in it
        os.close(self._file)
        self._file = None


def waiting_in(folder: str) -> list[Waiting]:
    """List what waits in a folder, by the time at which it was last added to."""
    found = []
    for path in _files(folder):
        try:
            with open(path, "rb") as file:
                header = _plain(file.readline())
                lines = [line for line in file if line.endswith(b"\n")]
        except FileNotFoundError:
            continue  # sent in this moment
        except OSError as error:
            raise MetadataException(f"The file {path} cannot be read: {error.strerror}.") from error
        if header is not None and lines:
            where = [str(header.get(name, "")) for name in ("service", "flow", "run_id")]
            refusal = (_plain(lines[0]) or {}).get("reason", "")
            found.append(Waiting(path, where[0], where[1], where[2], len(lines), refusal))
    return found


def retry_refused(folder: str) -> None:
    """Let what services have refused wait again.

    Raises
    ------
    MetadataException
        A file cannot be read or written.
    """
    for path in _files(folder):
        if not path.endswith(_REFUSED_SUFFIX):
            continue
        try:
            with _locked_for_appending(path) as refused:  # so that nothing is added before it is gone
                refused.seek(0)
                lines = [plain for plain in map(_plain, refused) if plain is not None]
                _, file = _new_file(path[: -len(_REFUSED_SUFFIX)])
                with open(file, "wb") as waiting:
                    waiting.writelines(_line(plain.get("event", plain)) for plain in lines)
                os.unlink(path)
        except OSError as error:
            raise MetadataException(f"The file {path} cannot be used: {error.strerror}.") from error


def deliver_left_behind(folder: str, service: str, send: Send) -> Delivery:
    """Send what runs that are over, or were killed, have left for a service.

    Parameters
    ----------
    folder : str
        The folder.
    service : str
        Address of the service.
    send : callable
        Sends events to it.

    Raises
    ------
    MetaflowException
        As `send` raises; what was not sent still waits.
    """
    total = Delivery()
    for path in _files(folder):
        if path.endswith(_REFUSED_SUFFIX):
            continue
        outbox = _taken_over(path, service)
        if outbox is None:
            continue
        try:
            done = outbox.deliver(send)
        finally:
            outbox.close()
        total = Delivery(total.sent + done.sent, total.refused + done.refused)
    return total


def _taken_over(path: str, service: str) -> Outbox | None:
    """The outbox in a file, if it is for this service and its process is gone."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None  # gone, or somebody else's
    try:
        with open(file, "rb", closefd=False) as reader:
            header = _plain(reader.readline())
        is_ours = header is None or header.get("service") == service
        if is_ours and _lock(file) and os.path.samestat(os.fstat(file), os.stat(path)):
            outbox = Outbox(path, service, "", "")
            if header is not None:
                outbox._header = header
            outbox._file, file = file, -1
            return outbox
    except OSError:
        return None  # it was sent and removed meanwhile
    finally:
        if file >= 0:
            os.close(file)
    return None


def _new_file(path: str) -> tuple[str, int]:
    """Make an empty file, and lock it; gives its path, which has a number in it if another is there, and the file.

    Never is one used that is there: it may be another process's, which is about to remove it.
    """
    stem = path.removesuffix(_SUFFIX)
    for number in itertools.count(1):
        path = f"{stem}.{number}{_SUFFIX}" if number > 1 else stem + _SUFFIX
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            continue
        # Whoever looks for what was left behind may have been quicker, and removes it as it is empty.
        if _lock(file) and _is_at(file, path):
            return path, file
        os.close(file)
    raise AssertionError  # numbers do not end


def _is_at(file: int, path: str) -> bool:
    """Whether an open file is the one at a path."""
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False


@contextmanager
def _locked_for_appending(path: str) -> Iterator[BinaryIO]:
    """A file that nobody else changes or removes meanwhile."""
    while True:
        with open(path, "a+b", opener=_private) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:
                pass  # a file system without locks
            if _is_at(file.fileno(), path):
                yield file
                return


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _lines(file: int, begin: int, end: int) -> Iterator[bytes]:
    """Lines between two places of a file, whose own position the thread that writes to it moves."""
    rest = b""
    while begin < end:
        data = os.pread(file, min(end - begin, _READ_BYTES), begin)
        if not data:
            break  # somebody else has cut it
        begin += len(data)
        *lines, rest = (rest + data).split(b"\n")
        yield from (line + b"\n" for line in lines)
    if rest:
        yield rest


def _files(folder: str) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []  # nothing has ever waited
    paths = [os.path.join(folder, name) for name in names if name.endswith((_SUFFIX, _SUFFIX + _REFUSED_SUFFIX))]
    return sorted(paths, key=_last_change)


def _last_change(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _lock(file: int) -> bool:
    """Lock a file for this process; False if another one has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks: to send twice does no harm
    return True


def _send(send: Send, events: list[Event]) -> list[tuple[Event, str]]:
    """Send events; give those that the service refuses for what they are, with the reasons."""
    try:
        send(events)
    except MetaflowException as error:
        code: int | None = getattr(error, "http_code", None)
        if code is None or not 400 <= code < 500 or code in _NOT_ABOUT_CONTENT:
            raise
        if len(events) == 1:
            return [(events[0], error.message)]
        middle = len(events) // 2
        return [*_send(send, events[:middle]), *_send(send, events[middle:])]
    return []


def _line(plain: Any) -> bytes:
    return json.dumps(plain, separators=(",", ":")).encode() + b"\n"


def _plain(line: bytes) -> dict[str, Any] | None:
    """What a line holds; None if it was not written to its end."""
    try:
        plain = json.loads(line)
    except ValueError:
        return None
    return plain if isinstance(plain, dict) else None
