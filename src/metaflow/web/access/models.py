"""What the web app's own routes give; records themselves are described by :mod:`metaflow.server.models`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from metaflow.server.models import Model


class ArrivingRuns(Model):
    """Runs of other machines, where the datastore is behind a network."""

    read: Annotated[int | None, Field(description="how many new ones were read so far; null if there are none")]
    total: Annotated[int | None, Field(description="how many there are to read")]
    problem: Annotated[str | None, Field(description="why they cannot be looked for at the moment")]


class AppFacts(Model):
    """What a page must know before it shows anything."""

    version: Annotated[str, Field(description="version of the package")]
    place: Annotated[str, Field(description="where the records are, for people")]
    mode: Annotated[Literal["project", "team"], Field(description="on a project's own store, or a team's service")]
    user: Annotated[str, Field(description="as whom actions are recorded")]
    can_act: Annotated[bool, Field(description="whether the one who asks may change anything")]
    can_start: Annotated[bool, Field(description="whether flows can be started and runs resumed from here")]
    can_sign_out: Annotated[bool, Field(description="whether whoever asks has shown a token")]
    read_only: Annotated[bool, Field(description="whether nobody may change anything here")]
    arriving: Annotated[ArrivingRuns | None, Field(description="null where nothing comes from other machines")]


class SignIn(Model):
    """What lets somebody in."""

    token: Annotated[str, Field(min_length=1, max_length=1000, description="a token, or a code that stands for one")]
