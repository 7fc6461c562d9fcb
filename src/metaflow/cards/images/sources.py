"""From anything that may be shown as an image to what makes bytes of it."""

from __future__ import annotations

from metaflow.cards.images.encoded import Encoded, ImageProblem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def snapshot(source: Any) -> Callable[[], Encoded]:
    """What makes an image file of `source` as it is now, even if it is changed later.

    What takes long, and can be done later, is left to the call of the result, which may be in another thread.

    Parameters
    ----------
    source : any
        What `metaflow.cards.Image` takes.

    Raises
    ------
    ImageProblem
        If it is nothing that can be shown.
    """
    from metaflow.cards.images.files import of_file
    from metaflow.cards.images.pil_images import is_pil_image, of_pil_image

    if source is None:
        raise ImageProblem("there is no image: `src` is None.")
    if is_pil_image(source):
        return of_pil_image(source)
    done = of_file(source)
    if done is not None:
        return lambda: done
    from metaflow.cards.images.figures import is_figure, of_figure

    if is_figure(source):
        drawn = of_figure(source)
        return lambda: drawn
    from metaflow.cards.images.arrays import is_array, of_array

    if is_array(source):
        return of_array(source)
    raise ImageProblem(
        f"{type(source).__name__} is nothing that can be shown as an image. It takes the bytes or the path of an "
        "image file, an SVG text, an image of PIL, a figure of matplotlib, or an array of pixels."
    )
