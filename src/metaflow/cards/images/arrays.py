"""Arrays of pixels as PNG files, without any library for images."""

from __future__ import annotations

import struct
import zlib

from metaflow.cards.images.encoded import LONGEST_SIDE, Encoded, ImageProblem, reduced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import numpy

    Pixels = numpy.ndarray[Any, numpy.dtype[Any]]

#: Channels -> PNG's number for that kind of colour.
_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}


def is_array(value: Any) -> bool:
    """Whether `value` is an array, or a tensor of another library."""
    return (hasattr(value, "__array__") or hasattr(value, "__array_interface__")) and hasattr(value, "shape")


def of_array(array: Any) -> Callable[[], Encoded]:
    """What makes a PNG of an array as it is now.

    Parameters
    ----------
    array : array of numpy, or tensor
        Grey: (height, width). Colours: (height, width, 3), with transparency 4; (3, height, width) is taken as well.
        Numbers from 0 to 255; or fractions from 0 to 1; any other range is stretched to what can be shown.

    Raises
    ------
    ImageProblem
        If it is not of such a form.
    """
    import numpy

    if hasattr(array, "detach"):
        array = array.detach().cpu()
    pixels = numpy.asarray(array)
    height, width = _sides(pixels)
    step = -(-max(height, width) // LONGEST_SIDE)
    pixels = _channels_last(pixels)[::step, ::step].copy()

    def encode() -> Encoded:
        return Encoded("image/png", _png(_bytes_of(pixels)), reduced(width, height) if step > 1 else "")

    return encode


def _sides(pixels: Pixels) -> tuple[int, int]:
    shape = pixels.shape
    if pixels.dtype.kind not in "buif":
        raise ImageProblem(f"an array of {pixels.dtype} is no image; it takes numbers.")
    seen = _channels_last(pixels)
    if seen.ndim not in (2, 3) or (seen.ndim == 3 and seen.shape[2] not in _COLOURS) or 0 in shape:
        raise ImageProblem(
            f"an array of shape {shape} is no image; it takes (height, width) for grey, or (height, width, 3) for "
            "colours, or 4 with transparency, with at least one pixel. Of several images, pass one at a time."
        )
    return seen.shape[0], seen.shape[1]


def _channels_last(pixels: Pixels) -> Pixels:
    is_first = pixels.ndim == 3 and pixels.shape[2] not in _COLOURS and pixels.shape[0] in _COLOURS
    shown: Pixels = pixels.transpose(1, 2, 0) if is_first else pixels
    return shown


def _bytes_of(pixels: Pixels) -> Pixels:
    """The pixels as numbers from 0 to 255."""
    import numpy

    shown: Pixels
    if pixels.dtype == numpy.uint8:
        return pixels
    if pixels.dtype.kind == "b":
        shown = numpy.where(pixels, numpy.uint8(255), numpy.uint8(0))
        return shown
    is_whole = pixels.dtype.kind in "ui"
    numbers = pixels.astype(numpy.float64)
    finite = numpy.isfinite(numbers)
    if not finite.all():
        numbers = numpy.where(finite, numbers, 0.0)
    known = numbers[finite]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    if low >= 0 and high <= 1 and not is_whole:
        numbers = numbers * 255
    elif low < 0 or high > 255:
        numbers = (numbers - low) * (255 / ((high - low) or 1.0))
    shown = numpy.clip(numpy.rint(numbers), 0, 255).astype(numpy.uint8)
    return shown


def _png(pixels: Pixels) -> bytes:
    import numpy

    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    rows = pixels.reshape(height, width * channels)
    lines = numpy.empty((height, width * channels + 1), numpy.uint8)
    # Each line as the difference to the one above ("up", filter 2): pictures become much smaller by it.
    lines[:, 0] = 2
    lines[0, 1:] = rows[0]
    numpy.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[channels], 0, 0, 0)
    body = zlib.compress(lines.tobytes(), 6)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
