"""Is only our way out to the providers' ports closed? References answer elsewhere while no provider can be reached.

Clouds and firewalls close 25 and 587 and leave 443 open, so a reference on another port proves our network but not the
way to a provider. What follows from that is `sight`'s and `judging`'s; docs/decisions/closed-ports.md has the reasons.
"""

from collections.abc import Sequence
from datetime import datetime

from mailover.core.breaker import Breaker
from mailover.core.draft import Draft
from mailover.core.observations import Failure, FailureKind, Observation, Stage
from mailover.core.sentences import listed


def reached(seen: Observation) -> bool:
    """Whether the attempt shows that the way to the provider is open: it connected, or was refused from there."""
    return seen.failure is None or _shows_the_way(seen.failure)


def in_doubt(draft: Draft, breaker: Breaker, failure: Failure, since: datetime) -> bool:
    """Whether this silence may be our own closed port: nobody's port is known to have been reached after `since`.

    Of no concern when every other provider was silent already while this one still answered: one cause cannot explain
    both, and a reference is all there is to ask.
    """
    if _shows_the_way(failure):
        return False
    others = [other for other in draft.others(breaker.provider) if other.enabled]
    fell_with_it = [other for other in others if not _silent_while(other, breaker.answered_at)]
    return bool(fell_with_it) and not _way_is_open(draft, others, since)


def closed_to(draft: Draft) -> tuple[Breaker, ...]:
    """The providers, two at least, that fell silent together and none of which was reached for the time of doubt."""
    enabled = [breaker for breaker in draft.breakers.values() if breaker.enabled]
    answered_at = max((b.answered_at for b in enabled if b.answered_at is not None), default=None)
    fallen = [breaker for breaker in enabled if not _silent_while(breaker, answered_at)]
    moments = [breaker.silent_since for breaker in fallen if breaker.silent_since is not None]
    if len(fallen) <= 1 or len(moments) < len(fallen):
        return ()
    since = min(moments)
    if draft.now < since + draft.policy.sight_limit or _way_is_open(draft, enabled, since):
        return ()
    return tuple(fallen)


def closed_words(draft: Draft, closed: Sequence[Breaker]) -> str:
    """Why we are blind though references answer, naming the ports."""
    names = listed(sorted(breaker.provider for breaker in closed))
    if all(_latest(breaker).kind is FailureKind.LOCAL for breaker in closed):
        text = _latest(closed[0]).text
        return f"{names} cannot be tried though a reference answers ({text}): our own machine is the suspect"
    ports = sorted({draft.policy.providers[breaker.provider].port for breaker in closed})
    word = "port" if len(ports) == 1 else "ports"
    numbers = listed([str(port) for port in ports])
    return (
        f"no connection to {names} while a reference on another port answers: "
        f"our way out to {word} {numbers} is closed, or all of them are gone at once"
    )


def _shows_the_way(failure: Failure) -> bool:
    if failure.kind is FailureKind.LOCAL or failure.stage is Stage.RESOLVE:
        return False
    return not (failure.kind is FailureKind.TIMEOUT and failure.stage is Stage.CONNECT)


def _silent_while(breaker: Breaker, answered_at: datetime | None) -> bool:
    """Whether it was silent already when an attempt that somebody answered began."""
    return answered_at is not None and breaker.silent_since is not None and breaker.silent_since < answered_at


def _way_is_open(draft: Draft, breakers: Sequence[Breaker], since: datetime) -> bool:
    on_port = draft.fleet.port_answered_at
    return (on_port is not None and on_port >= since) or any(_reached_since(each, since) for each in breakers)


def _reached_since(breaker: Breaker, since: datetime) -> bool:
    if breaker.answered_at is not None and breaker.answered_at >= since:
        return True
    probed = (past for past in breaker.failures if past.reporter is None and past.at >= since)
    return any(_shows_the_way(past.failure) for past in probed)


def _latest(breaker: Breaker) -> Failure:
    """A silent provider's latest failing probe."""
    return next(past.failure for past in reversed(breaker.failures) if past.reporter is None)
