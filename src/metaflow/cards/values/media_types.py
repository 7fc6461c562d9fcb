"""What kind of video or sound bytes are, told by how they begin."""

from __future__ import annotations

from typing import NamedTuple


class MediaType(NamedTuple):
    """A kind of file.

    Attributes
    ----------
    mime : str
        Its media type; empty if it is not known.
    name : str
        What people call it.
    is_playable : bool
        Whether browsers play it.
    """

    mime: str
    name: str
    is_playable: bool = True


_UNKNOWN = MediaType("", "an unknown kind", is_playable=False)
_AUDIO_BRANDS = (b"M4A", b"M4B")
_START = 64


def media_type(content: bytes, kind: str) -> MediaType:
    """The kind of a file.

    Parameters
    ----------
    content : bytes
        The file, or its beginning.
    kind : str
        ``video`` or ``audio``: which of them is meant if the file may be either.
    """
    head = bytes(content[:_START])
    if head[4:8] == b"ftyp":
        return _iso_media(head[8:12], kind)
    if head.startswith(b"\x1aE\xdf\xa3"):
        # Browsers play the part of Matroska that is called WebM.
        is_webm = b"webm" in bytes(content[:4096])
        return MediaType(f"{kind}/webm", "WebM") if is_webm else MediaType("", "Matroska (mkv)", is_playable=False)
    if head.startswith(b"OggS"):
        return MediaType(f"{kind}/ogg", "Ogg")
    if head.startswith(b"RIFF"):
        return MediaType("audio/wav", "WAV") if head[8:12] == b"WAVE" else MediaType("", "AVI", is_playable=False)
    if head.startswith(b"fLaC"):
        return MediaType("audio/flac", "FLAC")
    return _stream(head)


def _iso_media(brand: bytes, kind: str) -> MediaType:
    if brand.startswith(b"qt"):
        return MediaType("video/quicktime", "QuickTime")
    if brand[:3] in _AUDIO_BRANDS or kind == "audio":
        return MediaType("audio/mp4", "MP4")
    return MediaType("video/mp4", "MP4")


def _stream(head: bytes) -> MediaType:
    """Kinds that are recognised by a pattern of bits, or by a note before them."""
    if head.startswith(b"ID3"):
        return MediaType("audio/mpeg", "MP3")
    if len(head) > 1 and head[0] == 0xFF:
        if head[1] & 0xF6 == 0xF0:
            return MediaType("audio/aac", "AAC")
        if head[1] & 0xE0 == 0xE0 and head[1] & 0x06:
            return MediaType("audio/mpeg", "MP3")
    return _UNKNOWN
