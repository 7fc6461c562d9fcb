"""What an import did, and what it could not do."""

from __future__ import annotations

from typing import Any, NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    RunOutcome = Literal["new", "updated", "unchanged", "kept", "failed"]

OUTCOMES: tuple[RunOutcome, ...] = ("new", "updated", "unchanged", "kept", "failed")


class Problem(NamedTuple):
    """Something that was left out.

    Attributes
    ----------
    where : str
        The run, task or artifact, as a pathspec, with more words if they help.
    what : str
        What is wrong with it.
    """

    where: str
    what: str


class RunReport(NamedTuple):
    """What happened to one run.

    Attributes
    ----------
    flow, run_id : str
    outcome : str
        ``new``, ``updated`` (tasks or tags were added or changed), ``unchanged``; ``kept`` if our own store has a run
        of that id which was not imported; ``failed`` if nothing could be read of it.
    tasks : int
        Tasks that were written.
    problems : tuple of Problem
        What was left out.
    """

    flow: str
    run_id: str
    outcome: RunOutcome
    tasks: int = 0
    problems: tuple[Problem, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "flow": self.flow,
            "run_id": self.run_id,
            "outcome": self.outcome,
            "tasks": self.tasks,
            "problems": [problem._asdict() for problem in self.problems],
        }


class ImportReport(NamedTuple):
    """What an import did.

    Attributes
    ----------
    source, root : str
        The folder that was read, and the datastore that was written to.
    dry_run : bool
        Whether nothing was written.
    runs : tuple of RunReport
        One for each run that was looked at, by flow and run id.
    """

    source: str
    root: str
    dry_run: bool
    runs: tuple[RunReport, ...]

    @property
    def problems(self) -> list[Problem]:
        """All that was left out."""
        return [problem for run in self.runs for problem in run.problems]

    def count(self, outcome: RunOutcome) -> int:
        """How many runs came out like that."""
        return sum(run.outcome == outcome for run in self.runs)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "source": self.source,
            "datastore_root": self.root,
            "dry_run": self.dry_run,
            "counts": {
                **{outcome: self.count(outcome) for outcome in OUTCOMES},
                "tasks": sum(run.tasks for run in self.runs),
                "problems": len(self.problems),
            },
            "runs": [run.to_dict() for run in self.runs],
        }
