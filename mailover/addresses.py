"""Which addresses a request to somebody else's URL may go to. No name is resolved and no socket is opened here."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_CARRIERS = tuple(ipaddress.IPv6Network(each) for each in ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96"))
"""Whose last 32 bits are an IPv4 address: of NAT64, of SIIT, and the IPv4-compatible ones of old."""
_OUR_OWN = tuple(
    ipaddress.ip_network(each)
    for each in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7")
)
"""What `private` opens. Link-local is not among them: a cloud's metadata lives there."""
_LOOPBACK = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far a request may go: public addresses by https, and what is opened besides, by plain http too."""

    allow: tuple[Network, ...] = ()
    private: bool = False
    """Loopback and private networks."""

    def refusal(self, address: str, *, encrypted: bool) -> str | None:
        """Why this very address must not be dialled, None when it may."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return "its address cannot be read"
        forms = tuple(_forms(ip))
        if any(_within(form, self.allow) for form in forms) or (self.private and _within(forms[-1], _OUR_OWN)):
            return None
        if not all(form.is_global and not form.is_multicast for form in forms):
            return "its address is not public, and nothing allows it"
        return None if encrypted else "plain http is only for addresses that are allowed by name; use https"

    def complaint(self, url: str) -> str | None:
        """What is wrong with a URL already before any name is resolved, None when it may be tried."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return "it is not a web address"
        if parts.scheme not in {"https", "http"} or not host or port == 0:
            return "it is not a web address"
        if parts.username is not None or parts.password is not None or not url.isprintable() or " " in url:
            return "it has no place for a name, a password or a blank"
        if not url.isascii():
            return "it goes over the wire as ASCII: write its host as xn--..., the rest with %"
        encrypted = parts.scheme == "https"
        try:
            ipaddress.ip_address(host)
        except ValueError:
            if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
                return "its host is neither a name nor an address in its usual form"
            return None if encrypted or self.private or self.allow else "it must begin with https://"
        return self.refusal(host, encrypted=encrypted)


def reach_of(url: str, *, private: bool) -> Reach:
    """How far a URL of the config may go: an address of our own that stands in it is meant, since it cannot change.

    A name can, so that what it leads to is opened only by `private`.
    """
    host = urlsplit(url).hostname or ""
    named = _LOOPBACK if host == "localhost" else (host,)
    try:
        found = [ipaddress.ip_address(each) for each in named]
    except ValueError:
        return Reach(private=private)
    allow = tuple(ipaddress.ip_network(ip) for ip in found if _within(tuple(_forms(ip))[-1], _OUR_OWN))
    return Reach(allow=allow, private=private)


def _forms(ip: _Address) -> Iterable[_Address]:
    """The address, and last the IPv4 address that it stands for, if it does."""
    if not isinstance(ip, ipaddress.IPv6Address):
        yield ip
        return
    inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
    if inner is None and int(ip) > 1 and _within(ip, _CARRIERS):  # :: and ::1 are themselves
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    if inner is None or not ip.ipv4_mapped:  # a mapped address is its IPv4 address, and reserved as itself
        yield ip
    if inner is not None:
        yield inner


def _within(ip: _Address, networks: Iterable[Network]) -> bool:
    return any(ip.version == network.version and ip in network for network in networks)
