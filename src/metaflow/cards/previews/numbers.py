"""How many numbers are distributed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from metaflow.cards.nodes import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Of more numbers than this a sample is looked at.
SAMPLE = 50_000
_BINS = 24
_MOST_POINTS = 200


def histogram_of_array(array: Any) -> tuple[list[Node], dict[str, Any]]:
    """A histogram of a NumPy array of numbers, and facts about them: of a sample, if they are many.

    Returns
    -------
    tuple of (list of nodes, dict)
        The nodes are empty where there is nothing to draw. The facts are ``min``, ``max``, ``mean``, ``missing`` (how
        many are NaN or infinite) and ``sampled``, as far as they are known.
    """
    import sys

    numpy = sys.modules["numpy"]
    facts: dict[str, Any] = {}
    kind = array.dtype.kind
    if kind not in "biuf" or not array.size:
        return [], facts
    sample = array
    if array.size > SAMPLE:
        flags = array.flags
        flat = array.ravel(order="K") if flags.c_contiguous or flags.f_contiguous else array.flat
        sample = numpy.asarray(flat[:: -(-array.size // SAMPLE)])
        facts["sampled"] = True
    sample = sample.reshape(-1)
    if kind == "b":
        yes = int(sample.sum())
        return [], {**facts, "true": yes, "false": int(sample.size) - yes}
    if kind == "f":
        finite = numpy.isfinite(sample)
        if not finite.all():
            facts["missing"] = int(sample.size - finite.sum())
            sample = sample[finite]
    if not sample.size:
        return [], facts
    low, high = sample.min().item(), sample.max().item()
    with numpy.errstate(all="ignore"):
        mean = float(sample.mean(dtype="f8"))
        facts.update({"min": low, "mean": mean if math.isfinite(mean) else None, "max": high})
        if low == high or not math.isfinite(float(high) - float(low)):
            return [], facts
        bins = min(_BINS, high - low + 1) if kind in "iu" else _BINS
        scaled = (sample.astype("f8") - low) * (bins / (float(high) - float(low)))
    counts = numpy.bincount(numpy.clip(scaled.astype("i8"), 0, bins - 1), minlength=bins)
    return [{"type": "histogram", "counts": counts.tolist(), "low": low, "high": high}], facts


def line_of_numbers(values: Sequence[Any]) -> list[Node]:
    """Numbers as a line, in their order; fewer points than numbers, if these are many."""
    stride = -(-len(values) // _MOST_POINTS)
    shown = [_point(value) for value in values[::stride]]
    label = f"{len(values):,} numbers" if stride == 1 else f"{len(values):,} numbers, one in {stride:,} drawn"
    return [{"type": "sparkline", "values": shown, "label": label}]


def _point(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
