"""The tables about how mail is carried: hours, geography, and as whom it is sent through each provider.

Their shape and the rules within one table, nothing across tables.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from mailover.config.fields import (
    DayHours,
    HeaderName,
    HeaderText,
    Mailbox,
    Names,
    RecipientPattern,
    Table,
    Tag,
    Zone,
    each_once,
)

Tags = Annotated[tuple[Tag, ...], AfterValidator(each_once("tag"))]
Patterns = Annotated[tuple[RecipientPattern, ...], AfterValidator(each_once("domain"))]


class Weekday(StrEnum):
    """The days of the week, Monday first."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class HoursSettings(Table):
    """Hours in which a stream's mail is sent; outside of them it waits."""

    hours: DayHours
    """From and until; an end before the start runs over midnight."""
    days: Annotated[tuple[Weekday, ...], AfterValidator(each_once("day"))] = tuple(Weekday)
    """The weekdays on which the hours start."""
    zone: Zone
    """The time zone of the hours."""

    @field_validator("days")
    @classmethod
    def _some(cls, days: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
        if not days:
            raise ValueError("is empty; leave it out for all seven")
        return days


class PeakHoursSettings(HoursSettings):
    """Hours of the day in which a stream has another order."""

    providers: Names = Field(min_length=1)
    """The order in these hours."""


class GeographySettings(Table):
    """Where mail for some recipients goes; without recipients and tags all mail."""

    recipients: Patterns = ()
    """Recipient domains, such as `example.fr`, or `*.de` for all below it."""
    tags: Tags = ()
    """What applications say of a message, such as `eu`."""
    regions: Tags = ()
    """To providers that are in one of these regions."""
    providers: Names = ()
    """To these providers."""
    only: bool = False
    """To nobody else, even when the mail then has to wait."""

    @field_validator("providers")
    @classmethod
    def _leads_somewhere(cls, providers: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not providers and not info.data.get("regions", True):
            raise ValueError("are missing; say with regions or providers where this mail goes")
        return providers


class IdentitySettings(Table):
    """As whom a stream's mail is sent through one provider, where that differs from the provider's own table."""

    envelope_from: Mailbox | None = None
    """The MAIL FROM."""
    header_from: Mailbox | None = None
    """The address in From."""
    headers: dict[HeaderName, HeaderText] = Field(default_factory=dict)
    """Headers to set on each message."""
