"""What completion reads from the source of a flow, without running it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from metaflow.flow.declaration import FlowDeclaration
from metaflow.runner.flow_outline import outline

NEVER_RUN = "raise SystemExit('this module was run')\n"


def write(directory: Path, name: str, source: str) -> str:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(NEVER_RUN + textwrap.dedent(source))
    return str(path)


def choices(path: str) -> dict[str, tuple[str, ...]]:
    flow = outline(path)
    assert flow is not None
    return {p.name: p.value_type.choices for p in FlowDeclaration(flow).parameters.values()}


def test_parameters_with_their_choices(tmp_path: Path) -> None:
    write(tmp_path, "colours.py", "class Colour(enum.Enum):\n    RED = 1\n    GREEN = 2\n")
    path = write(
        tmp_path,
        "flow.py",
        """
        from colours import Colour
        import colours as other
        from somewhere import unknown
        class Size(IntEnum):
            SMALL = 1
        class F(FlowSpec):
            plain = Parameter("plain", "text", str)
            solver: str = Parameter("the-solver", type=Literal["adam", "sgd"], default="adam")
            number = Parameter(name="number", type=typing.Literal[1, 2])
            click = Parameter("click", type=click.Choice(["a", "b"]))
            colour = Parameter("colour", type=Colour)
            default = Parameter("default", default=other.Colour.RED)
            size = Parameter("size", type=Size, multiple=True)
            computed = Parameter("computed", default=unknown(), type=unknown)
            wrong = Parameter("wrong", type=int, default="many")
            nameless = Parameter(unknown)
            file = metaflow.IncludeFile("file", parser=unknown)
            constant = 5
        """,
    )
    assert choices(path) == {
        "plain": (),
        "the-solver": ("adam", "sgd"),
        "number": ("1", "2"),
        "click": ("a", "b"),
        "colour": ("RED", "GREEN"),
        "default": ("RED", "GREEN"),
        "size": ("SMALL",),
        "computed": (),
        "wrong": (),
        "file": (),
    }


def test_bases_in_other_modules(tmp_path: Path) -> None:
    write(tmp_path, "package/__init__.py", "from .deep.base import Base as Exported\n")
    write(
        tmp_path,
        "package/deep/base.py",
        """
        from ..mixins import Mixin
        @project(name="my_project")
        class Base(Mixin, metaflow.FlowSpec):
            base = Parameter("base")
            replaced = Parameter("replaced")
            @retry
            @step
            def start(self): ...
        """,
    )
    write(tmp_path, "package/mixins.py", "class Mixin:\n    mixed = Parameter('mixed')\n")
    path = write(
        tmp_path,
        "flow.py",
        """
        import package
        from package import Exported
        class Middle(Exported): ...
        @metaflow.schedule(hourly=True)
        @trigger(event=unknown())
        class F(Middle):
            replaced = Parameter("new-name")
            @step(end=True)
            async def last(self): ...
            def helper(self): ...
        """,
    )
    flow = outline(path)
    assert flow is not None and flow.__name__ == "F"
    declaration = FlowDeclaration(flow)
    assert [p.name for p in declaration.parameters.values()] == ["mixed", "base", "new-name"]
    assert list(declaration.steps) == ["start", "last"]
    assert {decorator.name for decorator in declaration.decorators} == {"project", "schedule"}


def test_the_flow_that_the_file_starts_is_meant(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "flow.py",
        """
        class A(FlowSpec): ...
        class B(FlowSpec): ...
        class C(FlowSpec): ...
        class NoFlow: ...
        if __name__ == "__main__":
            B()
        """,
    )
    assert outline(path).__name__ == "B"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "source",
    [
        "x = 1",
        "class A: ...",
        "def broken(:",
        "class A(B): ...\nclass B(A): ...",
        "from flow import A\nclass A(A): ...",
        "from no_such_module_anywhere import Base\nclass A(Base): ...",
        "from numpy import ndarray\nclass A(ndarray): ...",
    ],
)
def test_files_without_a_flow(tmp_path: Path, source: str) -> None:
    assert outline(write(tmp_path, "flow.py", source)) is None
    assert outline(str(tmp_path / "nope.py")) is None
