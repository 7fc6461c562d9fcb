"""Pickles that Netflix's Metaflow wrote, as artifacts of imported runs: their bytes are kept as they are.

They name classes of that package. This one has them under the same names (see `metaflow.import_aliases`), but for what
Metaflow plants in the main module of every program.
"""

from __future__ import annotations

import io
import pickle
from collections import namedtuple
from typing import Any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from metaflow.datastore.store import Buffer

ForeachFrame = namedtuple(
    "ForeachFrame", ("step", "var", "num_splits", "index", "value"), defaults=(None, None, None, None, None)
)
ForeachFrame.__doc__ = "One enclosing foreach of a task, as the artifact ``_foreach_stack`` lists them."


class ParallelUBF:
    """What ``num_parallel`` iterates over: the numbers of the nodes.

    Attributes
    ----------
    num_parallel : int
        How many nodes there are.
    """

    def __init__(self, num_parallel: int) -> None:
        self.num_parallel = num_parallel

    def __len__(self) -> int:
        return self.num_parallel

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < self.num_parallel:
            raise IndexError(f"There is no node {index}: there are {self.num_parallel}, counted from 0.")
        return index

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.num_parallel))

    def __repr__(self) -> str:
        return f"ParallelUBF({self.num_parallel})"


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("__main__", "ForeachFrame"):
            return ForeachFrame
        return super().find_class(module, name)


def load_pickle(stream: Buffer, buffers: Sequence[Buffer]) -> object:
    """Load a pickle as Metaflow wrote it, of whichever protocol. Any exception of its classes passes through."""
    return _Unpickler(io.BytesIO(stream)).load()
