"""Keys that obstore cannot express: with slashes at their beginning or end, or two in a row, or with ``.`` and ``..``.

S3 allows them, and consoles make some: the object ``folder/``, without any bytes, marks a folder that should be shown
although it is empty. In obstore's lists, such a marker looks like the object ``folder``.
"""

from __future__ import annotations

from metaflow.exception import MetaflowS3URLException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    from .bucket import Bucket, Download, Effort, Listed, Part, Upload
    from .objects import Facts
    from .scratch import Scratch

    _Result = TypeVar("_Result")

_WORKERS = 32


class OddKeys(Exception):
    """obstore cannot do it, for a key that is odd."""


def is_odd(key: str) -> bool:
    """Whether obstore takes a key for another one, or for none."""
    return any(part in ("", ".", "..") for part in key.split("/")) or any(character < " " for character in key)


def settle_empty(found: Iterable[Listed], folder: str, head: Callable[[str], Facts | None]) -> Iterator[Listed]:
    """Tell the markers of folders from the empty objects in a list of obstore's.

    Parameters
    ----------
    found : iterable of Listed
    folder : str
        What was listed; its own marker is left out.
    head : callable
        Says what is known of an object.

    Yields
    ------
    Listed
        Markers with the slash that ends their keys.
    """
    from .batch import in_parallel

    empty: dict[str, list[Listed]] = {}
    for each in found:
        if each.facts is not None and each.facts.size == 0:
            empty.setdefault(each.key, []).append(each)
        else:
            yield each
    empty.pop(folder[:-1], None)
    # There is the object as well as the marker where a name comes twice; else the server tells which of them it is.
    unclear = [key for key, entries in empty.items() if len(entries) == 1]
    exists = dict(zip(unclear, in_parallel(lambda key: head(key) is not None, unclear, _WORKERS)))
    for key, entries in empty.items():
        if exists.get(key, True):
            yield entries[0]
        if not exists.get(key, False):
            yield entries[-1]._replace(key=f"{key}/")


class OddKeysElsewhere:
    """A bucket whose odd keys are left to another way of reaching it, if there is one.

    Parameters
    ----------
    plain : Bucket
        Raises OddKeys for what it cannot do.
    odd : callable or None
        Makes the one that can.
    """

    def __init__(self, plain: Bucket, odd: Callable[[], Bucket] | None) -> None:
        self._plain = plain
        self._make_odd = odd
        self._odd: Bucket | None = None

    def read(self, key: str, part: Part, scratch: Scratch, effort: Effort) -> Download | None:
        return self._try(lambda bucket: bucket.read(key, part, scratch, effort))

    def head(self, key: str) -> Facts | None:
        return self._try(lambda bucket: bucket.head(key))

    def write(self, key: str, upload: Upload, overwrite: bool, effort: Effort) -> bool:
        return self._try(lambda bucket: bucket.write(key, upload, overwrite, effort))

    def list(self, folder: str, recursive: bool) -> Iterator[Listed]:
        return iter(self._try(lambda bucket: [*bucket.list(folder, recursive)]))

    def _try(self, call: Callable[[Bucket], _Result]) -> _Result:
        try:
            return call(self._plain)
        except OddKeys as error:
            if self._make_odd is None:
                raise MetaflowS3URLException(
                    f"{error} has a key that is not supported here: it has a slash at its beginning or end, two in a "
                    "row, or '.' or '..' between slashes."
                ) from None
        if self._odd is None:
            self._odd = self._make_odd()
        return call(self._odd)
