"""Amounts of processors and memory as manifests have them, such as ``500m`` and ``4Gi``."""

from __future__ import annotations

import re

_PATTERN = re.compile(r"^([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)([eE][+-]?\d+)?([numkMGTPE]|[KMGTPE]i)?$")
_FACTORS = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18} | {
    f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", 1)
}


def amount(quantity: str | int | float) -> float:
    """The number that a quantity stands for: cores, bytes, pieces.

    Raises
    ------
    ValueError
        If it is none.
    """
    match = _PATTERN.match(str(quantity))
    if match is None:
        raise ValueError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
    number, exponent, unit = match.groups()
    return float(number + (exponent or "")) * _FACTORS.get(unit or "", 1.0)
