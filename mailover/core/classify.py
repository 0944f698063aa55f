"""Turns a reply or an exception's text into a failure kind: what went wrong, and with it who is to blame.

The order of evidence is text, enhanced code, reply code, stage. The tables are in `classification`, their order here.
What a kind does to a breaker is never decided here.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mailover.core.classification import (
    allowance,
    authenticity,
    codes,
    content,
    greylist,
    login,
    recipients,
    reputation,
    senders,
    service,
    silence,
)
from mailover.core.classification.rule import Rule, normal_form
from mailover.core.observations import FailureKind, Stage
from mailover.core.replies import enhanced_within, read_reply

REPLY_RULES: tuple[Rule, ...] = (
    *greylist.GREYLIST,
    *content.ENVELOPE_OF_MESSAGE,
    *recipients.RECIPIENT_WISHES,
    *authenticity.AUTHENTICITY,
    *allowance.SUSPENDED,
    *allowance.QUOTA,
    *reputation.REPUTATION,
    *allowance.RATE,
    *login.LOGIN,
    *senders.SENDER_REFUSED,
    *recipients.MAILBOX,
    *senders.SENDERS,
    *content.CONTENT,
    *service.NO_SERVICE,
    *service.SERVICE,
)
"""The rows for replies; the first that applies decides, so the narrow ones come before the wide ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A failure's kind, and the clause that says by what it was recognised."""

    kind: FailureKind
    because: str


def judge(
    stage: Stage | None,
    code: int | None,
    enhanced: str | None,
    text: str,
    *,
    extra_rules: Iterable[Rule] = (),
) -> Verdict:
    """Classify one failure and say why.

    `stage` None is a bounce that arrived later. What `code` and `enhanced` leave out is taken from the text, also from
    an exception's text that holds a reply. `extra_rules` speak before the tables.
    """
    if code is None:
        reply = read_reply(text)
        code, enhanced, text = reply.code, enhanced or reply.enhanced, reply.text
    enhanced = enhanced or enhanced_within(text)
    normal = normal_form(text)
    table = REPLY_RULES if code is not None else (*silence.SILENCE, *REPLY_RULES)
    for rule in (*extra_rules, *table):
        if rule.applies(stage, code, enhanced, normal):
            return Verdict(kind=rule.kind, because=rule.because)
    kind = codes.kind_of_enhanced(enhanced, code, stage)
    if kind is not None:
        return Verdict(kind=kind, because=f"the enhanced code {enhanced} says so")
    kind = codes.kind_of_code(code, stage)
    if code is None:
        return Verdict(kind=kind, because="no reply came, and nothing else is known")
    return Verdict(
        kind=kind, because=f"the words say nothing known, and a {code} {_at(stage)} is read as {_noun(kind)}"
    )


def _noun(kind: FailureKind) -> str:
    return kind.value.replace("_", " ")


def _at(stage: Stage | None) -> str:
    return f"at {stage.value}" if stage is not None else "in a bounce"


def classify(
    stage: Stage | None,
    code: int | None,
    enhanced: str | None,
    text: str,
    *,
    extra_rules: Iterable[Rule] = (),
) -> FailureKind:
    """The kind of one failure; see `judge` for the arguments and the reason."""
    return judge(stage, code, enhanced, text, extra_rules=extra_rules).kind
