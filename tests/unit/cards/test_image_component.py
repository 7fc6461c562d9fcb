"""`Image`, from all that can be one."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from metaflow.cards import Image
from metaflow.cards.images.files import MOST_BYTES

numpy = pytest.importorskip("numpy")
PIL = pytest.importorskip("PIL.Image")


def png(width: int = 3, height: int = 2, colour: str = "red") -> bytes:
    out = io.BytesIO()
    PIL.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()


def content(image: Image) -> tuple[str, bytes]:
    """Kind and bytes of what an image shows."""
    node = image.render()
    assert node["type"] == "image", node
    head, _, data = node["src"].partition(";base64,")
    return head.removeprefix("data:"), base64.b64decode(data)


def pixels(image: Image) -> Any:
    return PIL.open(io.BytesIO(content(image)[1]))


def failure(image: Image) -> str:
    node = image.render()
    assert node["type"] == "log", node
    assert node["data"].startswith("[IMAGE_RENDER FAIL]: ")
    return str(node["data"])


def test_bytes_paths_streams_and_addresses_are_the_same_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = png()
    file = tmp_path / "picture.png"
    file.write_bytes(data)
    stream = io.BytesIO()
    stream.write(data)  # and it stands at its end, as after savefig()
    encoded = base64.b64encode(data).decode()
    monkeypatch.chdir(tmp_path)
    sources = [
        data,
        bytearray(data),
        memoryview(data),
        file,
        str(file),
        "picture.png",
        stream,
        encoded,
        f"data:image/png;base64, {encoded}\n",
        file.open("rb"),
    ]
    assert {content(Image(source)) for source in sources} == {("image/png", data)}


def test_large_files_are_encoded_in_pieces_that_fit() -> None:
    data = b"GIF89a" + bytes(range(256)) * 5000 + b"\x00\x3b"
    assert content(Image(data)) == ("image/gif", data)


def test_the_label_is_kept_and_left_out_without_one() -> None:
    assert Image(png(), "A label").render()["label"] == "A label"
    assert "label" not in Image(png()).render()


def test_a_file_is_read_when_the_image_is_made(tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(png())
    image = Image(file)
    file.unlink()
    assert content(image)[1] == png()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (None, "`src` is None"),
        (b"", "is empty"),
        (b"no image at all", "not parsable as an image"),
        ("no-such-file.png", "no file 'no-such-file.png'"),
        (Path("no-such-file.png"), "no-such-file.png cannot be read: No such file"),
        ("https://example.com/a.png", "cards ask nothing from outside"),
        ("<p>text</p>", "not parsable as an image"),
        ("data:image/png;base64", "there is no comma"),
        ("data:image/png;base64,%%%", "not base64"),
        (png()[:-20], "cut short"),
        (b"II*\x00" + b"0" * 50, "TIFF, which browsers do not show"),
        (b"\x89PNG\r\n\x1a\n" + b"0" * (MOST_BYTES + 1), "too large"),
        (object(), "object is nothing that can be shown"),
        ([1, 2, 3], "list is nothing that can be shown"),
        (numpy.zeros(5), "an array of shape (5,) is no image"),
        (numpy.zeros((0, 5)), "an array of shape (0, 5) is no image"),
        (numpy.zeros((5, 5, 5, 3)), "one at a time"),
        (numpy.array([["a"]]), "takes numbers"),
        ("\0", "no file"),
    ],
)
def test_what_cannot_be_shown_says_why(source: Any, reason: str) -> None:
    image = Image(source)
    assert reason in failure(image)
    assert failure(image) == failure(image)


def test_errors_of_libraries_are_in_its_place() -> None:
    class Broken:
        def read(self, size: int = -1) -> bytes:
            raise RuntimeError("the disk is gone")

    assert "Broken cannot be made an image: RuntimeError: the disk is gone" in failure(Image(Broken()))


def test_updates_replace_the_picture_and_keep_the_label() -> None:
    image = Image(png(), "One", disable_updates=False)
    assert image.REALTIME_UPDATABLE
    image.update(png(colour="blue"))
    assert pixels(image).getpixel((0, 0)) == (0, 0, 255)
    assert image.render()["label"] == "One"
    image.update(numpy.zeros((2, 2)), label="Two")
    assert image.render()["label"] == "Two"
    image.update("gone.png")
    assert "gone.png" in failure(image)


def test_updates_are_off_unless_asked_for() -> None:
    image = Image(png())
    assert not image.REALTIME_UPDATABLE
    with pytest.warns(UserWarning, match="disable_updates=False"):
        image.update(png(colour="blue"))
    assert content(image)[1] == png()
    assert Image.from_pil_image(PIL.new("L", (1, 1))).REALTIME_UPDATABLE
    assert not Image.from_pil_image(PIL.new("L", (1, 1)), disable_updates=True).REALTIME_UPDATABLE


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F", "I;16"])
def test_images_of_pil_of_every_mode(mode: str) -> None:
    shown = pixels(Image.from_pil_image(PIL.new(mode, (5, 4)), "label"))
    assert shown.size == (5, 4)
    assert shown.format == "PNG"


def test_an_image_of_pil_is_shown_as_it_was() -> None:
    picture = PIL.new("RGB", (2, 2), "red")
    image = Image.from_pil_image(picture)
    picture.paste("blue", (0, 0, 2, 2))
    assert pixels(image).getpixel((0, 0)) == (255, 0, 0)


def test_numbers_of_pil_are_stretched_to_what_can_be_seen() -> None:
    picture = PIL.fromarray(numpy.array([[-2.0, 6.0]], numpy.float32))
    shown = pixels(Image(picture)).convert("L")
    assert (shown.getpixel((0, 0)), shown.getpixel((1, 0))) == (0, 255)


def test_large_images_are_made_smaller_and_say_so() -> None:
    image = Image(PIL.new("P", (9000, 10)), "Wide")
    assert pixels(image).size[0] == 4096
    assert image.render()["label"].startswith("Wide (made smaller, from 9,000")
    assert max(pixels(Image(numpy.zeros((10, 9000), numpy.uint8))).size) <= 4096


def test_photographs_stay_jpeg_and_animations_move() -> None:
    out = io.BytesIO()
    PIL.new("RGB", (8, 8), "red").save(out, "JPEG")
    assert content(Image(PIL.open(out)))[0] == "image/jpeg"
    out = io.BytesIO()
    frames = [PIL.new("RGB", (4, 4), colour) for colour in ("red", "green", "blue")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    picture = PIL.open(out)
    picture.seek(1)
    image = Image(picture)
    assert content(image)[0] == "image/gif"
    assert pixels(image).n_frames == 3
    assert picture.tell() == 1


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (numpy.array([[0, 255]], numpy.uint8), [0, 255]),
        (numpy.array([[False, True]]), [0, 255]),
        (numpy.array([[0.0, 1.0]]), [0, 255]),
        (numpy.array([[0.0, 200.0]]), [0, 200]),
        (numpy.array([[-1.0, 3.0]]), [0, 255]),
        (numpy.array([[0, 1]]), [0, 1]),
        (numpy.array([[0, 65535]], numpy.uint16), [0, 255]),
        (numpy.array([[numpy.nan, 1.0]]), [0, 255]),
        (numpy.array([[numpy.nan, numpy.inf]]), [0, 0]),
        (numpy.full((1, 2), 1e300), [255, 255]),
    ],
)
def test_numbers_become_grey(array: Any, expected: list[int]) -> None:
    shown = pixels(Image(array))
    assert shown.mode == "L"
    assert [shown.getpixel((x, 0)) for x in range(2)] in (expected, [0, 0] if array.max() == array.min() else expected)


def test_arrays_with_colours_wherever_the_channels_are() -> None:
    colours = numpy.random.default_rng(1).integers(0, 256, (7, 5, 3), numpy.uint8)
    for array in (colours, numpy.moveaxis(colours, 2, 0), colours[::-1][::-1]):
        assert (numpy.asarray(pixels(Image(array))) == colours).all()
    assert pixels(Image(numpy.zeros((2, 2, 4)))).mode == "RGBA"
    assert pixels(Image(numpy.zeros((2, 2, 1)))).mode == "L"


def test_an_array_is_shown_as_it_was() -> None:
    array = numpy.zeros((2, 2), numpy.uint8)
    image = Image(array)
    array[:] = 255
    assert pixels(image).getpixel((0, 0)) == 0


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    image = Image(torch.ones(3, 4, 6, requires_grad=True))
    assert pixels(image).size == (6, 4)


def test_svg_is_given_what_it_lacks() -> None:
    kind, data = content(Image('<svg viewBox="0 0 20 10"><circle r="3"/></svg>'))
    assert kind == "image/svg+xml"
    assert b'xmlns="http://www.w3.org/2000/svg"' in data
    assert b'width="480" height="240"' in data
    kind, data = content(Image("<!-- made from <svg> -->\n<svg viewBox='0 0 1 1'/>"))
    assert data.startswith(b"<!-- made from <svg> -->\n<svg xmlns=")
    whole = b'<svg xmlns="http://www.w3.org/2000/svg" width="3" height="4" viewBox="0 0 1 1"/>'
    assert content(Image(whole))[1] == whole
    assert content(Image("data:image/svg+xml,%3Csvg%20xmlns='x'/%3E"))[1] == b"<svg xmlns='x'/>"


@pytest.fixture
def pyplot(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def test_figures_and_axes_are_drawn_and_closed(pyplot: Any) -> None:
    figure, axes = pyplot.subplots(1, 2)
    for plot in (figure, axes[0], axes, axes[0].plot([1, 2])[0]):
        assert pixels(Image.from_matplotlib(plot, "label")).size[0] > 100
        assert Image(plot).render()["type"] == "image"
    assert not pyplot.get_fignums()
    parts = pyplot.figure().subfigures(1, 2)
    assert Image(parts[0].subplots()).render()["type"] == "image"
    assert not pyplot.get_fignums()


def test_a_figure_that_is_closed_already_is_drawn(pyplot: Any) -> None:
    figure, _ = pyplot.subplots()
    pyplot.close(figure)
    assert Image.from_matplotlib(figure).render()["type"] == "image"


def test_what_is_no_figure_says_so(pyplot: Any) -> None:
    assert "int is no figure of matplotlib" in failure(Image.from_matplotlib(3))
    assert "ndarray is no figure" in failure(Image.from_matplotlib(numpy.zeros(3)))


def test_pyplot_is_not_imported_for_a_figure() -> None:
    pytest.importorskip("matplotlib")
    code = (
        "import sys; from matplotlib.figure import Figure; from metaflow.cards import Image\n"
        "figure = Figure(); figure.subplots().plot([1, 2])\n"
        "assert Image.from_matplotlib(figure).render()['type'] == 'image'\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)


def test_libraries_are_not_imported_for_a_file() -> None:
    code = (
        "import sys; from metaflow.cards import Image\n"
        f"assert Image({png()!r}).render()['type'] == 'image'\n"
        "assert not {'PIL', 'numpy', 'matplotlib', 'urllib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)
