"""Figures of matplotlib, and of the libraries that draw with it."""

from __future__ import annotations

import io
import sys

from metaflow.cards.images.encoded import Encoded, ImageProblem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def is_figure(value: Any) -> bool:
    """Whether `value` is a figure of matplotlib, or belongs to one."""
    return "matplotlib" in sys.modules and _figure_of(value) is not None


def of_figure(plot: Any) -> Encoded:
    """A picture of a figure, which is closed then.

    Parameters
    ----------
    plot : matplotlib.figure.Figure, or anything on one
        Also a figure that was closed already, axes, an array of axes, or a grid of seaborn.

    Raises
    ------
    ImageProblem
        If it is none of these.
    """
    figure = _figure_of(plot)
    if figure is None:
        raise ImageProblem(
            f"{type(plot).__name__} is no figure of matplotlib. Pass the figure, or its axes; after drawing with "
            "pyplot, the figure is `plt.gcf()`."
        )
    out = io.BytesIO()
    figure.savefig(out, format="png", bbox_inches="tight")
    # Only a program that has imported pyplot can have figures that it keeps until they are closed.
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
    return Encoded("image/png", out.getvalue())


def _figure_of(plot: Any) -> Any:
    """The whole figure that `plot` is, or is a part of; None if there is none."""
    if str(getattr(plot, "dtype", "")) == "object" and plot.size:
        plot = plot.flat[0]
    for _ in range(8):
        owner = getattr(plot, "figure", None)
        if owner is None or owner is plot:
            break
        plot = owner
    return plot if callable(getattr(plot, "savefig", None)) else None
