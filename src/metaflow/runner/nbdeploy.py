"""``NBDeployer``: deploys a flow that is written in a cell of a notebook."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..exception import MetaflowException
from .deployer import Deployer
from .notebook_cell import environment_of_notebook, in_notebook, write_flow

if TYPE_CHECKING:
    from collections.abc import Mapping


class NBDeployerInitializationError(MetaflowException):
    """``NBDeployer`` was used outside of a notebook."""

    headline = "NBDeployer can only be used in a notebook"


class NBDeployer(Deployer):
    """Deploys a flow that is defined in a cell of this notebook.

    The cell is taken on its own: all that the flow uses, imports included, has to be in it.

    Parameters
    ----------
    flow : type
        The flow's class.
    show_output, profile, env, file_read_timeout, **kwargs
        As for :class:`Deployer`.
    base_dir : str or path, optional
        Directory for the file that the cell is written to; one for temporary files if not given.

    Raises
    ------
    NBDeployerInitializationError
        If this is no notebook.
    ValueError
        If the class was not defined in a cell.
    """

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
            raise NBDeployerInitializationError(
                "NBDeployer takes a flow from a cell of a notebook, but this program is not run by IPython. For a flow "
                "in a file there is Deployer('flow.py')."
            )
        path = write_flow(flow, base_dir)
        try:
            super().__init__(
                path, show_output, profile, environment_of_notebook(env), os.getcwd(), file_read_timeout, **kwargs
            )
        except BaseException:
            os.unlink(path)
            raise

    def cleanup(self) -> None:
        """Remove the flow's file. What was deployed stays."""
        super().cleanup()
        if os.path.exists(self.flow_file):
            os.unlink(self.flow_file)
