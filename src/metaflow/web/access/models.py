"""What the web app's own routes give; records themselves are described by :mod:`metaflow.server.models`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from metaflow.server.models import Model


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


class SignIn(Model):
    """What lets somebody in."""

    token: Annotated[str, Field(min_length=1, max_length=1000, description="a token, or a code that stands for one")]
