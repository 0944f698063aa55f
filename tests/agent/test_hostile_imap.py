"""IMAP servers that announce gigabytes, drip, never end, or lie: a verdict, in time and in little memory."""

import ssl
import time
import tracemalloc
from dataclasses import dataclass

import pytest
from hostile.servers import HostileServer, Peer, Script
from imap_server import Folders, GoodImap
from mailboxes import NONCE, account, look, marked

from agent.probes.arrivals import Missing, Unreadable
from mailover.core.providers import Tls

WITHIN = 0.8
SLACK = 1.5


def logged_in(peer: Peer) -> str:
    """Everything goes well up to the first SELECT, whose tag is returned."""
    peer.say("* OK ready")
    while True:
        tag, _, command = peer.line().partition(" ")
        if command.startswith("SELECT"):
            return tag
        if command.startswith("CAPABILITY"):
            peer.say("* CAPABILITY IMAP4rev1 AUTH=PLAIN UIDPLUS")
        if command.startswith("AUTHENTICATE"):
            peer.say("+ ")
            peer.line()
        peer.say(f"{tag} OK")


def fetching(peer: Peer) -> str:
    """Up to the FETCH of a message that was found."""
    peer.say(f"{logged_in(peer)} OK")
    tag = peer.line().partition(" ")[0]
    peer.say("* SEARCH 7")
    peer.say(f"{tag} OK")
    return peer.line().partition(" ")[0]


def announce(size: int) -> Script:
    def script(peer: Peer) -> None:
        fetching(peer)
        peer.say(f"* 1 FETCH (UID 7 BODY[HEADER] {{{size}}}")
        peer.mute()

    return script


def drip_literal(peer: Peer) -> None:
    fetching(peer)
    peer.say("* 1 FETCH (UID 7 BODY[HEADER] {200000}")
    peer.drip(b"a")


def drip_line(peer: Peer) -> None:
    logged_in(peer)
    peer.drip(b"* 7 EXISTS")


def endless_untagged(peer: Peer) -> None:
    logged_in(peer)
    peer.flood(b"* 7 EXISTS\r\n" * 50)


def endless_untagged_slowly(peer: Peer) -> None:
    logged_in(peer)
    peer.drip(b"* 7 EXISTS\r\n", pause=0.01)


def endless_line(peer: Peer) -> None:
    logged_in(peer)
    peer.flood(b"x" * 1000)


def bye(peer: Peer) -> None:
    logged_in(peer)
    peer.say("* BYE shutting down")


def hang_up(peer: Peer) -> None:
    logged_in(peer)


def silent(peer: Peer) -> None:
    peer.mute()


def preauth(peer: Peer) -> None:
    peer.say("* PREAUTH welcome, admin")
    peer.mute()


def other_protocol(peer: Peer) -> None:
    peer.say("HTTP/1.1 400 Bad Request\r\n\r\n")


def wrong_tag(peer: Peer) -> None:
    logged_in(peer)
    peer.say("x9 OK done")
    peer.mute()


def endless_challenges(peer: Peer) -> None:
    peer.say("* OK ready")
    tag = peer.line().partition(" ")[0]
    peer.say("* CAPABILITY IMAP4rev1 AUTH=PLAIN")
    peer.say(f"{tag} OK")
    while True:
        peer.line()
        peer.say("+ more")


def no_login(text: str) -> Script:
    def script(peer: Peer) -> None:
        peer.say("* OK ready")
        while True:
            tag, _, command = peer.line().partition(" ")
            if command.startswith("AUTHENTICATE"):
                peer.say("+ ")
                secret = peer.line()
                peer.say(f"{tag} NO {text} {secret}")
            else:
                peer.say("* CAPABILITY IMAP4rev1 AUTH=PLAIN")
                peer.say(f"{tag} OK")

    return script


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    script: Script
    says: str


CASES = (
    Case(name="literal of 2 GB", script=announce(2_000_000_000), says="literal of 2000000000 bytes"),
    Case(name="literal of 1e15", script=announce(10**15), says="literal of 1000000000000000 bytes"),
    Case(name="literal that never comes", script=announce(1000), says="did not answer in time"),
    Case(name="dripped literal", script=drip_literal, says="did not answer in time"),
    Case(name="dripped line", script=drip_line, says="did not answer in time"),
    Case(name="endless responses", script=endless_untagged, says="more than"),
    Case(name="endless responses, slowly", script=endless_untagged_slowly, says="did not answer in time"),
    Case(name="endless line", script=endless_line, says="a line of more than"),
    Case(name="bye", script=bye, says="hung up: BYE shutting down"),
    Case(name="hang up", script=hang_up, says="closed the connection"),
    Case(name="silence", script=silent, says="did not answer in time"),
    Case(name="preauth", script=preauth, says="did not greet but said: * PREAUTH"),
    Case(name="another protocol", script=other_protocol, says="did not greet"),
    Case(name="wrong tag", script=wrong_tag, says="nobody asked"),
    Case(name="endless challenges", script=endless_challenges, says="asked for more than there is"),
    Case(name="unavailable", script=no_login("[UNAVAILABLE] later"), says="[UNAVAILABLE] later ***"),
    Case(name="wrong password", script=no_login("[AUTHENTICATIONFAILED]"), says="[AUTHENTICATIONFAILED] ***"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_server_is_a_mailbox_that_cannot_be_read(case: Case) -> None:
    with HostileServer(case.script) as server:
        look(account(server.port), within=0.1, linger=0)
        tracemalloc.start()
        try:
            looked = look(account(server.port), within=WITHIN, linger=0)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert isinstance(looked.found, Unreadable)
    assert case.says in looked.found.text
    assert looked.seconds < WITHIN + SLACK
    assert peak < 4_000_000


def logins(server: HostileServer) -> int:
    return sum("AUTHENTICATE" in line for peer in server.peers for line in peer.lines)


def test_a_wrong_password_is_tried_once_and_an_unavailable_server_again() -> None:
    with HostileServer(no_login("[AUTHENTICATIONFAILED]")) as server:
        assert look(account(server.port), within=2.5).seconds < 2
        assert logins(server) == 1
    with HostileServer(no_login("[UNAVAILABLE]")) as server:
        look(account(server.port), within=1.5)
        assert logins(server) == 2


def test_nothing_listening_is_a_mailbox_that_cannot_be_read() -> None:
    with HostileServer(silent) as server:
        port = server.port
    found = look(account(port), within=0.3).found
    assert isinstance(found, Unreadable)
    assert "cannot connect" in found.text


def test_a_server_that_recovers_before_the_deadline_is_asked_again() -> None:
    folders = Folders()
    folders.put(marked())
    good, calls = GoodImap(folders), []

    def script(peer: Peer) -> None:
        calls.append(peer)
        if len(calls) == 1:
            bye(peer)
        else:
            good(peer)

    with HostileServer(script) as server:
        looked = look(account(server.port), within=5)
    assert not isinstance(looked.found, Unreadable | Missing)
    assert looked.found.nonce == NONCE


def test_starttls_that_is_refused_sends_no_password() -> None:
    folders = Folders()
    with HostileServer(GoodImap(folders)) as server:
        found = look(account(server.port, tls=Tls.STARTTLS), within=0.5).found
    assert isinstance(found, Unreadable)
    assert "STARTTLS refused" in found.text
    assert not any(command.startswith(("LOGIN", "AUTHENTICATE")) for command in folders.commands)


def test_data_injected_before_tls_is_refused(server_context: ssl.SSLContext, ca_file: str) -> None:
    def inject(peer: Peer) -> None:
        peer.say("* OK ready")
        tag = peer.line().partition(" ")[0]
        peer.say(f"{tag} OK go\r\n* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n".encode())
        peer.secure(server_context)
        peer.mute()

    with HostileServer(inject) as server:
        found = look(account(server.port, tls=Tls.STARTTLS, ca_file=ca_file), within=0.5).found
    assert isinstance(found, Unreadable)
    assert "injected" in found.text


def test_an_untrusted_certificate_sends_no_password(server_context: ssl.SSLContext) -> None:
    folders = Folders()
    with HostileServer(GoodImap(folders, server_context)) as server:
        found = look(account(server.port, tls=Tls.IMPLICIT), within=0.5).found
    assert isinstance(found, Unreadable)
    assert "certificate" in found.text
    assert folders.commands == []


def test_no_password_is_sent_in_the_clear_unless_that_is_allowed() -> None:
    folders = Folders()
    with HostileServer(GoodImap(folders)) as server:
        found = look(account(server.port, allow_plaintext=False), within=0.5).found
    assert found == Unreadable(text="no password is sent without TLS")
    assert folders.commands == []


def test_closing_does_not_wait_for_a_server_that_hangs() -> None:
    with HostileServer(silent) as server:
        began = time.monotonic()
        look(account(server.port), within=0.2, linger=0)
        assert time.monotonic() - began < 2
