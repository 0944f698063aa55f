"""What an attempt means for a recipient's copy, and when a mail is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from mailover.core.classify import classify
from mailover.core.observations import Failure, FailureKind, Stage
from mailover.core.retry import QUEUE_LIMIT, after_failing_providers, after_putting_off, expires_at
from mailover.core.verdicts import Verdict, no_such_address, verdict

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

REPLIES = {
    "550 5.1.1 no such user": (Stage.RCPT, Verdict.REFUSED),
    "552 5.2.2 mailbox full": (Stage.RCPT, Verdict.REFUSED),
    "452 4.2.2 mailbox full": (Stage.RCPT, Verdict.LATER),
    "450 4.2.0 Greylisted": (Stage.RCPT, Verdict.LATER),
    "452 4.5.3 Too many recipients": (Stage.RCPT, Verdict.AGAIN),
    "550 5.7.1 Service unavailable; client host blocked": (Stage.RCPT, Verdict.ELSEWHERE),
    "454 Throttling failure: Maximum sending rate exceeded.": (Stage.END_DATA, Verdict.ELSEWHERE),
    "552 5.3.4 message too big": (Stage.MAIL, Verdict.UNFIT),
    "554 5.6.0 content rejected": (Stage.END_DATA, Verdict.UNFIT),
    "421 4.3.2 shutting down": (Stage.DATA, Verdict.ELSEWHERE),
    "451 Maximum credits exceeded": (Stage.MAIL, Verdict.ELSEWHERE),
}


def heard(stage: Stage, reply: str) -> Failure:
    code, _, text = reply.partition(" ")
    enhanced = text.split(" ")[0] if text[1:2] == "." else None
    kind = classify(stage, int(code), enhanced, text)
    return Failure(kind=kind, stage=stage, code=int(code), enhanced=enhanced, text=text, replied=True)


@pytest.mark.parametrize("reply", REPLIES)
def test_a_reply_decides_about_the_copy(reply: str) -> None:
    stage, expected = REPLIES[reply]
    assert verdict("to@example.org", heard(stage, reply)) is expected


def test_silence_before_the_dot_goes_elsewhere_and_after_it_nowhere() -> None:
    assert verdict("a@b.example", Failure(kind=FailureKind.TIMEOUT, stage=Stage.DATA)) is Verdict.ELSEWHERE
    assert verdict("a@b.example", Failure(kind=FailureKind.AMBIGUOUS, stage=Stage.END_DATA)) is Verdict.UNANSWERED
    assert verdict("a@b.example", None) is Verdict.TAKEN


def test_an_address_that_could_not_be_asked_for_may_be_for_another_server() -> None:
    unasked = Failure(kind=FailureKind.RECIPIENT, stage=Stage.RCPT, text="not ASCII")
    assert verdict("jörg@example.org", unasked) is Verdict.UNFIT
    assert verdict("a b@example.org", unasked) is Verdict.REFUSED


def test_only_an_address_that_does_not_exist_is_worth_remembering() -> None:
    assert no_such_address(heard(Stage.RCPT, "550 5.1.1 no such user"))
    assert no_such_address(heard(Stage.RCPT, "550 no such user here"))
    assert not no_such_address(heard(Stage.RCPT, "552 5.2.2 mailbox full"))
    assert not no_such_address(heard(Stage.RCPT, "450 4.1.1 user unknown for now"))
    assert not no_such_address(heard(Stage.RCPT, "550 5.7.1 client host blocked"))


def test_pauses_double_from_a_second_to_minutes_with_a_quarter_of_jitter() -> None:
    spans = [after_failing_providers(attempts, 0.5).total_seconds() for attempts in range(12)]
    assert spans == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert after_failing_providers(0, 0.0) == timedelta(seconds=0.75)
    assert after_failing_providers(0, 1.0) == timedelta(seconds=1.25)
    assert after_failing_providers(10_000, 0.5) == timedelta(minutes=5)
    assert after_putting_off(0, 0.5) == timedelta(minutes=1)
    assert after_putting_off(9, 0.5) == timedelta(minutes=30)


def test_a_mail_ends_at_its_deadline_or_after_five_days() -> None:
    assert expires_at(NOW, None) == NOW + QUEUE_LIMIT
    assert expires_at(NOW, NOW + timedelta(minutes=10)) == NOW + timedelta(minutes=10)
    assert expires_at(NOW, NOW + timedelta(days=30)) == NOW + timedelta(days=30)
