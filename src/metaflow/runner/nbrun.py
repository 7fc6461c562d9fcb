"""``NBRunner``: runs a flow that is written in a cell of a notebook."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..exception import MetaflowException
from .metaflow_runner import Runner
from .notebook_cell import environment_of_notebook, in_notebook, write_flow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..client import Run


class NBRunnerInitializationError(MetaflowException):
    """``NBRunner`` was used outside of a notebook."""

    headline = "NBRunner can only be used in a notebook"


class NBRunner(Runner):
    """Runs a flow that is defined in a cell of this notebook.

    The cell is run on its own: all that the flow uses, imports included, has to be in it. The flow works in the
    notebook's directory, and finds the modules and the results there.

    Parameters
    ----------
    flow : type
        The flow's class.
    show_output, profile, env, file_read_timeout, **kwargs
        As for :class:`Runner`.
    base_dir : str or path, optional
        Directory for the file that the cell is written to; one for temporary files if not given.

    Raises
    ------
    NBRunnerInitializationError
        If this is no notebook.
    ValueError
        If the class was not defined in a cell.

    Examples
    --------
    >>> run = NBRunner(Train).nbrun(alpha=0.1)
    >>> run.data.loss
    0.03
    """

    _FILE_IS_LASTING = False

    def __init__(
        self,
        flow: type,
        show_output: bool = True,
        profile: str | None = None,
        env: Mapping[str, str] | None = None,
        base_dir: str | os.PathLike[str] | None = None,
        file_read_timeout: float = 3600,
        **kwargs: Any,
    ) -> None:
        if not in_notebook():
            raise NBRunnerInitializationError(
                "NBRunner takes a flow from a cell of a notebook, but this program is not run by IPython. For a flow "
                "in a file there is Runner('flow.py')."
            )
        path = write_flow(flow, base_dir)
        try:
            super().__init__(
                path, show_output, profile, environment_of_notebook(env), os.getcwd(), file_read_timeout, **kwargs
            )
        except MetaflowException as error:
            os.unlink(path)
            error.message += _HINT
            error.args = (error.message,)
            raise
        except BaseException:
            os.unlink(path)
            raise

    def nbrun(self, **kwargs: Any) -> Run:
        """Run the flow, wait for its end, and clean up.

        Parameters
        ----------
        **kwargs
            As for :meth:`Runner.run`.

        Returns
        -------
        Run
            The run, which may have failed.
        """
        try:
            return self.run(**kwargs).run
        finally:
            self.cleanup()

    def nbresume(self, **kwargs: Any) -> Run:
        """Resume a run, wait for the end, and clean up.

        Parameters
        ----------
        **kwargs
            As for :meth:`Runner.resume`.

        Returns
        -------
        Run
            The new run, which may have failed.
        """
        try:
            return self.resume(**kwargs).run
        finally:
            self.cleanup()

    def cleanup(self) -> None:
        """End all that was started here and still runs, and remove the flow's file."""
        super().cleanup()
        if os.path.exists(self.flow_file):
            os.unlink(self.flow_file)


_HINT = (
    "\nThe cell of the flow is run on its own, without the rest of the notebook: all that the flow uses, imports "
    "included, has to be in that cell."
)
