"""What ``S3`` and its siblings need of a store: one bucket, reached through obstore, boto3 or the file system."""

from __future__ import annotations

from contextlib import contextmanager
from typing import NamedTuple, Protocol

from metaflow.exception import MetaflowS3Exception

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from threading import Semaphore

    from metaflow.datastore.store import Buffer

    from .objects import Facts
    from .records import RangeInfo
    from .scratch import Content, Scratch

#: From this many bytes on, moving an object takes processors rather than patience.
LARGE_BYTES = 1024 * 1024
#: Objects of more bytes than twice this move in parts of this size.
PART_BYTES = 16 * 1024 * 1024
_TURN_SECONDS = 0.5


class TryAgain(Exception):
    """The store could not do it now, but may later.

    Parameters
    ----------
    final : MetaflowS3Exception
        What to raise when patience is at its end.
    pause : bool
        Whether to wait before.
    """

    def __init__(self, final: MetaflowS3Exception, pause: bool = True) -> None:
        super().__init__(final.message)
        self.final = final
        self.pause = pause


class Part(NamedTuple):
    """Bytes of an object: as in S3GetObject."""

    offset: int
    length: int | None

    @property
    def is_whole(self) -> bool:
        """Whether all of the object is meant."""
        return self.offset == 0 and self.length is None

    @property
    def takes_empty(self) -> bool:
        """Whether nothing of an empty object is what is meant, and not a mistake."""
        return self.is_whole or (self.length is not None and self.length <= 0)

    def within(self, size: int) -> tuple[int, int]:
        """First byte, and the one after the last, in an object of `size` bytes."""
        if self.length is not None and self.length < 0:
            return max(0, size + self.length), size
        return self.offset, size if self.length is None else min(size, self.offset + self.length)


class Effort(NamedTuple):
    """How much may be done at a time.

    Attributes
    ----------
    parts : int
        Most parts of one object.
    turns : Semaphore
        How many large objects move at a time, as far as processors keep up with the network.
    """

    parts: int
    turns: Semaphore

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait a little for others to end before moving the bytes of a large object.

        It is for a little only because servers hang up on who does not read on: where waiting takes long, it is the
        network that is slow, and processors are free.
        """
        taken = self.turns.acquire(timeout=_TURN_SECONDS)
        try:
            yield
        finally:
            if taken:
                self.turns.release()


class Download(NamedTuple):
    """An object, or some bytes of it."""

    facts: Facts
    content: Content
    range_info: RangeInfo


class Upload(NamedTuple):
    """What is to be stored.

    Attributes
    ----------
    body : bytes-like or None
    path : str
        File that has the bytes, where `body` is None.
    size : int
        In bytes.
    content_type, encryption : str or None
    attributes : str or None
        What is noted with it, as JSON.
    """

    body: Buffer | None
    path: str
    size: int
    content_type: str | None = None
    encryption: str | None = None
    attributes: str | None = None


class Listed(NamedTuple):
    """An object that was found, or a folder, which has no facts and whose key ends with a slash."""

    key: str
    facts: Facts | None


class Bucket(Protocol):
    """Objects under keys that are any text. Its methods may be called in many threads at a time.

    What they raise is told to a person as it is, but for TryAgain.
    """

    def read(self, key: str, part: Part, scratch: Scratch, effort: Effort) -> Download | None:
        """Download an object, or a part of it; None if there is none."""
        ...

    def head(self, key: str) -> Facts | None:
        """Say what is known of an object; None if there is none."""
        ...

    def write(self, key: str, upload: Upload, overwrite: bool, effort: Effort) -> bool:
        """Store an object; False if there is one already and it must not be overwritten."""
        ...

    def list(self, folder: str, recursive: bool) -> Iterator[Listed]:
        """Yield what is below a folder, whose name ends with a slash or is empty, in no promised order."""
        ...


def no_such_bytes(url: str, size: int | None, part: Part) -> str:
    """Message for a range that an object does not have."""
    told = "" if size is None else f", which has {size} bytes"
    wanted = f"bytes from {part.offset} on" if part.length is None else f"{part.length} bytes from {part.offset} on"
    return f"There are no {wanted} in {url}{told}."


def parts_of(begin: int, end: int) -> Sequence[int]:
    """First bytes of the parts in which a large range moves."""
    return range(begin, end, PART_BYTES)
