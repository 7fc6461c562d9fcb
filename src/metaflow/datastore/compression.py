"""Whether bytes are worth compressing, and compressing them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import zstandard

_LEVEL = 1
_MINIMUM_SAVING = 0.10
_PIECE_BYTES = 64 * 1024
_PIECES = 4


def compress(data: memoryview) -> bytes | None:
    """Compress bytes if that saves at least a tenth.

    Parameters
    ----------
    data : memoryview
        Flat bytes. A few pieces of them are tried first, so incompressible data costs almost nothing.

    Returns
    -------
    bytes or None
        One Zstandard frame; None if the data had better be stored as it is.
    """
    import zstandard

    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    if data.nbytes > _PIECES * _PIECE_BYTES and not _promises_saving(compressor, data):
        return None
    packed = compressor.compress(data)
    return packed if _saves(len(packed), data.nbytes) else None


def decompress_into(packed: bytes, target: memoryview) -> bool:
    """Decompress a frame straight into memory.

    Parameters
    ----------
    packed : bytes
        One Zstandard frame.
    target : memoryview
        Writable flat memory of exactly the uncompressed size.

    Returns
    -------
    bool
        False if `packed` is not a frame of that size.
    """
    import zstandard

    try:
        with zstandard.ZstdDecompressor().stream_reader(packed) as reader:
            filled = 0
            while filled < target.nbytes:
                count = reader.readinto(target[filled:])
                if count == 0:
                    return False
                filled += count
            return not reader.read(1)
    except zstandard.ZstdError:
        return False


def _promises_saving(compressor: zstandard.ZstdCompressor, data: memoryview) -> bool:
    stride = (data.nbytes - _PIECE_BYTES) // (_PIECES - 1)
    starts = range(0, _PIECES * stride, stride)
    packed = sum(len(compressor.compress(data[start : start + _PIECE_BYTES])) for start in starts)
    return _saves(packed, _PIECES * _PIECE_BYTES)


def _saves(packed: int, plain: int) -> bool:
    return packed <= plain * (1 - _MINIMUM_SAVING)
