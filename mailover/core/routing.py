"""Which providers one message goes to, in which order, or why it has to wait: pure, from the flag and the policy alone.

The flag answers for a stream, this for a message: by its recipient, its key and what each provider may still take. What
halts a whole stream is seen to here, what is about the message in `wayfinding`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from mailover.core.events import rfc3339
from mailover.core.fleet import Flag, Fleet, Mode
from mailover.core.letters import ANY, Letter, Route, Spent
from mailover.core.policy import Policy
from mailover.core.providers import Stream, WhenExhausted
from mailover.core.wayfinding import Wayfinding

__all__ = ["Letter", "Route", "Spent", "route"]


def route(
    fleet: Fleet,
    policy: Policy,
    letter: Letter,
    now: datetime,
    spent: Mapping[str, Spent] | None = None,
    *,
    wanted: Sequence[str] = (),
) -> Route:
    """The route of one message. It never raises: a message whose stream is gone from the config waits, and says so.

    `wanted` is what the stream's selector answered: an order among those that may carry the message, and no more.
    """
    stream, state = policy.streams.get(letter.stream), fleet.streams.get(letter.stream)
    if stream is None or state is None:
        return Route(providers=(), because=f"the config has no stream {letter.stream!r}")
    halt = _halted(stream, state.flag, now)
    if halt is not None:
        return halt
    return Wayfinding(fleet, policy, letter, now, spent or {}).route(tuple(wanted))


def _halted(stream: Stream, flag: Flag, now: datetime) -> Route | None:
    """Why the whole stream waits, whatever the message is."""
    if flag.provider is None:
        if flag.mode is Mode.EXHAUSTED and stream.when_exhausted is WhenExhausted.TEST:
            return Route(providers=(), test=True, because=flag.because)
        return Route(providers=(), because=flag.because, waiting_for=ANY)
    if not flag.sending:
        return Route(providers=(), because=flag.because, waiting_for=ANY)
    hours = stream.mail.hours
    if hours and not any(each.covers(now) for each in hours):
        openings = [opens for each in hours if (opens := each.opens_at(now)) is not None]
        begins = min(openings, default=None)
        until = f" until {rfc3339(begins)}" if begins is not None else ""
        return Route(providers=(), because=f"{stream.name} is not sent at this hour{until}", wake_at=begins)
    return None
