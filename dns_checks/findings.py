"""What a DNS check found: one sentence for people, the records it rests on, and what to do about it.

Values only, the same for every check. Nothing is asked or judged here, and no check's own words are listed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from dns_checks.answers import Answer, Found, Kind, Mx, R, Soa, Srv, Tlsa, Unknown
from mailover.core.events import Severity

UNKNOWN = "unknown"
"""The verdict of every check that got no usable answer. It is never ground for an alert by itself."""
_LONGEST_VALUE = 4096


class Check(StrEnum):
    """What was looked at."""

    SPF = "spf"
    COVERAGE = "coverage"
    RETURN_PATH = "return_path"
    DKIM = "dkim"
    DMARC = "dmarc"
    ALIGNMENT = "alignment"
    MX = "mx"
    AUTHORITY = "authority"
    BLOCKLIST = "blocklist"
    MTA_STS = "mta_sts"
    TLS_RPT = "tls_rpt"
    DANE = "dane"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One record as it was answered, in the manner of a zone file."""

    name: str
    kind: str
    value: str
    """Without control characters, at most 4096 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a check has to say."""

    domain: str
    """The domain it was made for, in lower case; for a blocklist the address that it may list."""
    provider: str | None = None
    """None where the finding does not depend on a provider."""
    check: Check
    verdict: str
    """One word of the check's own, `unknown` in all of them when the DNS gave no usable answer."""
    severity: Severity | None = None
    """None: as it should be. `info`: worth knowing. `warning`: works, or is unknown. `critical`: mail suffers."""
    because: str
    records: tuple[Seen, ...] = ()
    advice: str | None = None
    """What to do, to the letter where there is a record to publish."""

    @property
    def good(self) -> bool:
        """Whether nothing needs doing."""
        return self.severity is None or self.severity is Severity.INFO


def seen_in(name: str, kind: Kind[R], answer: Answer[R]) -> tuple[Seen, ...]:
    """The records of an answer, the aliases that led to them first."""
    aliases = () if isinstance(answer, Unknown) else answer.aliases
    owners = (name, *aliases)
    links = tuple(Seen(name=owner, kind="CNAME", value=to) for owner, to in zip(owners, aliases, strict=False))
    values = answer.records if isinstance(answer, Found) else ()
    return links + tuple(Seen(name=owners[-1], kind=kind.name, value=written(value)) for value in values)


def written(record: object) -> str:
    """A record's value as a zone file writes it, without quotes around text."""
    match record:
        case Mx(preference=preference, host=host):
            text = f"{preference} {host or '.'}"
        case Soa(primary=primary, contact=contact, serial=serial):
            text = f"{primary} {contact} {serial} {record.refresh} {record.retry} {record.expire} {record.minimum}"
        case Srv(priority=priority, weight=weight, port=port, host=host):
            text = f"{priority} {weight} {port} {host or '.'}"
        case Tlsa(usage=usage, selector=selector, matching=matching, data=data):
            text = f"{usage} {selector} {matching} {data}"
        case _:
            text = str(record)
    return printable(text)


def printable(text: str, longest: int = _LONGEST_VALUE) -> str:
    """What somebody else wrote, fit to be shown: no control characters, and not longer than it may be."""
    shown = text if len(text) <= longest else text[: longest - 1] + "…"
    return "".join(char if char.isprintable() else "?" for char in shown)


def worst(findings: Iterable[Finding]) -> Severity | None:
    """The gravest severity among them."""
    order = (None, *Severity)
    return max((finding.severity for finding in findings), key=order.index, default=None)
