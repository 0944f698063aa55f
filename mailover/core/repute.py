"""A provider account's good name: how many recipients complained of our mail through it, or do not exist.

Past a limit the provider, or the mailbox providers behind it, will refuse our mail, so people are warned in time. No
breaker and no flag looks at this: the mail would be no better through another provider.
"""

from dataclasses import replace
from datetime import timedelta

from mailover.core.draft import Draft
from mailover.core.events import EventType, Severity
from mailover.core.observations import Depth, FeedbackSeen, Observation, Purpose
from mailover.core.sentences import fine_percent, span_words
from mailover.core.watch import Returns

_WINDOW = timedelta(hours=24)
"""What comes back comes hours later, so both are counted over a day."""
_FEWEST_SENT = 100
_FEWEST = {"complaints": 3, "bounces": 10}
_WORDS = {"complaints": "complained", "bounces": "do not exist"}
_GOOD_AGAIN_AT = 0.5


def count_sent(draft: Draft, seen: Observation) -> None:
    """Take in what applications and the relay gave the provider."""
    if seen.purpose is Purpose.REPORT and seen.ok and seen.depth is Depth.SEND:
        _take(draft, seen.provider, Returns(at=draft.now, sent=seen.count))


def hear(draft: Draft, seen: FeedbackSeen) -> None:
    """Take in what the provider tells of mail that it had accepted."""
    if seen.provider in draft.breakers:
        _take(draft, seen.provider, Returns(at=draft.now, bounces=seen.bounces, complaints=seen.complaints))


def _take(draft: Draft, provider: str, taken: Returns) -> None:
    breaker = draft.breakers[provider]
    draft.put(replace(breaker, watch=breaker.watch.returned(taken, window=_WINDOW)))


def judge(draft: Draft, provider: str) -> None:
    """Warn when a limit is passed, and say when it is well again."""
    watch = draft.breakers[provider].watch
    if not watch.returns:
        return
    day = watch.returned_since(draft.now - _WINDOW)
    limits = {"complaints": draft.policy.alerts.complaint_rate, "bounces": draft.policy.alerts.bounce_rate}
    counts = {"complaints": day.complaints, "bounces": day.bounces}
    for what, limit in limits.items():
        share = counts[what] / max(day.sent, counts[what], 1)
        told = what in watch.ill_reputed
        enough = day.sent >= _FEWEST_SENT and counts[what] >= _FEWEST[what]
        if told == (enough and share > limit * (_GOOD_AGAIN_AT if told else 1.0)):
            continue
        _turn(draft, provider, what, counts[what], day.sent, worse=not told)


def _turn(draft: Draft, provider: str, what: str, count: int, sent: int, *, worse: bool) -> None:
    breaker = draft.breakers[provider]
    others = tuple(each for each in breaker.watch.ill_reputed if each != what)
    ill = (*others, what) if worse else others
    draft.put(replace(breaker, watch=replace(breaker.watch, ill_reputed=ill)))
    share = count / max(sent, count, 1)
    seen = f"{count} of {sent} recipients ({fine_percent(share)}) {_WORDS[what]} within {span_words(_WINDOW)}"
    because = f"{provider} may block us: {seen}" if worse else f"{provider} has few {what} again: {seen}"
    draft.emit(
        EventType.PROVIDER_DEGRADED if worse else EventType.PROVIDER_NORMAL,
        f"provider/{provider}",
        Severity.WARNING if worse else Severity.INFO,
        because,
        provider=provider,
        degraded=worse,
        repute=what,
        rate=round(share, 5),
        recipients=sent,
    )
