"""Tokens by which viewers of a live card tell that they have to load the whole page anew."""

from __future__ import annotations

#: Numbers of renderings that each attempt of a task has for itself, so that a retry's tokens are new.
_RENDERINGS_OF_ATTEMPT = 1_000_000


class ReloadTokens:
    """Gives each page that is stored a token that no earlier page of the card had.

    It is what the card's type says (``"never"``, or a text of its own) where that is new, else ``render-seq-N``.

    Parameters
    ----------
    attempt : int
        Number of the task's attempt, from 0.
    """

    def __init__(self, attempt: int) -> None:
        self._attempt = attempt
        self._sequence = attempt * _RENDERINGS_OF_ATTEMPT
        self._used: set[str] = set()

    @property
    def sequence(self) -> int:
        """Number of the rendering at hand."""
        return self._sequence

    def following(self) -> ReloadTokens:
        """Tokens that go on from here, whatever is still done with these."""
        following = ReloadTokens(self._attempt)
        following._sequence = self._sequence
        following._used = set(self._used)
        return following

    def next_rendering(self) -> None:
        """Another rendering begins."""
        self._sequence += 1

    def token(self, wanted: str) -> str:
        """The token of a page that is to be stored now.

        Parameters
        ----------
        wanted : str
            What the card's type would have it be; empty if it does not say.
        """
        numbered = f"render-seq-{self._sequence}"
        if not wanted:
            chosen = numbered
        elif self._attempt == 0 and wanted not in self._used:
            chosen = wanted
        else:
            chosen = numbered if wanted == "never" else f"{wanted}-{numbered}"
        self._used.add(chosen)
        return chosen
