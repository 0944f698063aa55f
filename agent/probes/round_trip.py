"""The round trip: a marked message through the provider, then looked for where it should arrive.

Acceptance and arrival are different facts. What is wrong with the mailbox is said of the mailbox, never of a provider.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from agent.probes.arrivals import Arrival, Found, Missing, Unreadable
from agent.probes.dialogue import Dialogue, hold_dialogue
from agent.probes.looking import Looking, RoundTrip, Seen, Target
from agent.probes.marks import compose, fresh_nonce
from agent.probes.verdicts import read_return_path, read_verdicts
from mailover.core.observations import Depth, Failure, FailureKind, MailboxSeen, Observation, ProbeKind, Stage
from mailover.errors import RefusedError
from mailover.smtp import Envelope

_SHARE_FOR_SENDING = 0.5
"""Of the deadline: a message accepted at the last moment could not arrive in time anyway."""
_ACCEPTED_PERHAPS = frozenset({Stage.DATA, Stage.END_DATA})


async def look_at_round_trip(target: Target, looking: Looking, /) -> Seen:
    """Whether a message through the provider really arrives, where, how fast, and with which verdicts.

    Raises RefusedError when no round trips are configured, or no address to send them from.
    """
    trip = looking.round_trip
    if trip is None or not target.sender:
        raise RefusedError(f"no round trip through {target.provider}: it needs [round_trip] and the provider's `from`")
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + trip.deadline
    nonce = fresh_nonce(trip.agent)
    trip.arrivals.expect(target.provider, nonce)
    try:
        held = await _send(target, looking, trip, nonce)
        if held.transcript.failure is not None:
            if held.transcript.failure.stage in _ACCEPTED_PERHAPS:
                trip.arrivals.give_up(nonce, held.finished_at)
            return Seen(observation=held.observed(target, looking, ProbeKind.ROUND_TRIP, depth=Depth.SEND))
        found = await trip.mailbox.find(nonce, within=max(0.0, ends_at - loop.time()))
        if not isinstance(found, Arrival):
            trip.arrivals.give_up(nonce, held.finished_at)
    finally:
        trip.arrivals.forget(nonce)
    observation = held.observed(
        target, looking, ProbeKind.ROUND_TRIP, depth=Depth.SEND, facts=_facts(target, trip, held, found)
    )
    return _judged(observation, held, found, looking, trip)


async def _send(target: Target, looking: Looking, trip: RoundTrip, nonce: str) -> Dialogue:
    message = compose(nonce=nonce, sender=target.sender, to=trip.to, provider=target.provider, at=looking.now())
    return await hold_dialogue(
        target,
        looking,
        until=Stage.END_DATA,
        deadline=trip.deadline * _SHARE_FOR_SENDING,
        envelope=Envelope(sender=target.sender, recipients=(trip.to,)),
        message=message,
    )


def _judged(observation: Observation, held: Dialogue, found: Found, looking: Looking, trip: RoundTrip) -> Seen:
    """The accepted message's further fate, laid over the observation that it was accepted."""
    now = looking.now()
    if isinstance(found, Unreadable):
        accepted = replace(observation, depth=Depth.ENVELOPE)
        return Seen(observation=accepted, mailbox=MailboxSeen(readable=False, at=now, text=found.text))
    ended_at = found.at if isinstance(found, Arrival) else now
    ended_at = max(ended_at, held.finished_at)
    seconds = round((ended_at - held.finished_at).total_seconds(), 3)
    stages = (*observation.stages, (Stage.ARRIVE, seconds))
    observation = replace(observation, finished_at=ended_at, stages=stages)
    if isinstance(found, Missing):
        text = f"accepted, but not found in the mailbox within {trip.deadline:g} s"
        failure = Failure(kind=FailureKind.TIMEOUT, stage=Stage.ARRIVE, text=text, replied=True)
        observation = replace(observation, failure=failure, depth=failure.depth)
    known = not isinstance(found, Missing) or found.looked
    return Seen(observation=observation, mailbox=MailboxSeen(readable=True, at=now) if known else None)


def _facts(target: Target, trip: RoundTrip, held: Dialogue, found: Found) -> Mapping[str, object]:
    facts: dict[str, object] = {}
    late = trip.arrivals.take_late(target.provider)
    if late:
        facts["late_seconds"] = late
    if isinstance(found, Arrival):
        facts["folder"] = found.folder
        facts["latency_seconds"] = round(max(0.0, (found.at - held.finished_at).total_seconds()), 3)
        facts.update(read_verdicts(found.headers, trip.authserv_id))
        return_path = read_return_path(found.headers)
        if return_path is not None:
            facts["return_path"] = return_path
        facts.update(found.facts)
    return facts
