"""The shapes of what callers are told: they make the OpenAPI document, and tests hold real answers against them.

Here is what every answer is made of, and the few that belong to no subject; each subject has a file of its own.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Told(BaseModel):
    """What callers get."""

    model_config = ConfigDict(extra="forbid")


class Complaint(Told):
    """One part of a request that does not fit."""

    pointer: str | None = Field(None, description="Where in the body, as a JSON pointer.")
    parameter: str | None = Field(None, description="Which query parameter.")
    detail: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Complaint] | None = None


class Heard(Told):
    """Whether somebody was waiting for that message."""

    expected: bool


class Health(Told):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Told):
    """Whether the agent decides, and can write down what it decides."""

    ready: bool
    deciding: bool
    store_writable: bool
    stale_seconds: int | None
