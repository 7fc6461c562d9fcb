"""Files that a distributed program leaves behind, brought to where they last."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ..exception import GangException

if TYPE_CHECKING:
    from ..flow.parallel_node import Parallel


class _Files(NamedTuple):
    """The run whose files are meant."""

    pathspec: str


class ResultsDirectory:
    """A directory of this node, and where its files go when the program is over.

    Everything that can be wrong with these is found when it is made: before the program runs, not days later.

    Parameters
    ----------
    local : str or None
        The directory.
    cloud : str or None
        An address, such as ``s3://bucket/prefix``, or a path below that of the run's files. By default it is the name
        of the step and that of the directory.
    node : Parallel or None
        Which node this is, if each of several nodes has files of its own: then they go to ``node-0``, ``node-1``, ...
        there.

    Raises
    ------
    GangException
        If there is nothing to push.
    MetaflowS3URLException
        If the address is none.
    """

    def __init__(self, local: str | None, cloud: str | None, node: Parallel | None) -> None:
        if not local:
            raise GangException("push_results_dir_to_cloud=True pushes a directory: say which with local_output_dir.")
        self._local = os.path.abspath(local)
        root = cloud if cloud and "://" in cloud else self._below_the_run(cloud)
        self._node = node if node is not None and node.num_nodes > 1 else None
        self.address = root.rstrip("/") + (f"/node-{self._node.node_index}" if self._node else "")
        from ..datatools.kinds import open_data

        with open_data(self.address):
            pass  # an address that is none is found out here

    def push(self) -> str | None:
        """Upload all files, and print where they are.

        Returns
        -------
        str or None
            The address of the directory; None if it has no files.
        """
        from ..datatools.kinds import open_data

        files = [
            (os.path.relpath(path, self._local).replace(os.sep, "/"), path)
            for folder, _, names in os.walk(self._local)
            for name in names
            if os.path.isfile(path := os.path.join(folder, name))
        ]
        where = f" on node {self._node.node_index}" if self._node else ""
        if not files:
            print(f"There are no results to push in {self._local}{where}.")  # noqa: T201
            return None
        with open_data(self.address) as data:
            data.put_files(sorted(files))
        print(f"The results in {self._local}{where} ({len(files)} files) were pushed to {self.address}")  # noqa: T201
        return self.address

    def _below_the_run(self, cloud: str | None) -> str:
        from .. import settings
        from ..client.home import home_of_run
        from ..datastore.location import kind_of
        from ..datatools.address import CLASSES, root_of_run
        from ..flow.current import current

        home = home_of_run()
        kind = "" if home is None else kind_of(home.location).replace("local", "file")
        if not current.is_running_flow or home is None or kind not in CLASSES:
            raise GangException(
                "Where to push the results is not known outside of a run: give cloud_output_dir a complete address, "
                "such as s3://bucket/prefix."
            )
        run = _Files(f"{current.flow_name}/{current.run_id}")
        folder = (cloud or f"{current.step_name}/{os.path.basename(self._local)}").strip("/")
        name = "LOCAL" if kind == "file" else kind.upper()
        if settings.get(f"DATATOOLS_{name}ROOT") or settings.get(f"DATASTORE_SYSROOT_{name}"):
            root = root_of_run(kind, None, None, run)
        else:  # no place for files of runs is configured: they go where the run itself is
            location = home.location.rstrip("/") if kind != "file" else f"file://{home.location}"
            root = f"{location}/{settings.get('DATATOOLS_SUFFIX')}/{run.pathspec}"
        return f"{root}/{folder}"
