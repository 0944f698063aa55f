"""Messages that were accepted and did not arrive: whether the provider lost them, or the mailbox is in trouble.

One missing message is noise. Three, while another provider's later one arrived, are the provider's.
"""

from dataclasses import replace

from mailover.core import trials
from mailover.core.breaker import Breaker, Cause, Run
from mailover.core.draft import Draft
from mailover.core.events import EventType, Severity, rfc3339
from mailover.core.fleet import Mailbox
from mailover.core.observations import Depth, Failure, MailboxSeen, Observation, ProbeKind, Purpose, Stage

_LOST_AT = 3


def missing(draft: Draft, seen: Observation, failure: Failure) -> None:
    """A marked message did not arrive within its deadline."""
    breaker = draft.breakers[seen.provider]
    if draft.fleet.mailbox is not None:
        trials.lost(draft, breaker, seen)
        return
    if not breaker.closed:
        trials.hear(draft, seen, failure, Depth.SEND)
        return
    known = breaker.runs.get(Depth.SEND)
    if known is None or known.failure.stage is not Stage.ARRIVE:
        run = Run(
            depth=Depth.SEND,
            since=seen.started_at,
            begun_at=seen.started_at,
            length=1,
            replied=1,
            same=1,
            failure=failure,
        )
    else:
        run = replace(known, length=known.length + 1, replied=known.replied + 1, same=known.same + 1, failure=failure)
    breaker = draft.put(replace(breaker, runs={**breaker.runs, Depth.SEND: run}))
    if run.length >= _LOST_AT:
        _blame(draft, breaker, run)
        return
    draft.probe(seen.provider, ProbeKind.ROUND_TRIP, Purpose.CONFIRM)
    if run.length == 1 and seen.purpose is Purpose.SCHEDULED:
        for other in draft.others(seen.provider):
            if not other.open_for_auth:
                draft.probe(other.provider, ProbeKind.ROUND_TRIP, Purpose.SIGHT)


def _blame(draft: Draft, breaker: Breaker, run: Run) -> None:
    others = [b for b in draft.others(breaker.provider) if b.arrived_at is not None and b.arrived_at >= run.since]
    if others:
        witness = others[0].provider
        because = f"{run.length} accepted messages did not arrive, while a later one through {witness} did"
        trials.open_breaker(
            draft, breaker, cause=Cause.LOST, failure=run.failure, because=because, first_signal_at=run.since
        )
        return
    because = f"messages through {breaker.provider} and all others do not show up in the mailbox"
    _mailbox_fails(draft, because, unreadable=False)


def hear_mailbox(draft: Draft, seen: MailboxSeen) -> None:
    """The mailbox could or could not be read."""
    mailbox = draft.fleet.mailbox
    if not seen.readable and mailbox is None:
        _mailbox_fails(draft, f"the mailbox of the round trips cannot be read: {seen.text}", unreadable=True)
    elif seen.readable and mailbox is not None and mailbox.unreadable:
        _mailbox_recovers(draft, "the mailbox of the round trips can be read again")


def arrived(draft: Draft, seen: Observation) -> None:
    """A marked message arrived."""
    breaker = draft.breakers[seen.provider]
    latest = max(breaker.arrived_at or seen.started_at, seen.started_at)
    draft.put(replace(breaker, arrived_at=latest))
    if draft.fleet.mailbox is not None:
        _mailbox_recovers(draft, f"a message through {seen.provider} arrived in the mailbox again")


def _mailbox_fails(draft: Draft, because: str, *, unreadable: bool) -> None:
    for breaker in list(draft.breakers.values()):
        run = breaker.runs.get(Depth.SEND)
        if run is not None and run.failure.stage is Stage.ARRIVE:
            draft.put(replace(breaker, runs={d: r for d, r in breaker.runs.items() if d is not Depth.SEND}))
    draft.rewrite(mailbox=Mailbox(since=draft.now, unreadable=unreadable))
    sentence = f"{because}; no provider is blamed for it"
    draft.emit(EventType.MAILBOX_FAILING, "agent", Severity.WARNING, sentence)


def _mailbox_recovers(draft: Draft, because: str) -> None:
    mailbox = draft.fleet.mailbox
    draft.rewrite(mailbox=None)
    since = rfc3339(mailbox.since) if mailbox is not None else None
    draft.emit(EventType.MAILBOX_RECOVERED, "agent", Severity.INFO, because, since=since)
