"""Videos and sounds."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.values.media_types import media_type

#: A card is one file that browsers read as a whole.
MOST_BYTES = 64_000_000
_DATA_ADDRESS = "data:"
_RATES = range(1, 1_000_000)


class _Media(MetaflowCardComponent):
    """What videos and sounds have in common."""

    REALTIME_UPDATABLE = True
    _KIND: ClassVar[str]

    def __init__(self, src: Any, label: str | None = None) -> None:
        self._label = label
        self.update(src, label)

    def update(self, src: Any, label: str | None = None) -> None:
        """Show something else.

        Parameters
        ----------
        src
            As for a new one.
        label : str, optional
            The label stays as it is if not given.
        """
        if label is not None:
            self._label = label
        try:
            self._src: str | Exception = self._address(src)
        except Exception as error:  # shown on the card, and no reason to fail a step
            self._src = error

    def render(self) -> dict[str, Any]:
        src = self._src
        if isinstance(src, Exception):
            raise src
        node: dict[str, Any] = {"type": "media", "kind": self._KIND, "src": src}
        return node if self._label is None else {**node, "label": str(self._label)}

    def _address(self, src: Any) -> str:
        if isinstance(src, str) and src.startswith(_DATA_ADDRESS):
            _check_size(len(src) * 3 // 4, self._KIND)
            return src
        return data_address(content_of(src, self._KIND), self._KIND)


class Video(_Media):
    """A video that is played on the card.

    Parameters
    ----------
    src : bytes, str, path or file
        The video (MP4, WebM or Ogg, which browsers play), the path of its file, a file that is open for reading
        bytes, or a ``data:`` address. At most 64 MB.
    label : str, optional
        What stands below it.

    Examples
    --------
    >>> current.card.append(Video("rollout.mp4", label="The last episode"))
    """

    _KIND = "video"


class Audio(_Media):
    """A sound that is played on the card.

    Parameters
    ----------
    src : bytes, str, path, file, or array
        The sound (WAV, MP3, FLAC, Ogg, AAC or WebM), the path of its file, a file that is open for reading bytes, or a
        ``data:`` address; at most 64 MB. Or samples, with their `rate`: an array or list of numbers, of two dimensions
        for several channels. Numbers that are not whole are from -1 to 1, and made smaller if they are not.
    label : str, optional
        What stands below it.
    rate : int, optional
        Samples in a second.

    Examples
    --------
    >>> current.card.append(Audio("speech.wav", label="What the model said"))
    >>> current.card.append(Audio(numpy.sin(numpy.arange(44_100) * 0.06), rate=44_100))
    """

    _KIND = "audio"

    def __init__(self, src: Any, label: str | None = None, rate: int | None = None) -> None:
        self._rate = rate
        super().__init__(src, label)

    def _address(self, src: Any) -> str:
        if hasattr(src, "__array__") or isinstance(src, (list, tuple)):
            return data_address(_wav(src, self._rate), self._KIND)
        return super()._address(src)


def content_of(src: Any, kind: str) -> bytes:
    """The bytes of what was given as a video or sound.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If there are too many, or it is nothing that has bytes.
    """
    if isinstance(src, (bytes, bytearray, memoryview)):
        _check_size(memoryview(src).nbytes, kind)
        return bytes(src)
    if isinstance(src, (str, os.PathLike)):
        _check_size(os.stat(src).st_size, kind)
        with open(src, "rb") as file:
            return file.read()
    if hasattr(src, "read"):
        content = src.read(MOST_BYTES + 1)
        if isinstance(content, bytes):
            _check_size(len(content), kind)
            return content
        raise ValueError("The file is open for reading text: open it for reading bytes, as in open(path, 'rb').")
    raise ValueError(f"A {kind} is given as bytes, a path or an open file, not as an object of {type(src).__name__}.")


def data_address(content: bytes, kind: str) -> str:
    """A ``data:`` address of a video or sound.

    Raises
    ------
    ValueError
        If browsers do not play it.
    """
    import base64

    found = media_type(content, kind)
    if not found.is_playable:
        raise ValueError(
            f"Browsers do not play this {kind}, which is of {found.name}: convert it to "
            f"{'MP4 or WebM' if kind == 'video' else 'WAV, MP3 or FLAC'}."
            if content
            else f"This {kind} is empty."
        )
    return f"data:{found.mime};base64,{base64.b64encode(content).decode('ascii')}"


def _check_size(size: int, kind: str) -> None:
    if size > MOST_BYTES:
        raise ValueError(
            f"This {kind} has more than the {MOST_BYTES // 1_000_000} MB that fit on a card: make it shorter or "
            "smaller, or keep it elsewhere and put a link to it on the card."
        )


def _wav(samples: Any, rate: int | None) -> bytes:
    """A WAV file of samples, with 16 bits each."""
    if isinstance(rate, bool) or not isinstance(rate, int) or rate not in _RATES:
        raise ValueError(
            f"Samples need a rate, in samples per second, as in Audio(samples, rate=44_100), not {rate!r}."
        )
    import io
    import wave

    channels, frames = _frames(samples)
    _check_size(len(frames), "audio")
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(channels)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes(frames)
    return file.getvalue()


def _frames(samples: Any) -> tuple[int, bytes]:
    """Number of channels, and the samples of all of them in turn as numbers of 16 bits."""
    try:
        import numpy
    except ImportError:
        raise ValueError("Samples need the package numpy: pip install numpy") from None
    values = numpy.asarray(samples)
    if values.ndim == 2 and values.shape[0] < values.shape[1]:
        values = values.T
    if values.ndim not in {1, 2} or not values.size or values.dtype.kind not in "fiu":
        raise ValueError(
            f"Samples are numbers in one dimension, or in two for several channels, not {values.dtype} of shape "
            f"{values.shape}."
        )
    if values.dtype.kind == "f":
        values = numpy.nan_to_num(values.astype("float64"), posinf=1.0, neginf=-1.0)
        scaled = values / max(1.0, float(numpy.abs(values).max())) * 32767
    else:
        # Those without a sign have their middle at 0. Python's own numbers have 64 bits, whatever they stand for.
        bits = min(values.dtype.itemsize * 8, 32)
        if values.dtype.itemsize == 8 and int(abs(values).max()) < 1 << 15:
            bits = 16
        middle = 1 << (bits - 1) if values.dtype.kind == "u" else 0
        scaled = (values.astype("float64") - middle) * 2.0 ** (16 - bits)
    return (values.shape[1] if values.ndim == 2 else 1), scaled.clip(-32768, 32767).astype("<i2").tobytes()
