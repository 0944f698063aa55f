"""What each provider's words mean, after its documentation."""

import contextlib
import json
from typing import Any

import provider_words as words
import pytest

from webhooks.feedback import mailgun, postmark, sendgrid, ses
from webhooks.feedback.told import Asked, Told, UnreadableError, What


def asked(body: Any) -> Asked:
    return Asked(headers={}, shown="", body=body if isinstance(body, bytes) else json.dumps(body).encode())


def notified(said: Any) -> Asked:
    return asked({"Type": "Notification", "Message": json.dumps(said)})


def brief(told: tuple[Told, ...]) -> list[tuple[str, str, bool]]:
    return [(each.address, str(each.what), each.fresh) for each in told]


BOUNCE, COMPLAINT = str(What.BOUNCE), str(What.COMPLAINT)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, [("john@example.com", BOUNCE, True)]),
        ({"Type": "BadEmailAddress"}, [("john@example.com", BOUNCE, True)]),
        ({"Type": "SpamComplaint"}, [("john@example.com", COMPLAINT, True)]),
        ({"RecordType": "SpamComplaint", "Type": "SpamComplaint"}, [("john@example.com", COMPLAINT, True)]),
        ({"Type": "SoftBounce"}, []),
        ({"Type": "Blocked"}, []),
        ({"Type": "DnsError"}, []),
        ({"RecordType": "Delivery"}, []),
        ({"RecordType": "Open"}, []),
        ({"Email": None}, []),
        ({"Email": "no address"}, []),
        ({"Email": ["john@example.com"]}, []),
    ],
)
def test_postmarks_records(changed: dict[str, Any], said: object) -> None:
    assert brief(postmark.read(asked(words.postmark(**changed)))) == said


@pytest.mark.parametrize(
    ("reason", "on", "said"),
    [
        ("HardBounce", True, [("john@example.com", BOUNCE, False)]),
        ("SpamComplaint", True, [("john@example.com", COMPLAINT, False)]),
        ("ManualSuppression", True, []),
        ("HardBounce", False, []),
        (None, True, []),
    ],
)
def test_what_postmark_suppresses_by_itself_was_before(reason: str | None, on: bool, said: object) -> None:
    change = {"RecordType": "SubscriptionChange", "Recipient": "john@example.com", "SuppressionReason": reason}
    assert brief(postmark.read(asked({**change, "SuppressSending": on}))) == said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, [("example@test.com", BOUNCE, True)]),
        ({"type": "blocked"}, []),
        ({"event": "spamreport", "type": None}, [("example@test.com", COMPLAINT, True)]),
        ({"event": "dropped", "reason": "Bounced Address"}, [("example@test.com", BOUNCE, False)]),
        ({"event": "dropped", "reason": "Spam Reporting Address"}, [("example@test.com", COMPLAINT, False)]),
        ({"event": "dropped", "reason": "Invalid SMTPAPI header"}, []),
        ({"event": "deferred"}, []),
        ({"event": "delivered"}, []),
    ],
)
def test_sendgrids_events(changed: dict[str, Any], said: object) -> None:
    assert brief(sendgrid.read(asked([words.sendgrid(**changed)]))) == said


def test_sendgrid_tells_many_at_once_and_odd_ones_spoil_nothing() -> None:
    events = [words.sendgrid(sg_event_id=str(n), email=f"{n}@test.com") for n in range(3)]
    assert len(sendgrid.read(asked([events[0], 7, None, events[1], {}, [], events[2]]))) == 3


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, [("alice@example.com", BOUNCE, True)]),
        ({"severity": "temporary"}, []),
        ({"reason": "old"}, []),
        ({"reason": "espblock"}, []),
        ({"reason": "suppress-bounce"}, [("alice@example.com", BOUNCE, False)]),
        ({"reason": "suppress-complaint"}, [("alice@example.com", COMPLAINT, False)]),
        ({"reason": "suppress-unsubscribe"}, []),
        ({"event": "complained"}, [("alice@example.com", COMPLAINT, True)]),
        ({"event": "delivered"}, []),
        ({"event": "unsubscribed"}, []),
    ],
)
def test_mailguns_events(changed: dict[str, Any], said: object) -> None:
    assert brief(mailgun.read(asked({"event-data": words.mailgun(**changed)}))) == said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, [("jane@example.com", BOUNCE, True)]),
        ({"bounceType": "Transient"}, []),
        ({"bounceType": "Undetermined"}, []),
        ({"bounceSubType": "Suppressed"}, [("jane@example.com", BOUNCE, False)]),
        ({"bounceSubType": "OnAccountSuppressionList"}, [("jane@example.com", BOUNCE, False)]),
        ({"bouncedRecipients": None}, []),
        ({"bouncedRecipients": [{"emailAddress": "a@b.example"}, 7, {"emailAddress": "c@d.example"}]},
         [("a@b.example", BOUNCE, True), ("c@d.example", BOUNCE, True)]),
    ],
)  # fmt: skip
def test_bounces_of_ses(changed: dict[str, Any], said: object) -> None:
    assert brief(ses.read(notified(words.ses_bounce(**changed)))) == said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, [("richard@example.com", COMPLAINT, True)]),
        ({"complaintFeedbackType": "not-spam"}, []),
        ({"complaintSubType": "OnAccountSuppressionList"}, [("richard@example.com", COMPLAINT, False)]),
    ],
)
def test_complaints_of_ses(changed: dict[str, Any], said: object) -> None:
    assert brief(ses.read(notified(words.ses_complaint(**changed)))) == said


@pytest.mark.parametrize("kind", ["Delivery", "Open", None])
def test_what_else_ses_tells_says_nothing(kind: str | None) -> None:
    assert ses.read(notified({"notificationType": kind, "bounce": words.ses_bounce()["bounce"]})) == ()


def test_an_invitation_says_nothing() -> None:
    assert ses.read(asked({"Type": "SubscriptionConfirmation", "Message": json.dumps(words.ses_bounce())})) == ()


def test_the_reason_is_kept_short_and_storable() -> None:
    (told,) = postmark.read(asked(words.postmark(Details="x\0\ud800" * 500)))
    assert len(told.text) <= 300
    assert "\0" not in told.text
    told.text.encode()


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff", b"7", b"null", b'"x"', b"[]", b"{}"])
@pytest.mark.parametrize("read", [postmark.read, mailgun.read, sendgrid.read, ses.read])
def test_what_is_no_record_is_refused_or_says_nothing(read: Any, body: bytes) -> None:
    with contextlib.suppress(UnreadableError):
        assert read(asked(body)) == ()
