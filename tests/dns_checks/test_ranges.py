"""Ranges of addresses behave as the sets that they stand for."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dns_checks.ranges import Family, Ranges

SMALL = 2**6
spans = st.lists(st.tuples(st.integers(0, SMALL - 1), st.integers(0, SMALL - 1)), max_size=6)


def ranges_of(pairs: list[tuple[int, int]]) -> Ranges:
    made = Ranges(family=Family.V4)
    for one, other in pairs:
        made |= Ranges(family=Family.V4, spans=((min(one, other), max(one, other)),))
    return made


def numbers(ranges: Ranges) -> set[int]:
    return {number for first, last in ranges.spans for number in range(first, min(last, 4 * SMALL) + 1)}


@given(spans, spans)
def test_union_intersection_and_difference_are_those_of_sets(
    one: list[tuple[int, int]], two: list[tuple[int, int]]
) -> None:
    left, right = ranges_of(one), ranges_of(two)
    assert numbers(left | right) == numbers(left) | numbers(right)
    assert numbers(left & right) == numbers(left) & numbers(right)
    assert numbers(left - right) == numbers(left) - numbers(right)


@given(spans)
def test_spans_are_in_order_and_do_not_touch(pairs: list[tuple[int, int]]) -> None:
    made = ranges_of(pairs).spans
    assert all(first <= last for first, last in made)
    assert all(left[1] + 1 < right[0] for left, right in pairwise(made))


def test_networks_come_back_and_only_those_of_the_family() -> None:
    networks = [IPv4Network("192.0.2.0/25"), IPv4Network("192.0.2.128/25"), IPv6Network("2001:db8::/32")]
    made = Ranges.of(Family.V4, networks)
    assert list(made.networks()) == [ip_network("192.0.2.0/24")]
    assert made.size == 256
    assert ip_address("192.0.2.255") in made
    assert ip_address("192.0.3.0") not in made
    assert ip_address("2001:db8::1") not in made
    assert ip_address("2001:db8::1") in Ranges.of(Family.V6, networks)


def test_everything_without_something_is_the_rest() -> None:
    all_of_it = Ranges.everything(Family.V6)
    some = Ranges.of(Family.V6, [IPv6Network("::/1")])
    assert list((all_of_it - some).networks()) == [IPv6Network("8000::/1")]
    assert not all_of_it - all_of_it


def test_samples_are_few_and_spread_over_the_whole() -> None:
    made = Ranges.of(Family.V4, [IPv4Network((n << 16, 24)) for n in range(100)])
    samples = made.samples(8)
    assert 1 <= len(samples) <= 8
    assert all(address in made for address in samples)
    assert int(samples[-1]) > 80 << 16
