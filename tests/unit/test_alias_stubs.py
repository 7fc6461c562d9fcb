"""Modules that are made when they are imported have stub files, because type checkers import nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import metaflow
from metaflow.import_aliases import ALIASES

SOURCE = Path(metaflow.__file__).parent


def stub_of(module: str) -> Path:
    place = SOURCE.joinpath(*module.split(".")[1:])
    is_package = any(other.startswith(f"{module}.") for other in ALIASES)
    return place / "__init__.pyi" if is_package else place.with_suffix(".pyi")


def imports_in(stub: Path) -> set[str]:
    statements = ast.parse(stub.read_text()).body
    assert all(isinstance(statement, ast.ImportFrom) for statement in statements), stub
    return {
        f"from {statement.module} import {name.name} as {name.asname or name.name}"
        for statement in statements
        if isinstance(statement, ast.ImportFrom)
        for name in statement.names
    }


@pytest.mark.parametrize("module", ALIASES)
def test_the_stub_names_the_same(module: str) -> None:
    names = ALIASES[module]
    if isinstance(names, str):
        expected = {f"from {names} import * as *"}
    else:
        targets = {name: target.partition(":") for name, target in names.items()}
        expected = {f"from {where} import {attribute} as {name}" for name, (where, _, attribute) in targets.items()}
    assert imports_in(stub_of(module)) == expected
