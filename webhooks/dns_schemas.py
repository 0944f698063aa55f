"""The shapes of what is asked and told about DNS; those of everything else are in `asked` and `schemas`."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from webhooks.asked import Asked
from webhooks.schemas import Instant, Told

Domain = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=253)]
Verdict = Literal["both", "dkim_only", "spf_only", "none", "unknown"]


class DnsQuery(BaseModel):
    """Which part of it."""

    domain: str | None = Field(None, max_length=253, description="Only this domain.")
    history: bool = Field(False, description="With each record as it changed.")


class DnsCheck(Asked):
    """What to check now."""

    domains: list[Domain] = Field([], max_length=100, description="Of those that are watched; none means all.")


class DnsRecord(Told):
    """One record as it was answered."""

    name: str
    type: str
    value: str


class DnsFinding(Told):
    """One thing that a check has to say."""

    check: str
    verdict: str
    severity: Literal["info", "warning", "critical"] | None = Field(description="Null: as it should be.")
    because: str
    records: list[DnsRecord]
    advice: str | None = Field(description="What to do, to the letter where there is a record to publish.")


class AddressFinding(DnsFinding):
    """What a blocklist says of an address of one's own."""

    address: str


class DnsCell(Told):
    """One domain's mail through one provider."""

    domain: str
    provider: str
    verdict: Verdict = Field(description="By what the mail passes DMARC.")
    because: str
    envelope: str | None = Field(description="The domain that SPF is checked on, where it is known.")
    coverage: Literal["pass", "partial", "missing", "shadowed", "permerror", "unknown"] | None
    lookups_total: int = Field(description="DNS lookups of 10 that the whole SPF record costs.")
    lookups_used: int = Field(description="Those spent until the last of this provider's addresses passed.")
    findings: list[DnsFinding]


class DnsDomain(Told):
    """What holds of a domain whoever sends."""

    domain: str
    findings: list[DnsFinding]


class DnsReport(Told):
    """What one run of checks found."""

    cells: list[DnsCell]
    domains: list[DnsDomain]
    addresses: list[AddressFinding]


class DnsStandingBody(Told):
    """What holds until more is known."""

    domain: str
    provider: str | None = Field(description="Null: the domain's own DNS, `both` or `none` whoever sends.")
    verdict: Verdict = Field(description="The last known one.")
    because: str
    known_at: Instant | None
    heard_at: Instant
    silent_since: Instant | None = Field(description="Since when the DNS has given no answer.")
    broken: bool = Field(description="Whether people were told.")


class DnsChange(Told):
    """A record's values from an instant on; none means that it was gone."""

    at: Instant
    values: list[str]


class DnsHistory(Told):
    """One record as it changed, oldest first."""

    name: str
    type: str
    changes: list[DnsChange]


class DnsStatus(DnsReport):
    """Everything that is known of the DNS."""

    checked_at: Instant | None = Field(description="Null before the first check.")
    standings: list[DnsStandingBody]
    history: list[DnsHistory]
