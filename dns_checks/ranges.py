"""Sets of addresses as disjoint ranges of one family, and what can be done with them. No record is read here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    summarize_address_range,
)
from typing import Self, TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address


class Family(IntEnum):
    """An address family, by its version number."""

    V4 = 4
    V6 = 6

    @property
    def bits(self) -> int:
        """The length of an address."""
        return 32 if self is Family.V4 else 128

    def address(self, number: int) -> Address:
        """The address with this number."""
        return IPv4Address(number) if self is Family.V4 else IPv6Address(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """A set of addresses of one family."""

    family: Family
    spans: tuple[tuple[int, int], ...] = ()
    """First and last address of each range, in order, neither touching nor overlapping."""

    @classmethod
    def everything(cls, family: Family) -> Self:
        """Every address of the family."""
        return cls(family=family, spans=((0, 2**family.bits - 1),))

    @classmethod
    def of(cls, family: Family, networks: Iterable[Network]) -> Self:
        """The addresses of those networks that are of the family."""
        fitting = (each for each in networks if each.version == family)
        spans = [(int(each.network_address), int(each.broadcast_address)) for each in fitting]
        return cls(family=family, spans=_merged(sorted(spans)))

    def __bool__(self) -> bool:
        """Whether there is any address in it."""
        return bool(self.spans)

    def __contains__(self, address: Address) -> bool:
        """Whether the address is one of them."""
        number = int(address)
        return address.version == self.family and any(first <= number <= last for first, last in self.spans)

    def __or__(self, other: Self) -> Self:
        """Addresses that are in one of the two."""
        return type(self)(family=self.family, spans=_merged(sorted((*self.spans, *other.spans))))

    def __and__(self, other: Self) -> Self:
        """Addresses that are in both."""
        return type(self)(family=self.family, spans=tuple(_common(self.spans, other.spans)))

    def __sub__(self, other: Self) -> Self:
        """Addresses that are not in the other."""
        return type(self)(family=self.family, spans=tuple(_common(self.spans, _gaps(other.spans, self.family.bits))))

    @property
    def size(self) -> int:
        """How many addresses."""
        return sum(last - first + 1 for first, last in self.spans)

    def networks(self) -> Iterator[Network]:
        """The same as networks, in order."""
        for first, last in self.spans:
            start, end = self.family.address(first), self.family.address(last)
            yield from summarize_address_range(start, end)

    def samples(self, most: int) -> tuple[Address, ...]:
        """A few addresses of it: the ends of its ranges, spread over the whole of it."""
        ends = [number for first, last in self.spans for number in dict.fromkeys((first, last))]
        step = max(1, -(-len(ends) // most))
        return tuple(self.family.address(number) for number in ends[::step])


def _merged(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for first, last in spans:
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def _common(ours: Iterable[tuple[int, int]], theirs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    left, right = list(ours), list(theirs)
    i = j = 0
    while i < len(left) and j < len(right):
        first, last = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if first <= last:
            yield first, last
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1


def _gaps(spans: Iterable[tuple[int, int]], bits: int) -> Iterator[tuple[int, int]]:
    at = 0
    for first, last in spans:
        if at < first:
            yield at, first - 1
        at = last + 1
    if at < 2**bits:
        yield at, 2**bits - 1
