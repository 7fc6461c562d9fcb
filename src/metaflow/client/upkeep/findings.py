"""What a check of a datastore finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from typing import TypeAlias

    #: ``lost``: something that was saved cannot be had any more. ``wrong``: nothing is lost, but something does not
    #: say what it should, which can be repaired. ``litter``: nobody needs it.
    Severity: TypeAlias = Literal["lost", "wrong", "litter"]

SEVERITIES: tuple[Severity, ...] = ("lost", "wrong", "litter")


class Finding(NamedTuple):
    """One thing that is not as it should be.

    Attributes
    ----------
    severity : str
    what : str
        The object or file that it is about.
    problem : str
        What is wrong with it.
    affected : tuple of str
        Pathspecs of the runs, tasks or artifacts that it matters to.
    advice : str
        What to do.
    repaired : bool
        Whether that was done.
    """

    severity: Severity
    what: str
    problem: str
    affected: tuple[str, ...] = ()
    advice: str = ""
    repaired: bool = False


class Report(NamedTuple):
    """What a check found.

    Attributes
    ----------
    findings : tuple of Finding
        The gravest first.
    runs, tasks, chunks : int
        How many runs, finished attempts of tasks, and chunks were looked at.
    size : int
        Bytes of these chunks.
    hashed : int
        Chunks that were read, and compared with their hashes.
    """

    findings: tuple[Finding, ...]
    runs: int
    tasks: int
    chunks: int
    size: int
    hashed: int

    @property
    def is_lost(self) -> bool:
        """Whether something that was saved cannot be had any more."""
        return any(finding.severity == "lost" for finding in self.findings)
