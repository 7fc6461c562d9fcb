"""``Artifact``."""

from __future__ import annotations

from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.values.artifact_rows import artifact_row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar


class Artifact(MetaflowCardComponent):
    """A value: its type, and a text that shows it; of arrays, frames and tensors also shape and range.

    Parameters
    ----------
    artifact : object
        Anything. What is shown is how it is now.
    name : str, optional
        What it is called.
    compressed : bool
        Show it on one line, of at most 200 characters; else at most 10,000 characters.

    Examples
    --------
    >>> Artifact(self.model, name="model")
    """

    REALTIME_UPDATABLE: ClassVar[bool] = True

    def __init__(self, artifact: Any, name: str | None = None, compressed: bool = True) -> None:
        self._name = None if name is None else str(name)
        self._compressed = bool(compressed)
        self.update(artifact)

    def update(self, artifact: Any) -> None:
        """Show another value.

        Parameters
        ----------
        artifact : object
            Anything.
        """
        self._row = artifact_row(self._name, artifact, self._compressed, asks=True)

    def render(self) -> dict[str, Any]:
        """An ``artifacts`` node with one row."""
        return {"type": "artifacts", "data": [self._row]}
