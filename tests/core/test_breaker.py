"""The table of transitions, and the page that shows it."""

from itertools import product
from pathlib import Path

import pytest

from mailover.core.breaker import (
    TRANSITIONS,
    Breaker,
    BreakerState,
    IllegalTransitionError,
    Signal,
    diagram,
    fresh,
    move,
)

from .story import START

PAGE = Path(__file__).parents[2] / "docs" / "deciding.md"


def breaker_in(state: BreakerState) -> Breaker:
    breaker = fresh("a", enabled=True, now=START)
    ways = {
        BreakerState.CLOSED: (),
        BreakerState.OPEN: (Signal.FAILED,),
        BreakerState.HALF_OPEN: (Signal.FAILED, Signal.TRIAL_DUE),
        BreakerState.DISABLED: (Signal.DISABLED,),
    }
    for signal in ways[state]:
        breaker = move(breaker, signal, START)
    return breaker


@pytest.mark.parametrize(("state", "signal"), list(product(BreakerState, Signal)))
def test_a_breaker_moves_by_the_table_and_by_nothing_else(state: BreakerState, signal: Signal) -> None:
    breaker = breaker_in(state)
    if (state, signal) in TRANSITIONS:
        assert move(breaker, signal, START).state is TRANSITIONS[state, signal]
    else:
        with pytest.raises(IllegalTransitionError, match=f"a: {signal} while {state}"):
            move(breaker, signal, START)


def test_every_state_can_be_left() -> None:
    assert {source for source, _ in TRANSITIONS} == set(BreakerState)


def test_the_page_shows_the_table_as_it_is() -> None:
    assert diagram() in PAGE.read_text(encoding="utf-8")
