"""Small pictures of values, made when they are saved: histograms of numbers, columns in figures, thumbnails of images.

Each looks at a sample of bounded size, so that it takes about as long for a large value as for a small one.
"""

from __future__ import annotations

from typing import Any

#: Numbers that a histogram is made of at most, and at least; and its parts.
_SAMPLE, _FEW, _PARTS = 10_000, 20, 24
#: Columns of a frame that are looked at, and rows of each.
_COLUMNS, _ROWS = 20, 4_000
#: Longest side of a thumbnail in pixels, and its most characters.
_SIDE, _CHARACTERS = 128, 8_000


def histogram(numbers: Any, lowest: Any, highest: Any) -> list[int]:
    """How many of an array's finite numbers are in each of equal parts between two; empty if that says nothing."""
    import numpy  # type: ignore[import-not-found,import-untyped,unused-ignore]

    if numbers.size < _FEW or numbers.dtype.kind == "b" or not highest > lowest:
        return []
    sample = numbers.reshape(-1)[:: -(-numbers.size // _SAMPLE)].astype("f8")
    with numpy.errstate(all="ignore"):
        scale = _PARTS / (float(highest) - float(lowest))
        places = (sample - float(lowest)) * scale
    if not numpy.isfinite(places).all():
        return []  # numbers so far apart that their distance is none
    parts = numpy.clip(places.astype("i8"), 0, _PARTS - 1)
    return [int(count) for count in numpy.bincount(parts, minlength=_PARTS)]


def pandas_stats(frame: Any) -> list[dict[str, Any]]:
    """Of each of the first columns, as far as it has numbers: ``missing``, ``min``, ``max``, ``mean``, ``sampled``."""
    import numpy

    stats: list[dict[str, Any]] = []
    step = max(1, -(-len(frame) // _ROWS))
    kinds = frame.dtypes.iloc[:_COLUMNS]
    for index, kind in enumerate(kinds):
        found: dict[str, Any] = {}
        if isinstance(kind, numpy.dtype) and kind.kind in "iuf":
            column = frame.iloc[:, index].to_numpy()[::step]
            found = _figures(column)
            if step > 1:
                found["sampled"] = True
        stats.append(found)
    return stats


def _figures(column: Any) -> dict[str, Any]:
    import numpy

    found: dict[str, Any] = {}
    if column.dtype.kind == "f":
        finite = numpy.isfinite(column)
        found["missing"] = int(numpy.isnan(column).sum())
        column = column[finite]
    else:
        found["missing"] = 0
    if column.size:
        with numpy.errstate(all="ignore"):
            mean = float(column.mean(dtype="f8"))
        found.update(min=column.min().item(), max=column.max().item())
        if numpy.isfinite(mean):
            found["mean"] = mean
    return found


def thumbnail(image: Any) -> str | None:
    """A small version of an image of Pillow's, as a ``data:`` address; None if it does not get small enough."""
    from base64 import b64encode
    from io import BytesIO

    width, height = image.size
    if not width or not height:
        return None
    scale = min(1.0, _SIDE / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Single pixels first, so that it takes no longer for a large image.
    small = image.resize((min(width, 2 * size[0]), min(height, 2 * size[1])), 0)
    is_translucent = "A" in small.mode or "transparency" in small.info
    small = small.convert("RGBA" if is_translucent else "RGB").resize(size, 4)
    buffer = BytesIO()
    small.save(buffer, *(("PNG",) if is_translucent else ("JPEG",)))
    kind = "png" if is_translucent else "jpeg"
    address = f"data:image/{kind};base64,{b64encode(buffer.getvalue()).decode('ascii')}"
    return address if len(address) <= _CHARACTERS else None
