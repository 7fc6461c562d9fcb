"""Saved views, as they go through the interface."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from metaflow.server.models import Model

ViewName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$"),
    Field(description="in one line"),
]


class NewView(Model):
    """A view to be saved."""

    name: ViewName
    search: Annotated[str, Field(max_length=4000, description="the part of its address behind the question mark")]
    replace: Annotated[bool, Field(description="take the place of the one of the same name")] = False


class SavedView(Model):
    """A view of the list of runs that somebody saved."""

    name: str
    search: str
    user: Annotated[str, Field(description="who saved it; empty if nobody knows")]
    saved_at: float


class SavedViews(Model):
    """All saved views, by name."""

    views: list[SavedView]


class ViewDeleted(Model):
    """A view is gone."""

    name: str
