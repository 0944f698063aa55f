"""Which network an address is on, as far as an outage is concerned. Nothing is asked."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

_IPV4 = 4
_BITS = {_IPV4: 24, 6: 48}

Network = IPv4Network | IPv6Network


def network_of(address: str) -> Network:
    """The /24 or /48 around it: what is usually announced, and lost, together."""
    exact = ip_network(address)
    return exact.supernet(new_prefix=_BITS[exact.version])


def networks_of(addresses: Iterable[str]) -> frozenset[Network]:
    """Each network once."""
    return frozenset(map(network_of, addresses))


def stand_apart(ours: Iterable[str], theirs: Iterable[str]) -> bool:
    """Whether the second addresses are still there when the networks of the first are lost.

    Where the first have IPv4 only IPv4 counts: few senders can use IPv6 alone.
    """
    lost, left = networks_of(ours), networks_of(theirs)
    four = any(each.version == _IPV4 for each in lost)
    return any(each.version == _IPV4 or not four for each in left - lost)
