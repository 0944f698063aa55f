"""The IMAP mailbox with a server that behaves: finding, folders, lateness, sweeping."""

import asyncio
import base64
import ssl
from datetime import timedelta

import pytest
from hostile.servers import HostileServer, Peer
from imap_server import PASSWORD, USERNAME, Folders, GoodImap
from mailboxes import AGENT, OTHER_NONCE, account, look, marked, utc_now

from agent.probes.arrivals import Arrival, Arrivals, Missing, Unreadable
from agent.probes.imap import ImapAccount
from agent.probes.imap_client import quote_folder
from mailover.core.providers import Tls
from mailover.smtp import Mechanism


def test_a_message_is_found_with_its_folder_and_headers_and_then_deleted() -> None:
    folders = Folders()
    folders.put(b"Subject: somebody else's\r\n\r\nhello\r\n")
    folders.put(marked(extra=b"Authentication-Results: mx; spf=pass\r\n"), "Junk")
    with HostileServer(GoodImap(folders)) as server:
        found = look(account(server.port)).found
    assert isinstance(found, Arrival)
    assert found.folder == "Junk"
    assert ("Authentication-Results", "mx; spf=pass") in found.headers
    assert (folders.count("INBOX"), folders.count("Junk")) == (1, 0)


@pytest.mark.parametrize("tls", [Tls.IMPLICIT, Tls.STARTTLS])
def test_the_mailbox_is_read_under_tls(tls: Tls, server_context: ssl.SSLContext, ca_file: str) -> None:
    folders = Folders()
    folders.put(marked())
    script = GoodImap(folders, server_context, starttls=tls is Tls.STARTTLS)
    with HostileServer(script) as server:
        found = look(account(server.port, tls=tls, ca_file=ca_file), within=5).found
    assert isinstance(found, Arrival)


def test_a_server_without_sasl_is_logged_into_with_literals() -> None:
    folders = Folders()
    folders.put(marked())
    with HostileServer(GoodImap(folders, capabilities="IMAP4rev1")) as server:
        assert isinstance(look(account(server.port)).found, Arrival)
    assert "EXPUNGE" in folders.commands
    assert not any(PASSWORD in command for command in folders.commands)


def test_a_token_is_presented_as_xoauth2_and_a_refused_one_is_told_without_the_token() -> None:
    said: list[str] = []

    def script(peer: Peer) -> None:
        peer.say("* OK ready")
        while True:
            tag, _, command = peer.line().partition(" ")
            if command == "AUTHENTICATE XOAUTH2":
                peer.say("+ ")
                said.append(base64.b64decode(peer.line()).decode())
                peer.say("+ " + base64.b64encode(b'{"status":"400"}').decode())
                assert peer.line() == ""
                peer.say(f"{tag} NO [AUTHENTICATIONFAILED] Invalid credentials for {said[0]}")
            else:
                peer.say("* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2")
                peer.say(f"{tag} OK")

    with HostileServer(script) as server:
        found = look(account(server.port, mechanism=Mechanism.XOAUTH2, password="to-ken-12345")).found
    assert said == [f"user={USERNAME}\x01auth=Bearer to-ken-12345\x01\x01"]
    assert isinstance(found, Unreadable)
    assert "AUTHENTICATIONFAILED" in found.text
    assert "to-ken-12345" not in found.text


def test_a_message_whose_own_headers_were_dropped_is_known_by_its_subject() -> None:
    folders = Folders()
    kept = [line for line in marked().split(b"\r\n") if not line.startswith(b"Mailover-")]
    folders.put(b"\r\n".join(kept))
    with HostileServer(GoodImap(folders)) as server:
        assert isinstance(look(account(server.port)).found, Arrival)


def test_a_message_that_is_not_there_is_missing_at_the_deadline() -> None:
    folders = Folders()
    with HostileServer(GoodImap(folders)) as server:
        looked = look(account(server.port), within=1.5)
    assert looked.found == Missing(looked=True)
    assert 1.4 <= looked.seconds < 4


def test_a_late_message_of_an_earlier_probe_is_late_and_not_this_probes_success() -> None:
    folders = Folders()
    folders.put(marked(OTHER_NONCE))
    arrivals = Arrivals(utc_now)

    async def lose_one() -> None:
        arrivals.expect("postmark", OTHER_NONCE)
        arrivals.give_up(OTHER_NONCE, utc_now() - timedelta(seconds=130))

    asyncio.run(lose_one())
    with HostileServer(GoodImap(folders)) as server:
        looked = look(account(server.port), arrivals=arrivals)
    assert looked.found == Missing(looked=True)
    (seconds,) = arrivals.take_late("postmark")
    assert 129 < seconds < 140
    assert arrivals.take_late("postmark") == []
    assert folders.count() == 0


def test_messages_that_somebody_may_still_wait_for_are_left_alone() -> None:
    folders = Folders()
    folders.put(marked(AGENT + "e" * 24))
    folders.put(marked(OTHER_NONCE))
    folders.put(marked("f" * 32))
    arrivals = Arrivals(utc_now)

    async def await_one() -> None:
        arrivals.expect("postmark", OTHER_NONCE)

    asyncio.run(await_one())
    with HostileServer(GoodImap(folders)) as server:
        look(account(server.port), arrivals=arrivals)
    assert folders.count() == 3


def test_old_test_messages_are_deleted_by_age_in_a_huge_folder_bit_by_bit() -> None:
    folders = Folders("INBOX")
    for number in range(300):
        folders.put(marked(f"{AGENT}{number:024x}"), came_at=utc_now() - timedelta(days=30))
    for _ in range(5):
        folders.put(b"Subject: a person's\r\n\r\n", came_at=utc_now() - timedelta(days=30))
    with HostileServer(GoodImap(folders)) as server:
        look(account(server.port, folders=["INBOX"]))
    assert folders.count() == 5
    assert max(map(len, folders.commands)) < 1000


def test_a_refused_login_is_the_mailboxs_trouble_and_is_not_repeated() -> None:
    folders = Folders()
    with HostileServer(GoodImap(folders)) as server:
        looked = look(account(server.port, password="old-passw0rd"), within=3)
    assert isinstance(looked.found, Unreadable)
    assert "AUTHENTICATIONFAILED" in looked.found.text
    assert "old-passw0rd" not in looked.found.text
    assert looked.seconds < 2
    assert sum(command.startswith("AUTHENTICATE") for command in folders.commands) == 1


def test_a_folder_that_cannot_be_opened_leaves_the_arrival_unknown() -> None:
    with HostileServer(GoodImap(Folders("INBOX"))) as server:
        found = look(account(server.port)).found
    assert isinstance(found, Unreadable)
    assert found.text.startswith("Junk: SELECT refused")


def test_a_message_in_a_good_folder_is_found_although_another_folder_cannot_be_opened() -> None:
    folders = Folders("INBOX")
    folders.put(marked())
    with HostileServer(GoodImap(folders)) as server:
        assert isinstance(look(account(server.port, folders=["Junk", "INBOX"])).found, Arrival)


def test_only_nonces_are_searched_for() -> None:
    with pytest.raises(ValueError, match="own nonces"):
        look(account(1), nonce="x\r\nm9 DELETE INBOX")


@pytest.mark.parametrize("folder", ["", "IN\r\nBOX", "a\0b", "a\nb"])
def test_folders_with_control_characters_are_refused(folder: str) -> None:
    with pytest.raises(ValueError, match="not a folder"):
        ImapAccount(endpoint=account(1).endpoint, credentials=account(1).credentials, folders=(folder,))


def test_a_mailbox_needs_a_folder() -> None:
    with pytest.raises(ValueError, match="needs a folder"):
        account(1, folders=[])


def test_folder_names_are_quoted_in_modified_utf_7() -> None:
    assert quote_folder("[Gmail]/Spam") == '"[Gmail]/Spam"'
    assert quote_folder("Entw\u00fcrfe & \u53f0\u5317") == '"Entw&APw-rfe &- &U,BTFw-"'
    assert quote_folder('a"b\\c') == '"a\\"b\\\\c"'
