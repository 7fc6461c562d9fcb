"""Random numbers that differ between tasks, unless the user seeded them.

A new interpreter draws a fresh seed, and then the module-level code of a flow may set its own. A forked child has
neither: NumPy's and torch's generators would continue alike in every child, and Python's reseeds itself, also where the
user had seeded it. So a child is given what a new interpreter would have: the user's seed, or a fresh one.
"""

from __future__ import annotations

import os
import random
import sys
from typing import Any

from ..flow.seeding import state_at_import

#: How many blocks of 624 numbers the module-level code may have drawn before drawing is taken for seeding.
_MAXIMUM_BLOCKS = 300
_BITS_PER_BLOCK = 624 * 32


class RandomState:
    """State of Python's generator after the flow was imported.

    Parameters
    ----------
    state : tuple
        That state, as ``random.getstate`` gave it.
    source : str
        Text of the script that Python was started with.
    """

    def __init__(self, state: tuple[Any, ...], source: str) -> None:
        seeded = not _drawn_from(state_at_import, state) or seeds_python(source)
        self._python = state if seeded else None
        self._unseeded = _unseeded_generators()

    def restore(self) -> None:
        """Call in a child, before the user's code."""
        if self._python is not None:
            random.setstate(self._python)
        # Otherwise it has reseeded itself already.
        numpy_random: Any = sys.modules.get("numpy.random")
        if numpy_random is not None and not _numpy_is_seeded(numpy_random):
            numpy_random.seed(int.from_bytes(os.urandom(4), "little"))
        for generator in self._unseeded:
            generator.state = type(generator)().state
        torch: Any = sys.modules.get("torch")
        # A seed that torch draws for itself has 64 bits; those that people write have fewer.
        if torch is not None and hasattr(torch, "initial_seed") and torch.initial_seed() >= 2**32:
            torch.seed()


def _unseeded_generators() -> list[Any]:
    """NumPy's generators that the user's modules made without a seed, such as ``rng = np.random.default_rng()``."""
    numpy_random: Any = sys.modules.get("numpy.random")
    if numpy_random is None:
        return []
    kinds = (numpy_random.Generator, numpy_random.RandomState)
    found = []
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None) or ""
        if "site-packages" in path or path.startswith(sys.base_prefix):
            continue
        for value in list(vars(module).values()):
            if isinstance(value, kinds):
                generator = value.bit_generator if isinstance(value, kinds[0]) else value._bit_generator
                if _drew_its_own_seed(generator):
                    found.append(generator)
    return found


def _drew_its_own_seed(generator: Any) -> bool:
    """Whether a bit generator was seeded by the system: those seeds have 128 bits; people write shorter ones."""
    sequence = getattr(generator, "seed_seq", getattr(generator, "_seed_seq", None))
    entropy = getattr(sequence, "entropy", None)
    return isinstance(entropy, int) and entropy >= 2**64 and not getattr(sequence, "spawn_key", ())


def main_script_source() -> str:
    """Text of the script that Python was started with; empty if it cannot be read."""
    path = getattr(sys.modules["__main__"], "__file__", None)
    try:
        with open(path or "", encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""


def _numpy_is_seeded(numpy_random: Any) -> bool:
    """Whether ``numpy.random.seed`` was called: only then has the generator no seed sequence any more."""
    generator = numpy_random.mtrand._rand._bit_generator
    return getattr(generator, "seed_seq", getattr(generator, "_seed_seq", None)) is None


def _drawn_from(before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    """Whether drawing numbers alone, without seeding, leads from one state to the other."""
    words = after[1][:-1]
    if before[1][:-1] == words:
        return True
    generator = random.Random()  # noqa: S311 - this is about that very generator
    generator.setstate(before)
    for _ in range(_MAXIMUM_BLOCKS):
        generator.getrandbits(_BITS_PER_BLOCK)
        if generator.getstate()[1][:-1] == words:
            return True
    return False


def seeds_python(source: str) -> bool:
    """Whether module-level code calls ``random.seed`` or a function of its own with *seed* in its name.

    The state alone cannot tell this of a seed that was set before Metaflow was imported.
    """
    if "seed" not in source:
        return False
    import ast

    try:
        pending: list[ast.AST] = list(ast.parse(source).body)
    except SyntaxError:
        return False
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name) and "seed" in function.id.lower():
                return True
            if isinstance(function, ast.Attribute) and function.attr == "seed":
                owner = function.value
                if isinstance(owner, ast.Name) and owner.id == "random":
                    return True
        pending.extend(ast.iter_child_nodes(node))
    return False
