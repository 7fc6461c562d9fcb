"""Downloads through obstore: into memory, into a file, or into a file in parts that come in parallel."""

from __future__ import annotations

import os

from metaflow.exception import MetaflowS3Exception, MetaflowS3InvalidRange

from .bucket import LARGE_BYTES, PART_BYTES, TryAgain, parts_of
from .scratch import LARGEST_IN_MEMORY, Content, failed_write, remove_file, write_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from .bucket import Effort, Part
    from .scratch import Scratch

_CHUNK_BYTES = 4 * 1024 * 1024


class RangesIgnored(Exception):
    """The server answers with the whole object when it is asked for a part."""


class Reading:
    """One download.

    Parameters
    ----------
    ask : callable
        Makes a request of a function that is given obstore's client. It raises what there is to raise, and
        FileNotFoundError, RangesIgnored or MetaflowS3InvalidRange.
    path : str
        Key of the object.
    part : Part
        What of it is wanted.
    scratch : Scratch
        Where to keep it.
    effort : Effort
    """

    def __init__(
        self, ask: Callable[[Callable[[Any], Any]], Any], path: str, part: Part, scratch: Scratch, effort: Effort
    ) -> None:
        self._ask = ask
        self._path = path
        self._part = part
        self._scratch = scratch
        self._effort = effort

    def download(self, from_end: bool) -> tuple[Any, Content, int, int]:
        """Download it.

        Parameters
        ----------
        from_end : bool
            Whether the store counts bytes from the end of an object.

        Returns
        -------
        tuple
            An answer of obstore, what was downloaded, its first byte in the object, and the one after its last.
        """
        length = self._part.length
        if length is not None and (length == 0 or (length < 0 and not from_end)):
            answer = self._ask(lambda client: client.get(self._path, options={"head": True}))
            begin, end = self._part.within(answer.meta["size"])
            if begin >= end:
                begin = end = min(begin, answer.meta["size"])
                return answer, Content(self._scratch, self._path, b""), begin, end
            return self._fetch({"range": (begin, end)})
        return self._fetch(_range_option(self._part))

    def _fetch(self, options: dict[str, Any]) -> tuple[Any, Content, int, int]:
        try:
            answer, content = self._ask(lambda client: self._begin(client, options))
            begin, end = answer.range
            if content is None:
                with self._effort.turn():
                    content = self._in_parts(answer.meta["e_tag"], begin, end)
        except RangesIgnored:
            return self._without_ranges()
        return answer, content, begin, end

    def _begin(self, client: Any, options: dict[str, Any]) -> tuple[Any, Content | None]:
        answer = client.get(self._path, options=options)
        begin, end = answer.range
        size = end - begin
        if size <= LARGE_BYTES:
            return answer, Content(self._scratch, self._path, answer.bytes().to_bytes())
        if size > LARGEST_IN_MEMORY:
            return answer, None  # it is not read on, but asked for again in parts
        with self._effort.turn():
            data = answer.bytes()
            if self._scratch.reserve(size):
                return answer, Content(self._scratch, self._path, data, reserved=size)
            return answer, self._in_file([data])

    def _in_file(self, parts: list[Any] | Iterator[Any]) -> Content:
        target = self._scratch.new_path(self._path)
        write_file(target, parts)
        return Content(self._scratch, self._path, path=target)

    def _in_parts(self, version: str | None, begin: int, end: int) -> Content:
        """Download into a file, in parts that are all of the same version of the object."""
        from metaflow.datastore.parallel import map_in_threads

        content = self._in_file([])
        target = content.path()
        file = os.open(target, os.O_WRONLY | os.O_CLOEXEC)

        def read_part(start: int) -> None:
            stop = min(start + PART_BYTES, end)
            options = {"range": (start, stop), "if_match": version}
            self._ask(lambda client: _write_at(target, file, client.get(self._path, options=options), begin))

        try:
            map_in_threads(read_part, parts_of(begin, end), self._effort.parts)
            size = os.fstat(file).st_size
            if size != end - begin:
                raise TryAgain(MetaflowS3Exception(f"{self._path} ended after {size} of {end - begin} bytes."))
        except BaseException:
            remove_file(target)
            raise
        finally:
            os.close(file)
        return content

    def _without_ranges(self) -> tuple[Any, Content, int, int]:
        """Download all of it, and keep the part that is wanted."""

        def fetch(client: Any) -> tuple[Any, Content, int, int]:
            answer = client.get(self._path)
            begin, end = self._part.within(answer.meta["size"])
            if begin >= end and not (answer.meta["size"] == 0 and self._part.takes_empty):
                raise MetaflowS3InvalidRange()
            return answer, self._in_file(_cut(answer.stream(min_chunk_size=_CHUNK_BYTES), begin, end)), begin, end

        found: tuple[Any, Content, int, int] = self._ask(fetch)
        return found


def _range_option(part: Part) -> dict[str, Any]:
    if part.is_whole:
        return {}
    if part.length is None:
        return {"range": {"offset": part.offset}}
    if part.length < 0:
        return {"range": {"suffix": -part.length}}
    return {"range": (part.offset, part.offset + part.length)}


def _cut(chunks: Iterator[Any], begin: int, end: int) -> Iterator[memoryview]:
    """Bytes `begin` to `end` of what comes in chunks."""
    position = 0
    for chunk in chunks:
        view = memoryview(chunk)
        wanted = view[max(0, begin - position) : max(0, end - position)]
        if wanted.nbytes:
            yield wanted
        position += view.nbytes
        if position >= end:
            return


def _write_at(target: str, file: int, answer: Any, base: int) -> None:
    """Write an answer's bytes to where they belong in a file that begins with the object's byte `base`."""
    position = answer.range[0] - base
    for chunk in answer.stream(min_chunk_size=_CHUNK_BYTES):
        view = memoryview(chunk)
        while view.nbytes:
            try:
                written = os.pwrite(file, view, position)
            except OSError as error:
                raise failed_write(target, error) from error
            position += written
            view = view[written:]
