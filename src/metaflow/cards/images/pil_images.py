"""Images of PIL."""

from __future__ import annotations

import io
import sys

from metaflow.cards.images.encoded import LONGEST_SIDE, Encoded, reduced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Modes that PNG files have, and browsers show.
_OF_PNG = ("1", "L", "LA", "P", "RGB", "RGBA")


def is_pil_image(value: Any) -> bool:
    """Whether `value` is an image of PIL; without importing it."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def of_pil_image(image: Any) -> Callable[[], Encoded]:
    """What makes a file of an image of PIL as it is now.

    What was read from a JPEG file becomes JPEG again, and what moves stays GIF, WebP or PNG; all else becomes PNG.
    Images with sides of more than `LONGEST_SIDE` pixels are made smaller.

    Parameters
    ----------
    image : PIL.Image.Image
    """
    if getattr(image, "is_animated", False):
        done = _animated(image)
        return lambda: done
    is_jpeg = image.format in ("JPEG", "MPO")
    copy = image.copy()
    return lambda: _encode(copy, is_jpeg)


def _encode(image: Any, is_jpeg: bool) -> Encoded:
    size = image.size
    if max(size) > LONGEST_SIDE:
        if image.mode not in ("L", "LA", "RGB", "RGBA"):
            image = _converted(image, "RGBA" if "transparency" in image.info else "RGB")
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    note = reduced(*size) if image.size != size else ""
    out = io.BytesIO()
    if is_jpeg and image.mode in ("L", "RGB", "CMYK", "YCbCr"):
        _converted(image, "L" if image.mode == "L" else "RGB").save(out, "JPEG", quality=90)
        return Encoded("image/jpeg", out.getvalue(), note)
    if image.mode not in _OF_PNG:
        image = _converted(image, "RGBA" if image.mode in ("PA", "RGBa", "La") else "RGB")
    image.save(out, "PNG")
    return Encoded("image/png", out.getvalue(), note)


def _converted(image: Any, mode: str) -> Any:
    if image.mode == "F" or image.mode.startswith("I"):
        # PIL cuts off what is above 255; an array of the same numbers is stretched to what can be shown.
        low, high = image.getextrema()
        if low < 0 or high > 255:
            scale = 255 / ((high - low) or 1)
            image = image.convert("F").point(lambda number: number * scale - low * scale)
        elif image.mode == "F" and high <= 1:
            image = image.point(lambda number: number * 255 + 0)
        image = image.convert("F").convert("L")
    return image.convert(mode)


def _animated(image: Any) -> Encoded:
    form = image.format if image.format in ("GIF", "WEBP", "PNG") else "GIF"
    position = image.tell()
    out = io.BytesIO()
    image.save(out, form, save_all=True)
    image.seek(position)
    return Encoded(f"image/{form.lower()}", out.getvalue())
