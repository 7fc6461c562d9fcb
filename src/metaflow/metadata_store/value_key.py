"""Values of different kinds as strings of bytes that compare as the values do."""

from __future__ import annotations

import math

from metaflow.metadata_store.records import encodable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.metadata_store.records import Scalar

_NUMBER, _TEXT = b"\x01", b"\x02"
_MINUS_INFINITY, _NEGATIVE, _ZERO, _POSITIVE, _INFINITY, _NO_NUMBER = (bytes((n,)) for n in range(6))
# Exponents of two are shifted to be positive.
_SHIFT = 1 << 31
_OPPOSITE = bytes(range(255, -1, -1))


def value_key(value: Scalar) -> bytes | None:
    """Give the key of a value.

    Parameters
    ----------
    value : None, bool, int, float or str
        Integers may be of any size.

    Returns
    -------
    bytes or None
        Keys compare as the values do: numbers exactly, True as 1, and every number before every text, by code
        points. None for None.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return _TEXT + encodable(value).encode("utf-8")
    if isinstance(value, float) and not math.isfinite(value):
        kind = _NO_NUMBER if math.isnan(value) else _INFINITY if value > 0 else _MINUS_INFINITY
        return _NUMBER + kind
    if value == 0:
        return _NUMBER + _ZERO
    numerator, denominator = value.as_integer_ratio()  # exact; the denominator is a power of two
    magnitude = _magnitude(abs(numerator), 1 - denominator.bit_length())
    if value > 0:
        return _NUMBER + _POSITIVE + magnitude
    return _NUMBER + _NEGATIVE + magnitude.translate(_OPPOSITE)


def _magnitude(mantissa: int, exponent: int) -> bytes:
    """Key of the positive number mantissa * 2 ** exponent: its highest power of two, then its digits."""
    length = mantissa.bit_length()
    power = (length + exponent + _SHIFT).to_bytes(4, "big")
    # Seven bits a byte, the highest first, and one that says whether more follow: so no key begins another.
    mantissa <<= -length % 7
    groups = []
    while mantissa:
        groups.append(mantissa & 127)
        mantissa >>= 7
    while groups[0] == 0:
        del groups[0]
    digits = [group << 1 | 1 for group in reversed(groups)]
    digits[-1] &= ~1
    return power + bytes(digits)
