"""Images: bytes of files, Pillow's images, and figures of matplotlib."""

from __future__ import annotations

from metaflow.cards.images.image_types import image_type
from metaflow.cards.nodes import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Largest image, in bytes, that is put on a page.
MOST_BYTES = 3_000_000
#: Longest side, in pixels, of images that are encoded for the page.
_SIDE = 1024
_FIGURE_DPI = 110


def image_node(data: bytes, kind: str, label: str = "") -> Node:
    """An image whose type is known, as it is."""
    from base64 import b64encode

    node: dict[str, Any] = {"type": "image", "src": f"data:{kind};base64,{b64encode(data).decode('ascii')}"}
    return {**node, "label": label} if label else node


def image_bytes_nodes(data: bytes) -> list[Node] | None:
    """An image, if these are the bytes of one that browsers show; otherwise None."""
    kind = image_type(data)
    if kind is None:
        return None
    if len(data) > MOST_BYTES:
        from metaflow.datastore.sizes import size_text

        words = f"An image ({kind}) of {size_text(len(data))}: too large to be put on this page."
        return [{"type": "text", "text": words}]
    return [image_node(data, kind)]


def pillow_nodes(value: Any, full: bool) -> list[Node] | None:
    """An image of Pillow's, made smaller if it is large."""
    from io import BytesIO

    if not hasattr(value, "convert"):
        return None
    label = f"{value.width:,} \N{MULTIPLICATION SIGN} {value.height:,} pixels, {value.mode}"
    shown = value
    if max(value.size) > _SIDE:
        shown = value.copy()
        shown.thumbnail((_SIDE, _SIDE))
    has_holes = "A" in shown.mode or "transparency" in shown.info
    if shown.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        shown = shown.convert("RGB")
    buffer = BytesIO()
    shown.save(buffer, "PNG")
    # Photographs are many times smaller as JPEG.
    if buffer.tell() > 200_000 and not has_holes:
        buffer = BytesIO()
        shown.convert("RGB").save(buffer, "JPEG", quality=85)
        return [image_node(buffer.getvalue(), "image/jpeg", label)]
    return [image_node(buffer.getvalue(), "image/png", label)]


def figure_nodes(value: Any, full: bool) -> list[Node] | None:
    """A figure of matplotlib, or the one that some axes are in; it stays as it is."""
    from io import BytesIO

    figure = value if hasattr(value, "savefig") else getattr(value, "figure", None)
    if figure is None or not hasattr(figure, "set_canvas"):
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # type: ignore[import-not-found,unused-ignore]

    own = figure.canvas
    buffer = BytesIO()
    try:
        FigureCanvasAgg(figure).print_figure(buffer, format="png", dpi=_FIGURE_DPI, bbox_inches="tight")
    finally:
        figure.set_canvas(own)
    return [image_node(buffer.getvalue(), "image/png")]
