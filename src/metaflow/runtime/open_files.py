"""Files that Python holds open, and text that waits in their buffers."""

from __future__ import annotations

import gc
import io

#: Files that have buffers. Asking for the abstract `io.IOBase` instead would take ten times as long.
_BUFFERED = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)


def open_files() -> list[io.IOBase]:
    """Every file object that is open for writing, apart from those the garbage collector was told to leave alone."""
    # Not `isinstance`: that asks an object for its class, whereupon some of PyTorch's say that they are deprecated.
    return [each for each in gc.get_objects() if issubclass(type(each), _BUFFERED) and _is_open_for_writing(each)]


def flush(files: list[io.IOBase]) -> None:
    """Write what waits in the buffers. A file that cannot take it is its owner's affair."""
    for file in files:
        try:
            if not file.closed:
                file.flush()
        except (OSError, ValueError):
            pass


def _is_open_for_writing(file: io.IOBase) -> bool:
    try:
        return not file.closed and file.writable()
    except (OSError, ValueError):
        return False
