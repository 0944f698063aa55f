"""Logging in: one attempt, few rounds, any alphabet, and never a secret in what is kept or raised."""

import base64
import json

import pytest
from hostile.servers import HostileServer, Peer, Twist, say, smtp
from hostile.talking import talk

from mailover.core.observations import FailureKind, Stage
from mailover.secrets import Secret
from mailover.smtp import Credentials, Mechanism, Transcript

PASSWORD = "pä$$wörd-そして-long"


def credentials(mechanism: Mechanism | None = None, username: str = "büro") -> Credentials:
    return Credentials(username=username, password=Secret(PASSWORD), mechanism=mechanism)


def decoded(text: str) -> str:
    return base64.b64decode(text).decode()


def login(twist: Twist, given: Credentials, offer: str = "AUTH LOGIN PLAIN") -> tuple[Transcript, list[str]]:
    """The transcript of a login, and what was sent after EHLO."""
    with HostileServer(smtp({"auth": twist}, offers=[offer])) as server:
        transcript = talk(server.port, until=Stage.AUTH, deadline=5, credentials=given).transcript
        return transcript, [line for line in server.peers[0].lines if not line.startswith(("EHLO", "QUIT"))]


def asking(*challenges: str, then: str) -> Twist:
    def twist(peer: Peer) -> object:
        for challenge in challenges:
            peer.say(f"334 {challenge}".rstrip() if challenge else "334 ")
            peer.line()
        return say(then)(peer)

    return twist


def test_plain_is_preferred_and_sent_at_once_in_utf_8() -> None:
    transcript, lines = login(say("235 welcome"), credentials())
    assert transcript.ok
    assert transcript.reached is Stage.AUTH
    assert len(lines) == 1
    assert lines[0].startswith("AUTH PLAIN ")
    assert decoded(lines[0].split()[2]) == f"\0büro\0{PASSWORD}"


def test_plain_is_repeated_for_a_server_that_wants_it_after_a_challenge() -> None:
    transcript, lines = login(asking("", then="235 welcome"), credentials())
    assert transcript.ok
    assert decoded(lines[1]) == f"\0büro\0{PASSWORD}"


def test_login_answers_two_challenges() -> None:
    transcript, lines = login(asking("VXNlcm5hbWU6", "UGFzc3dvcmQ6", then="235 in"), credentials(), "AUTH=LOGIN")
    assert transcript.ok
    assert lines[0] == "AUTH LOGIN"
    assert [decoded(line) for line in lines[1:]] == ["büro", PASSWORD]


def test_a_configured_mechanism_is_the_only_one_tried() -> None:
    transcript, lines = login(say("535 no"), credentials(Mechanism.LOGIN))
    assert not transcript.ok
    assert lines == ["AUTH LOGIN"]


def test_xoauth2_is_never_chosen_by_itself() -> None:
    transcript, lines = login(say("235 in"), credentials(), "AUTH XOAUTH2")
    assert transcript.failure is not None
    assert "only XOAUTH2" in transcript.failure.text
    assert not lines


def test_xoauth2_sends_user_and_bearer() -> None:
    transcript, lines = login(say("235 in"), credentials(Mechanism.XOAUTH2), "AUTH XOAUTH2 PLAIN")
    assert transcript.ok
    assert decoded(lines[0].split()[2]) == f"user=büro\1auth=Bearer {PASSWORD}\1\1"


def test_an_xoauth2_error_challenge_is_answered_with_nothing_and_its_status_kept() -> None:
    problem = base64.b64encode(json.dumps({"status": "401", "schemes": "bearer"}).encode()).decode()
    twist = asking(problem, then="535 5.7.8 bad credentials")
    transcript, lines = login(twist, credentials(Mechanism.XOAUTH2), "AUTH XOAUTH2")
    assert transcript.failure is not None
    assert (transcript.failure.kind, transcript.failure.code) == (FailureKind.AUTH, 535)
    assert "status 401" in transcript.failure.text
    assert lines[1:] == [""]


def test_what_cannot_be_answered_is_cancelled() -> None:
    _, lines = login(asking("", "", then="501 cancelled"), credentials())
    assert lines[2] == "*"


@pytest.mark.parametrize("mechanism", list(Mechanism))
def test_a_secret_is_masked_when_the_server_echoes_it(mechanism: Mechanism) -> None:
    def echo(peer: Peer) -> None:
        sent = peer.lines[-1]
        whole = base64.b64encode(PASSWORD.encode()).decode()
        blob = sent.split()[-1]
        peer.say(f"535-you said {sent}\r\n535-that is {PASSWORD} or {whole} or {sent.upper()}\r\n535 cut {blob[:24]}")

    transcript, _ = login(echo, credentials(mechanism), "AUTH PLAIN LOGIN XOAUTH2")
    shown = repr(transcript)
    blob = base64.b64encode(f"\0büro\0{PASSWORD}".encode()).decode()
    for secret in (PASSWORD, base64.b64encode(PASSWORD.encode()).decode(), blob, blob.upper(), blob[:24]):
        assert secret not in shown
    assert "***" in shown


def test_credentials_hide_their_password() -> None:
    assert PASSWORD not in repr(credentials())


def test_credentials_with_a_nul_are_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        Credentials(username="a\0b", password=Secret("x"))
