"""Sharing messages out by ratio: who leaves moves only what it had."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailover.core.shares import ranked

KEYS = [f"customer-{n}@example.com" for n in range(4000)]
SIXTY_THIRTY_TEN = {"a": 60.0, "b": 30.0, "c": 10.0}


def share(weights: dict[str, float], name: str) -> float:
    return sum(ranked(weights, key)[0] == name for key in KEYS) / len(KEYS)


def test_each_gets_its_share() -> None:
    assert share(SIXTY_THIRTY_TEN, "a") == pytest.approx(0.6, abs=0.03)
    assert share(SIXTY_THIRTY_TEN, "b") == pytest.approx(0.3, abs=0.03)
    assert share(SIXTY_THIRTY_TEN, "c") == pytest.approx(0.1, abs=0.02)


def test_who_leaves_moves_only_what_it_had_to_where_it_would_have_gone_next() -> None:
    left = {"a": 60.0, "c": 10.0}
    for key in KEYS:
        before, after = ranked(SIXTY_THIRTY_TEN, key), ranked(left, key)
        assert after == tuple(name for name in before if name != "b")


def test_who_gets_a_larger_share_takes_only_from_the_others() -> None:
    larger = {**SIXTY_THIRTY_TEN, "b": 40.0}
    moved = [(ranked(SIXTY_THIRTY_TEN, key)[0], ranked(larger, key)[0]) for key in KEYS]
    assert {after for before, after in moved if before != after} == {"b"}


def test_a_share_of_nothing_gets_nothing() -> None:
    assert ranked({"a": 1.0, "b": 0.0}, "key") == ("a",)


@given(
    weights=st.dictionaries(st.sampled_from("abcdef"), st.floats(1e-6, 1e6), min_size=1),
    key=st.text(),
    scale=st.sampled_from([0.01, 1.0, 1000.0]),
)
def test_the_same_key_always_ranks_the_same_and_only_ratios_count(
    weights: dict[str, float], key: str, scale: float
) -> None:
    told = ranked(weights, key)
    assert set(told) == set(weights)
    assert ranked(dict(reversed(weights.items())), key) == told
    if len({*weights.values()}) == len(weights):
        assert ranked({name: weight * scale for name, weight in weights.items()}, key)[0] in weights
