"""``profile``: how long a block of code takes."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping


@contextmanager
def profile(label: str, stats_dict: MutableMapping[str, int] | None = None) -> Iterator[None]:
    """Measure how long a block takes, also one that raises.

    Parameters
    ----------
    label : str
        What to call the block.
    stats_dict : dict, optional
        The milliseconds are added to ``stats_dict[label]``. Without it, a line is printed when the block starts and
        another when it ends.

    Examples
    --------
    >>> timings = {}
    >>> with profile("load", timings):
    ...     rows = load()
    """
    if stats_dict is None:
        sys.stdout.write(f"PROFILE: {label} starting\n")
    started = time.perf_counter()
    try:
        yield
    finally:
        milliseconds = int((time.perf_counter() - started) * 1000)
        if stats_dict is None:
            sys.stdout.write(f"PROFILE: {label} completed in {milliseconds}ms\n")
        else:
            stats_dict[label] = stats_dict.get(label, 0) + milliseconds
