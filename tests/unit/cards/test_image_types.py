"""What images are told by, and whether they are whole."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, strategies as st

from metaflow.cards.images.image_types import NAMES, damage, hidden_type, image_type, is_svg

PIL = pytest.importorskip("PIL.Image")


def saved(form: str, size: tuple[int, int] = (40, 30)) -> bytes:
    image = PIL.effect_noise(size, 80).convert("RGB")
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "AVIF", "BMP"])
def test_files_of_a_library_are_told_and_whole(form: str) -> None:
    try:
        data = saved(form)
    except (KeyError, OSError):
        pytest.skip(f"PIL cannot write {form} here")
    kind = image_type(data)
    assert kind == f"image/{form.lower()}"
    assert kind in NAMES
    assert damage(data, kind) is None
    assert image_type(data[:32]) == kind


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
def test_what_is_cut_short_is_told(form: str) -> None:
    data = saved(form)
    kind = image_type(data)
    assert kind is not None
    assert "is cut short" in (damage(data[: len(data) // 2], kind) or "")


def test_a_png_without_a_size_is_damaged() -> None:
    assert "begins with its size" in (damage(b"\x89PNG\r\n\x1a\n" + b"0" * 40, "image/png") or "")


def test_what_follows_the_end_does_not_matter() -> None:
    assert damage(saved("PNG") + b"\0" * 5000, "image/png") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<svg></svg>", True),
        ('\ufeff <?xml version="1.0"?>\n<!-- drawn -->\n<!DOCTYPE svg PUBLIC "-//W3C" "x">\n<SVG width="1">', True),
        ('<!DOCTYPE svg PUBLIC "a" "b" [ <!ENTITY ns "http://x"> ]>\n<svg/>', True),
        ("<!---->" * 500 + "<svg>", True),
        ("<!---->" * 500 + "<p>", False),
        ("<!-- <svg>", False),
        ("<html><svg></svg></html>", False),
        ("<svgish>", False),
        ("about <svg>", False),
    ],
)
def test_svg_is_told_by_its_first_element(text: str, expected: bool) -> None:
    assert is_svg(text.encode()) is expected


def test_what_browsers_do_not_show_is_named() -> None:
    assert hidden_type(saved("TIFF")) == "TIFF"
    assert hidden_type(b"\x00\x00\x00\x18ftypheic") == "HEIC"
    assert hidden_type(b"%PDF-1.7") == "PDF"
    assert hidden_type(saved("PNG")) is None


@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd(data: bytes) -> None:
    is_svg(data)
    hidden_type(data)
    for kind in NAMES:
        damage(data, kind)
    for kind, start in (("image/png", b"\x89PNG\r\n\x1a\n"), ("image/webp", b"RIFF")):
        damage(start + data, kind)
    assert image_type(data) is None or data[:1] in b"\x89G\xffRB" or data[4:8] == b"ftyp"
