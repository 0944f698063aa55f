"""The table about DNS: which domains, what is special about an account at a provider, how often and how thoroughly.

Shape only; what it means to the checks is `dns_needs`' business.
"""

from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Self

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, field_validator, model_validator

from mailover.config.fields import Domain, Name, PositiveSpan, Table, each_once

_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)


def _network(value: object) -> IPv4Network | IPv6Network:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        return ip_network(value if isinstance(value, str) else "", strict=False)
    except ValueError:
        raise ValueError('must be an address or a network, such as "192.0.2.0/24"') from None


Network = Annotated[IPv4Network | IPv6Network, PlainValidator(_network), PlainSerializer(str, return_type=str)]


class Also(StrEnum):
    """What else to look at than the verdicts of domains and providers."""

    MX = "mx"
    AUTHORITY = "authority"
    TLS = "tls"


class DnsProviderSettings(Table):
    """What is special about an account, where the catalogue does not know it."""

    return_path: Domain | None = None
    """The domain in the envelope of its mail."""
    selectors: Annotated[tuple[str, ...], AfterValidator(each_once("selector"))] = ()
    """The DKIM selectors it signs with."""
    spf_include: Annotated[tuple[Domain, ...], AfterValidator(each_once("domain"))] = ()
    """Domains whose SPF records name where it sends from; one of them is enough."""
    send_ips: Annotated[tuple[Network, ...], AfterValidator(each_once("network"))] = ()
    """Where it sends from, for a relay of your own."""


class DnsSettings(Table):
    """The DNS records that make every provider usable."""

    domains: Annotated[tuple[Domain, ...], AfterValidator(each_once("domain"))] = Field(min_length=1)
    """The sender's domains to watch."""
    interval: PositiveSpan = _HOUR
    """Between two checks; less while a verdict is bad and the records are soon forgotten, but not below 5m."""
    unknown_after: PositiveSpan = 6 * _HOUR
    """How long the DNS may give no answer before that is an alert."""
    also: Annotated[tuple[Also, ...], AfterValidator(each_once("check"))] = (Also.AUTHORITY,)
    """What else to look at: MX, every authoritative name server, MTA-STS and TLS-RPT and DANE."""
    mx: Annotated[tuple[Domain, ...], AfterValidator(each_once("host"))] = ()
    """The mail exchangers that the domains must have, the first choice first."""
    reach: bool = False
    """Whether each mail exchanger is connected to on port 25, too; no mail is sent. It needs "mx" in `also`."""
    relay_addresses: Annotated[tuple[Network, ...], AfterValidator(each_once("address"))] = ()
    """Addresses of your own that send mail, to be looked for in blocklists."""
    providers: dict[Name, DnsProviderSettings] = Field(default_factory=dict)
    """What is special about an account, by the provider's name."""

    @field_validator("interval")
    @classmethod
    def _is_no_burden(cls, interval: timedelta) -> timedelta:
        if interval < _MINUTE:
            raise ValueError("must be at least 1m; records live longer than that")
        return interval

    @model_validator(mode="after")
    def _looks_at_what_it_reaches(self) -> Self:
        if self.reach and Also.MX not in self.also:
            raise ValueError('reach = true needs "mx" in also')
        return self

    @field_validator("relay_addresses")
    @classmethod
    def _are_single(cls, addresses: tuple[IPv4Network | IPv6Network, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
        if any(each.num_addresses > 1 for each in addresses):
            raise ValueError("must be single addresses: blocklists list no networks")
        return addresses
