"""``Image``: a picture."""

from __future__ import annotations

from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.images.encoded import Encoded, ImageProblem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Bytes that are encoded at once; a multiple of 3, so that pieces of base64 can be joined.
_PIECE = 3 * 2**17


class Image(MetaflowCardComponent):
    """A picture: a file, an image of PIL, a figure of matplotlib, or an array of pixels.

    What cannot be shown becomes a line in its place that begins with ``[IMAGE_RENDER FAIL]:`` and says why; it does
    not fail the step.

    Parameters
    ----------
    src : bytes, str, path, readable, PIL image, matplotlib figure or array
        Bytes or path of a PNG, JPEG, GIF, WebP, AVIF, BMP or SVG file of at most 32 MB, or an open file; the text of
        an SVG; a ``data:`` address. An image of PIL. A figure of matplotlib, or axes: it is drawn now, and closed. An
        array of numpy, or a tensor: (height, width), or with 3 colours, or 4 with transparency. Images of PIL and
        arrays of more than 4,096 pixels a side are made smaller.
    label : str, optional
        Shown below the picture, and read out to those who cannot see it.
    disable_updates : bool
        Whether `update` does nothing but warn.

    Examples
    --------
    >>> current.card.append(Image("confusion.png", "Which classes are taken for which"))
    """

    def __init__(self, src: Any = None, label: str | None = None, disable_updates: bool = True) -> None:
        self.REALTIME_UPDATABLE = not disable_updates  # type: ignore[misc] # it is of each image
        self._picture = _Picture(src, label, _snapshot)

    @classmethod
    def from_pil_image(cls, pilimage: Any, label: str | None = None, disable_updates: bool = False) -> Image:
        """An image of PIL, as it is now.

        Parameters
        ----------
        pilimage : PIL.Image.Image
        label : str, optional
        disable_updates : bool

        Examples
        --------
        >>> current.card.append(Image.from_pil_image(PIL.Image.open("photo.tif")))
        """
        return cls(pilimage, label, disable_updates)

    @classmethod
    def from_matplotlib(cls, plot: Any, label: str | None = None, disable_updates: bool = False) -> Image:
        """A figure of matplotlib, as it is now. The figure is closed.

        Parameters
        ----------
        plot : matplotlib.figure.Figure or matplotlib.axes.Axes
            Also one that pyplot has closed already.
        label : str, optional
        disable_updates : bool

        Examples
        --------
        >>> figure, axes = plt.subplots()
        >>> axes.plot(losses)
        >>> current.card.append(Image.from_matplotlib(figure, "Loss"))
        """
        image = cls.__new__(cls)
        image.REALTIME_UPDATABLE = not disable_updates  # type: ignore[misc] # it is of each image
        image._picture = _Picture(plot, label, _drawn)
        return image

    def update(self, image: Any, label: str | None = None) -> None:
        """Show another picture.

        Parameters
        ----------
        image : bytes, str, path, readable, PIL image, matplotlib figure or array
            As for the constructor.
        label : str, optional
            Another label; without one, the label stays.
        """
        if not self.REALTIME_UPDATABLE:
            import warnings

            warnings.warn(
                "This Image of a card keeps the picture that it has: make it with Image(..., disable_updates=False) "
                "to update it.",
                stacklevel=2,
            )
            return
        self._picture = _Picture(image, self._picture.label if label is None else label, _snapshot)

    def render(self) -> dict[str, Any]:
        """The node: an image, or a log that says why there is none."""
        return self._picture.node()


class _Picture:
    """A picture as it was when this was made. What takes long is done when its node is asked for, and once."""

    def __init__(self, source: Any, label: str | None, snapshot: Callable[[Any], Callable[[], Encoded]]) -> None:
        self.label = label
        self._node: dict[str, Any] | None = None
        self._encode: Callable[[], Encoded] | None = None
        try:
            self._encode = snapshot(source)
        except Exception as error:  # of any library that makes images
            self._node = _failed(error, source)

    def node(self) -> dict[str, Any]:
        encode = self._encode
        if self._node is None and encode is not None:
            self._node = self._make(encode)
            self._encode = None
        assert self._node is not None
        return self._node

    def _make(self, encode: Callable[[], Encoded]) -> dict[str, Any]:
        try:
            kind, data, note = encode()
        except Exception as error:  # of any library that makes images
            return _failed(error, None)
        label = "" if self.label is None else str(self.label)
        shown = f"{label} ({note})" if label and note else label or note
        return {"type": "image", "src": _address(kind, data), **({"label": shown} if shown else {})}


def _address(kind: str, data: bytes) -> str:
    """A ``data:`` address; made in pieces, between which the threads of the step have their turn."""
    from binascii import b2a_base64

    pieces = [b2a_base64(data[start : start + _PIECE], newline=False) for start in range(0, len(data), _PIECE)]
    return f"data:{kind};base64," + b"".join(pieces).decode("ascii")


def _snapshot(source: Any) -> Callable[[], Encoded]:
    from metaflow.cards.images.sources import snapshot

    return snapshot(source)


def _drawn(plot: Any) -> Callable[[], Encoded]:
    from metaflow.cards.images.figures import of_figure

    done = of_figure(plot)
    return lambda: done


def _failed(error: Exception, source: Any) -> dict[str, Any]:
    reason = str(error)
    if not isinstance(error, ImageProblem):
        what = f"{type(source).__name__} cannot be made an image: " if source is not None else ""
        reason = f"{what}{type(error).__name__}: {reason}"
    return {"type": "log", "data": f"[IMAGE_RENDER FAIL]: {reason}"}
