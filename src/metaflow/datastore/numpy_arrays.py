"""NumPy arrays that NumPy itself copies when it pickles them: moments and durations, and those with gaps."""

from __future__ import annotations

import sys

from metaflow.datastore.serializer import OUT_OF_BAND_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from metaflow.datastore.reducers import Reduced, Reducer


def reducers(value: object) -> dict[type, Reducer]:
    """By type, how to pickle parts of `value`."""
    array_type = getattr(sys.modules["numpy"], "ndarray", None)
    return {} if array_type is None else {array_type: _reduce}


def _reduce(array: Any) -> Reduced:
    if array.nbytes >= OUT_OF_BAND_BYTES and not array.dtype.hasobject:
        flags = array.flags
        if not (flags.c_contiguous or flags.f_contiguous):
            # NumPy would do the same, and then copy it once more, into the stream.
            array = array.copy(order="C")
        if array.dtype.kind in "mM":
            # These types do not offer their memory as a buffer; integers of the same size do.
            return _as_type, (array.view("i8"), array.dtype)
    reduced: Reduced = array.__reduce_ex__(5)
    return reduced


def _as_type(array: Any, dtype: Any) -> Any:
    return array.view(dtype)
