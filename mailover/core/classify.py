"""Turns a reply or an exception's text into a failure kind: what went wrong, and with it who is to blame.

The order of evidence is text, enhanced code, reply code, stage. The tables are in `classification`, their order here.
What a kind does to a breaker is never decided here.
"""

from collections.abc import Iterable, Mapping
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
from mailover.core.classification.meanings import meaning_of
from mailover.core.classification.rule import Rule, normal_form
from mailover.core.observations import FailureKind, Stage
from mailover.core.replies import enhanced_inside, enhanced_within, read_reply

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

_PLACES: Mapping[Stage, str] = {
    Stage.CONNECT: "on connecting",
    Stage.BANNER: "as a greeting",
    Stage.END_DATA: "after the message",
    Stage.ARRIVE: "on arrival",
}

_USUALLY: Mapping[FailureKind, str] = {
    FailureKind.CONNECTION: "usually a host that takes no mail",
    FailureKind.PROTOCOL: "usually a dialogue out of step",
    FailureKind.TLS: "usually a refusal to encrypt, or the demand for it",
    FailureKind.TRANSIENT: "usually passing trouble of the provider",
    FailureKind.AUTH: "usually a refused or missing login",
    FailureKind.POLICY: "usually said of the address that we send from",
    FailureKind.RECIPIENT: "taken for the recipient's fault, never the provider's",
    FailureKind.MESSAGE: "taken for the message's fault, never the provider's",
}
"""What a bare reply code is taken for; the kinds are those that `codes` can give."""


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
    if code is not None:
        enhanced = enhanced or enhanced_inside(text)
    normal = normal_form(text)
    table = REPLY_RULES if code is not None else (*silence.SILENCE, *REPLY_RULES)
    for rule in (*extra_rules, *table):
        if rule.applies(stage, code, enhanced, normal):
            return Verdict(kind=rule.kind, because=rule.because)
    kind = codes.kind_of_enhanced(enhanced, code, stage)
    if kind is not None and enhanced is not None:
        return Verdict(kind=kind, because=f"{enhanced} {_at(stage)} means that {meaning_of(enhanced)}")
    kind = codes.kind_of_code(code, stage)
    if code is None:
        return Verdict(kind=kind, because="no reply came, and nothing else is known")
    return Verdict(kind=kind, because=f"no word in it is known, and a {code} {_at(stage)} is {_USUALLY[kind]}")


def _at(stage: Stage | None) -> str:
    return _PLACES.get(stage, f"at {stage.value}") if stage is not None else "in a bounce"


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
