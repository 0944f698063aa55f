"""Who sends: the address, the sender and the names that SPF's macros speak of.

Only values are here; the one macro that needs the DNS (`p`) is `pointers`' business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType
from typing import Self

from dns_checks.spf.macros import address_as_name

_LONGEST_LABEL = 63
_LONGEST_NAME = 253


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One message's sender as SPF sees it."""

    address: IPv4Address | IPv6Address
    """An IPv4 address in IPv6's clothes is an IPv4 address (section 5)."""
    domain: str
    """The domain whose record is asked for, unless another is named."""
    values: Mapping[str, str]
    """What the macros stand for, except `d` and `p`."""

    @classmethod
    def of(cls, address: IPv4Address | IPv6Address, sender: str, helo: str, *, receiver: str, now: float) -> Self:
        """An empty `sender` is a bounce: `postmaster` of `helo` (sections 2.4 and 4.3)."""
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        local, _, domain = sender.rpartition("@")
        domain = _in_ascii((domain or helo).removesuffix("."))
        values = {
            "s": f"{local or 'postmaster'}@{domain}",
            "l": local or "postmaster",
            "o": domain,
            "i": address_as_name(address),
            "v": "in-addr" if isinstance(address, IPv4Address) else "ip6",
            "h": helo,
            "c": str(address),
            "r": receiver,
            "t": str(int(now)),
        }
        return cls(address=address, domain=domain, values=MappingProxyType(values))


def is_askable(name: str) -> bool:
    """Whether a DNS question can be made of the name."""
    return len(name) <= _LONGEST_NAME and all(0 < len(label) <= _LONGEST_LABEL for label in name.split("."))


def is_mail_domain(name: str) -> bool:
    """Whether it may be a mail domain at all (section 4.3): askable, of two labels or more, no address literal."""
    return is_askable(name) and "." in name and not name.startswith("[")


def _in_ascii(domain: str) -> str:
    """A-labels for U-labels (section 4.3); what cannot be one stays as it is and will not be found."""
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain
