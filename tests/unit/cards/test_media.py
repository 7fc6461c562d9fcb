"""Videos and sounds."""

from __future__ import annotations

import base64
import io
import wave
from pathlib import Path

import numpy
import pytest

from metaflow.cards import Audio, Video
from metaflow.cards.components import media
from metaflow.cards.page.context import PageContext
from metaflow.cards.running.making import node_of
from metaflow.cards.values.media_types import media_type

MP4 = b"\0\0\0\x20ftypisom" + bytes(40)


@pytest.mark.parametrize(
    ("content", "kind", "mime"),
    [
        (MP4, "video", "video/mp4"),
        (MP4, "audio", "audio/mp4"),
        (b"\0\0\0\x20ftypM4A ", "video", "audio/mp4"),
        (b"\x1aE\xdf\xa3....webm", "video", "video/webm"),
        (b"OggS..", "audio", "audio/ogg"),
        (b"RIFF....WAVEfmt ", "audio", "audio/wav"),
        (b"fLaC", "audio", "audio/flac"),
        (b"ID3\x04", "audio", "audio/mpeg"),
        (b"\xff\xfb\x90", "audio", "audio/mpeg"),
        (b"\xff\xf1\x50", "audio", "audio/aac"),
    ],
)
def test_kinds(content: bytes, kind: str, mime: str) -> None:
    assert media_type(content, kind).mime == mime
    component = (Video if kind == "video" else Audio)(content)
    assert component.render()["src"] == f"data:{mime};base64,{base64.b64encode(content).decode()}"


@pytest.mark.parametrize(
    ("src", "complaint"),
    [
        (b"RIFF....AVI LIST", "AVI: convert it to MP4"),
        (b"\x1aE\xdf\xa3....matroska", "Matroska"),
        (b"<script>", "unknown kind"),
        (b"", "empty"),
        ("no-such-file.mp4", "No such file"),
        (io.StringIO("text"), "open it for reading bytes"),
        (3, "not as an object of int"),
    ],
)
def test_what_cannot_be_played_is_told_on_the_card(src: object, complaint: str) -> None:
    assert complaint in node_of(Video(src))["message"]


def test_sources(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(MP4)
    with path.open("rb") as file:
        sources = [MP4, bytearray(MP4), path, str(path), file]
        addresses = {Video(each).render()["src"] for each in sources}
    assert len(addresses) == 1
    assert Video(addresses.pop(), label="again").render()["label"] == "again"


def test_size_is_limited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(media, "MOST_BYTES", 40)
    path = tmp_path / "large.mp4"
    path.write_bytes(MP4)
    for src in (MP4, path, io.BytesIO(MP4), "data:video/mp4;base64," + "A" * 80):
        assert "make it shorter" in node_of(Video(src))["message"]


def samples_of(component: Audio) -> tuple[wave.Wave_read, numpy.ndarray]:
    address = component.render()["src"]
    read = wave.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    return read, numpy.frombuffer(read.readframes(read.getnframes()), "<i2")


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (numpy.array([0, 0.5, -1.0]), [0, 16383, -32767]),
        (numpy.array([0, 4.0, -2.0]), [0, 32767, -16383]),
        (numpy.array([0.0, numpy.nan, numpy.inf]), [0, 0, 32767]),
        ([0, 100, -100], [0, 100, -100]),
        (numpy.array([0, 128, 255], "uint8"), [-32768, 0, 32512]),
        (numpy.array([1 << 30], "int32"), [1 << 14]),
    ],
)
def test_samples(samples: object, expected: list) -> None:
    read, found = samples_of(Audio(samples, rate=8000))
    assert found.tolist() == expected
    assert (read.getframerate(), read.getnchannels()) == (8000, 1)


@pytest.mark.parametrize("shape", [(100, 2), (2, 100)])
def test_channels(shape: tuple) -> None:
    read, _ = samples_of(Audio(numpy.zeros(shape), rate=8000))
    assert (read.getnchannels(), read.getnframes()) == (2, 100)


@pytest.mark.parametrize(
    ("samples", "rate", "complaint"),
    [([1, 2], None, "need a rate"), ([], 8000, "Samples are numbers"), (["a"], 8000, "Samples are numbers")],
)
def test_samples_that_are_none(samples: list, rate: int | None, complaint: str) -> None:
    assert complaint in node_of(Audio(samples, rate=rate))["message"]


def test_update_keeps_the_label() -> None:
    video = Video(b"", label="Episode")
    video.update(MP4)
    assert video.render()["label"] == "Episode"


@pytest.mark.parametrize("src", [None, "https://elsewhere.example/a.mp4", "javascript:alert(1)", 'data:video/mp4" x="'])
def test_only_what_is_on_the_card_is_played(src: object) -> None:
    html = PageContext().render({"type": "media", "kind": "video", "src": src})
    assert "<video" not in html
    assert "cards load nothing" in html
