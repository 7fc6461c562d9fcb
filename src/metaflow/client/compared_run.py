"""What of a run is compared with other runs, read from where it is kept."""

from __future__ import annotations

from metaflow.client.code import code_of_run
from metaflow.client.run_comparison import Compared
from metaflow.client.run_summary import duration_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaflow.client.provider import Provider
    from metaflow.client.run_summary import StepSummary
    from metaflow.client.run_values import ValueReader
    from metaflow.metadata_store.records import RunRecord


def compared_run(provider: Provider, run: RunRecord, values: ValueReader, steps: Sequence[StepSummary]) -> Compared:
    """Read what a run is compared by.

    Parameters
    ----------
    provider : Provider
        Where to read.
    run : RunRecord
    values : ValueReader
        Reads its parameters and results.
    steps : sequence of StepSummary
        Its steps, which a metadata store may count faster than anybody who reads every task.

    Raises
    ------
    DataException
        Its code cannot be read.
    """
    return Compared(
        run,
        duration_of(run),
        values.parameters_of(run),
        values.results_of(run),
        steps,
        file_hashes(provider, run),
    )


def file_hashes(provider: Provider, run: RunRecord) -> dict[str, str] | None:
    """Hash of each file of a run's code by its path; None if its code was not recorded.

    Raises
    ------
    DataException
        The code cannot be read.
    """
    code = code_of_run(provider, run.flow, run.run_id)
    if code is None:
        return None
    from blake3 import blake3

    return {name: blake3(content).hexdigest() for name, content in sorted(code.files.items())}
