"""``@project``: flows that belong together, and branches in which people do not get into each other's way."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn, TypeVar, overload

from ..flow.flow_decorators import FlowDecorator, attach_to_flow
from ..flow.flow_options import BRANCH, PRODUCTION, FlowOption
from ..flow.run_facts import RunFacts
from ..identity import get_username

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

C = TypeVar("C", bound=type)

_NAME = re.compile(r"[a-z0-9_]+").fullmatch
_MAXIMUM_CHARACTERS = 128


class ProjectBranch(NamedTuple):
    """Where a flow works.

    Attributes
    ----------
    project : str
    branch : str
        ``user.<owner>``, ``test.<branch>``, ``prod`` or ``prod.<branch>``.
    """

    project: str
    branch: str

    @property
    def kind(self) -> str:
        """``user``, ``test`` or ``prod``."""
        return self.branch.partition(".")[0]


class ProjectDecorator(FlowDecorator):
    """Declaration of ``@project``."""

    name: ClassVar[str] = "project"
    defaults: ClassVar[dict[str, Any]] = {"name": None, "branch": None, "production": False}
    options: ClassVar[tuple[FlowOption, ...]] = (BRANCH, PRODUCTION)

    def place(self, options: Mapping[str, Any]) -> ProjectBranch:
        """Project and branch, from the attributes and the options of the command line.

        Raises
        ------
        InvalidDecoratorAttribute
            If a name cannot be one, or attributes and options contradict each other.
        """
        project, branch, production = (self.attributes[name] for name in ("name", "branch", "production"))
        if project is None:
            raise self.error("@project needs a name, as in @project(name='fraud_detection').")
        self._check(project, "name")
        if production not in (True, False):
            raise self.error(f"@project(production={production!r}) should be True or False.")
        if branch is not None:
            self._check(branch, "branch")
        asked = options.get(BRANCH.key)
        if asked is not None:
            self._check(asked, "--branch")
            if branch not in (None, asked):
                raise self.error(
                    f"The flow says @project(branch={branch!r}), and the command line --branch {asked}. Take one of "
                    "them away (METAFLOW_FLOW_BRANCH counts like the option)."
                )
            branch = asked
        if production or options.get(PRODUCTION.key):
            return ProjectBranch(project, f"prod.{branch}" if branch else "prod")
        if branch:
            return ProjectBranch(project, f"test.{branch}")
        return ProjectBranch(project, f"user.{os.environ.get('METAFLOW_OWNER') or get_username()}")

    def _check(self, value: object, what: str) -> None:
        written = f"{what} {value}" if what.startswith("--") else f"@project({what}={value!r})"
        if not isinstance(value, str) or not _NAME(value):
            raise self.error(
                f"{written} cannot be used: the name of a project or a branch consists of lower-case letters a-z, "
                "digits and underscores."
            )
        if len(value) > _MAXIMUM_CHARACTERS:
            raise self.error(f"{written} has {len(value)} characters; at most {_MAXIMUM_CHARACTERS} are allowed.")

    def announcement(self, flow: str, options: Mapping[str, Any]) -> str:
        """Project and branch."""
        place = self.place(options)
        return f"Project: *{place.project}*, Branch: *{place.branch}*"

    def run_facts(self, flow: str, options: Mapping[str, Any]) -> RunFacts:
        """Attributes of ``current``, and a tag each for project and branch."""
        place = self.place(options)
        facts = {
            "project_name": place.project,
            "branch_name": place.branch,
            "project_flow_name": f"{place.project}.{place.branch}.{flow}",
            "is_user_branch": place.kind == "user",
            "is_test_branch": place.kind == "test",
            "is_production": place.kind == "prod",
        }
        return RunFacts(facts, (f"project:{place.project}", f"project_branch:{place.branch}"))


@overload
def project(*, name: str, branch: str | None = ..., production: bool = ...) -> Callable[[C], C]: ...
@overload
def project(f: NoReturn, /) -> NoReturn: ...  # it has to have a name
def project(f: Any = None, **attributes: Any) -> Any:
    """Make the flow part of a project, in which everybody, and each test and production version, has a branch.

    The branch is ``user.<name>`` unless something else is asked for: ``test.<branch>`` with `branch` or ``--branch``,
    ``prod`` with `production` or ``--production``, ``prod.<branch>`` with both. Tasks read it from ``current``
    (`project_name`, `branch_name`, `project_flow_name`, `is_user_branch`, `is_test_branch`, `is_production`), and runs
    have the tags ``project:<name>`` and ``project_branch:<branch>``.

    Parameters
    ----------
    name : str
        Name of the project: lower-case letters, digits and underscores, at most 128.
    branch : str, optional
        Name of the branch, of the same kind.
    production : bool, default False
        Whether this is the project's production version.
    """
    return attach_to_flow(ProjectDecorator, f, attributes)
