"""Only what Slack signed just now is heard; whatever else comes is 401, never a defect."""

from datetime import timedelta

import pytest
from fake_clock import FakeClock
from slack_people import SIGNING_SECRET
from slack_sdk.signature import SignatureVerifier

from mailover.alerts.slack_signature import SlackSignatures, sign
from mailover.secrets import Secret

BODY = b"payload=%7B%7D"


@pytest.fixture
def signatures(clock: FakeClock) -> SlackSignatures:
    return SlackSignatures(Secret(SIGNING_SECRET), clock)


def headers(
    clock: FakeClock, body: bytes = BODY, *, seconds: float = 0, secret: str = SIGNING_SECRET
) -> dict[str, str]:
    timestamp = str(int((clock.wall() + timedelta(seconds=seconds)).timestamp()))
    return {"x-slack-request-timestamp": timestamp, "x-slack-signature": sign(secret, timestamp, body)}


def test_slacks_own_verifier_and_ours_agree(signatures: SlackSignatures, clock: FakeClock) -> None:
    assert signatures.refusal(headers(clock), BODY) is None
    verifier = SignatureVerifier(SIGNING_SECRET)
    timestamp = str(int(verifier.clock.now()))
    assert verifier.is_valid(BODY, timestamp, sign(SIGNING_SECRET, timestamp, BODY))
    made = verifier.generate_signature(timestamp="1531420618", body=BODY)
    assert made == sign(SIGNING_SECRET, "1531420618", BODY)


def test_another_body_or_secret_is_refused(signatures: SlackSignatures, clock: FakeClock) -> None:
    assert signatures.refusal(headers(clock), BODY + b"x") == "The signature is wrong."
    assert signatures.refusal(headers(clock, secret="another"), BODY) == "The signature is wrong."


@pytest.mark.parametrize("seconds", [-301, 301, -(10**8)])
def test_a_signature_is_good_for_five_minutes(signatures: SlackSignatures, clock: FakeClock, seconds: int) -> None:
    assert signatures.refusal(headers(clock, seconds=seconds), BODY) == "The signature is not of the last five minutes."


@pytest.mark.parametrize("seconds", [-299, 0, 299])
def test_what_was_heard_is_not_heard_again(signatures: SlackSignatures, clock: FakeClock, seconds: int) -> None:
    sent = headers(clock, seconds=seconds)
    assert signatures.refusal(sent, BODY) is None
    assert signatures.refusal(sent, BODY) == "It was sent before."
    clock.advance(290)
    assert signatures.refusal(sent, BODY) is not None


GARBAGE = [
    "",
    "abc",
    "v0=",
    "v0=\xff\xfe",
    "é" * 64,
    "v0=" + "z" * 64,
    "v0=" + "0" * 63,
    "v1=" + "0" * 64,
    "\0",
    "9" * 5000,
]


@pytest.mark.parametrize("garbage", [*GARBAGE, "9" * 5000])
def test_garbage_in_either_header_is_refused(signatures: SlackSignatures, clock: FakeClock, garbage: str) -> None:
    fine = headers(clock)
    assert signatures.refusal({**fine, "x-slack-signature": garbage}, BODY) is not None
    assert signatures.refusal({**fine, "x-slack-request-timestamp": garbage}, BODY) is not None
    assert signatures.refusal({}, BODY) is not None


def test_its_memory_is_bounded_and_closed_rather_than_open(clock: FakeClock) -> None:
    signatures = SlackSignatures(Secret(SIGNING_SECRET), clock, most=3)
    bodies = [b"%d" % number for number in range(5)]
    assert [signatures.refusal(headers(clock, body), body) is None for body in bodies] == [True] * 3 + [False] * 2
    clock.advance(601)
    assert signatures.refusal(headers(clock), BODY) is None
