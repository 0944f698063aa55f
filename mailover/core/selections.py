"""What a stream's selector, a plug-in of the operator's, wants the order to be: a wish, taken at most once a minute.

The selector itself never runs here; its answer is heard like any other fact, and the rules of the flag stand over it.
"""

from dataclasses import replace
from datetime import timedelta

from mailover.core.draft import Draft
from mailover.core.observations import OrderWanted

_HOLD = timedelta(minutes=1)
"""How long a wish stands before another one is taken, so that one that changes its mind all the time moves little."""


def hear(draft: Draft, wish: OrderWanted) -> None:
    """Take a wish; an empty one, of a selector that fails or has no opinion, at once."""
    state = draft.streams.get(wish.stream)
    if state is None or not draft.policy.streams[wish.stream].mail.selector:
        return
    wanted = tuple(dict.fromkeys(name for name in wish.providers if name in draft.policy.providers))
    rested = state.selected_at is None or draft.now >= state.selected_at + _HOLD
    if wanted != state.selected and (rested or not wanted):
        draft.put_stream(replace(state, selected=wanted, selected_at=draft.now))
