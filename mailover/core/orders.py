"""A stream's order of providers at an instant, by whoever comes first: operator, selector, clock, config."""

from datetime import datetime

from mailover.core.fleet import StreamState
from mailover.core.providers import Stream


def order_of(state: StreamState, stream: Stream, now: datetime) -> tuple[str, ...]:
    """The operator's, else the selector's, else that of the peak hours, else the config's."""
    usual = usual_order_of(state, stream, now)
    return arranged(state.selected, usual) if state.selected and state.order is None else usual


def usual_order_of(state: StreamState, stream: Stream, now: datetime) -> tuple[str, ...]:
    """The order as it is without a selector."""
    if state.order is not None:
        return state.order
    for peak in stream.peak_hours:
        if peak.covers(now):
            return peak.providers
    return stream.providers


def arranged(wanted: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    """What is known, in the wanted order; what nobody asked for comes after it, as it was."""
    first = tuple(dict.fromkeys(name for name in wanted if name in known))
    return (*first, *(name for name in known if name not in first))
