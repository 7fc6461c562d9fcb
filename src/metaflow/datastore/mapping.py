"""Large writable memory made of files, copied only where it is written to.

A range of addresses is reserved as an anonymous private mapping, which a Python `mmap` object owns, and each
file is then mapped over its part of the range. Python itself can map one file at a place of the kernel's
choice only, so the second step calls the C library.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable

#: Whether files can be mapped over a reserved range on this system.
CAN_MAP_OVER = os.name == "posix"

# The same number on Linux and macOS; the mmap module does not name it.
_MAP_FIXED = 0x10

_c_mmap: Callable[..., int | None] | None = None


def reserve(size: int) -> mmap.mmap:
    """Reserve zeroed private memory that takes up no room until it is used.

    Parameters
    ----------
    size : int
        Bytes, more than 0.

    Returns
    -------
    mmap.mmap
        Owner of the range: it is given back when the last view of it is gone. A forked child has its own
        copy.
    """
    import mmap

    if CAN_MAP_OVER:
        return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return mmap.mmap(-1, size)


def map_over(region: mmap.mmap, offset: int, descriptor: int, size: int) -> None:
    """Map the beginning of a file over a part of reserved memory, copy-on-write.

    Parameters
    ----------
    region : mmap.mmap
        As `reserve` returned it.
    offset : int
        Where in the region, in bytes; a multiple of the page size.
    descriptor : int
        The open file. It may be closed afterwards.
    size : int
        Bytes, no more than the file has.

    Raises
    ------
    OSError
        If the kernel refuses; the region must not be used any further then.
    ValueError
        If the part is not inside the region.
    """
    import ctypes
    import mmap

    if offset < 0 or size <= 0 or offset + size > len(region):
        raise ValueError(f"{size} bytes at {offset} are not inside a region of {len(region)} bytes")
    address = ctypes.addressof(ctypes.c_char.from_buffer(region)) + offset
    placed = _libc_mmap()(address, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | _MAP_FIXED, descriptor, 0)
    if placed != address:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _libc_mmap() -> Callable[..., int | None]:
    global _c_mmap
    if _c_mmap is None:
        import ctypes

        function = ctypes.CDLL(None, use_errno=True).mmap
        # The last one is off_t, which is as wide as a long wherever Python runs on 64 bits, and 0 here
        # anyway.
        function.argtypes = [
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_long,
        ]
        function.restype = ctypes.c_void_p
        _c_mmap = function
    return _c_mmap
