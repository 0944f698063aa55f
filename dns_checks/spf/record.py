"""An SPF record as values: terms in their order, with the text that each was read from.

Reading text is `parsing`; asking the DNS is `evaluation`.
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

from dns_checks.spf.macros import MacroString


class Verdict(StrEnum):
    """The results of RFC 7208 section 2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105 - a word of the RFC
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


QUALIFIERS = {"+": Verdict.PASS, "-": Verdict.FAIL, "~": Verdict.SOFTFAIL, "?": Verdict.NEUTRAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class All:
    """Everything (section 5.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Include:
    """Whatever passes by another domain's record (section 5.2)."""

    domain: MacroString


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The addresses of a name (section 5.3)."""

    domain: MacroString | None
    """None is the domain whose record this is."""
    bits4: int = 32
    bits6: int = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchangers:
    """The addresses of a name's mail exchangers (section 5.4)."""

    domain: MacroString | None
    bits4: int = 32
    bits6: int = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Addresses whose validated name ends in the domain (section 5.5, "do not use")."""

    domain: MacroString | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A range, of `ip4` or `ip6` (section 5.6)."""

    network: IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Exists:
    """Whatever makes this name have an A record (section 5.7)."""

    domain: MacroString


Mechanism: TypeAlias = All | Include | Address | Exchangers | Pointer | Network | Exists


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """A mechanism and what a match of it means."""

    text: str
    verdict: Verdict
    mechanism: Mechanism

    @property
    def asks(self) -> bool:
        """Whether it is one of the terms that the limit of ten counts (section 4.6.4)."""
        return not isinstance(self.mechanism, All | Network)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One `v=spf1` record."""

    directives: tuple[Directive, ...]
    redirect: MacroString | None = None
    explanation: MacroString | None = None
    """The name where the explanation is (`exp=`)."""
