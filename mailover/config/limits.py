"""How often the API may be called. Shape only; the counting is `webhooks.limits`'s business."""

from pydantic import Field

from mailover.config.fields import Table


class LimitsSettings(Table):
    """How often one caller may call, a sixth of a minute's calls at once; 0 is no limit. Reading is not limited."""

    reports_per_minute: int = Field(1200, ge=0, le=1_000_000)
    """Reports of sends and arrivals by one token."""
    changes_per_minute: int = Field(600, ge=0, le=1_000_000)
    """Calls by one token that change or test something."""
    failed_logins_per_minute: int = Field(300, ge=0, le=1_000_000)
    """Calls from one address without a good token or signature; those with one go on."""
