"""Postfix follows the flag without any change to an application: by socketmap, and by a file with a reload."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from followed_house import Followed, followed, until
from real_daemon import settle
from relaying_postfix import RelayingPostfix

from mailover.demo.behaviour import Behaviour

pytestmark = pytest.mark.peer("postfix")

SOCKETMAP = {"socketmap": {"listen": "127.0.0.1:0"}}


@pytest.fixture
def place(room: Path, request: pytest.FixtureRequest) -> Path:
    return settle(room, f"relaying-{request.node.name[:40]}")


@pytest.fixture
def mail(tmp_path: Path, ca_file: str) -> Iterator[Followed]:
    with followed(tmp_path, ca_file, SOCKETMAP) as house:
        yield house


def by_socketmap(place: Path, mail: Followed) -> RelayingPostfix:
    port = mail.house.adapters.port("socketmap")
    postfix = RelayingPostfix(place, mail.passwords, f"transport_maps = socketmap:inet:127.0.0.1:{port}:transport")
    postfix.start()
    return postfix


@pytest.fixture
def postfix(place: Path, mail: Followed) -> Iterator[RelayingPostfix]:
    running = by_socketmap(place, mail)
    yield running
    running.stop()


def test_the_next_message_after_a_flip_takes_the_new_provider(postfix: RelayingPostfix, mail: Followed) -> None:
    postfix.submit("anna@shop.example")
    assert mail.await_mail("anna@shop.example") == ["first"]
    mail.pin("second")
    postfix.submit("bob@shop.example")
    assert mail.await_mail("bob@shop.example") == ["second"]
    mail.pin("first")
    postfix.submit("carol@shop.example")
    assert mail.await_mail("carol@shop.example") == ["first"]


def test_a_refused_connection_moves_on_within_the_same_delivery(postfix: RelayingPostfix, mail: Followed) -> None:
    mail.providers["first"].behave(Behaviour.REFUSE)
    assert mail.house.service.snapshot.flags["mail"].flag.provider == "first", "no probe has noticed yet"
    postfix.submit("anna@shop.example")
    assert mail.await_mail("anna@shop.example") == ["second"]
    assert "status=deferred" not in postfix.story()


def test_a_refused_login_moves_on_within_the_same_delivery(postfix: RelayingPostfix, mail: Followed) -> None:
    mail.providers["first"].behave(Behaviour.AUTH)
    postfix.submit("anna@shop.example")
    assert mail.await_mail("anna@shop.example") == ["second"]
    assert "status=deferred" not in postfix.story()
    assert mail.providers["first"].refused_logins > 0


def test_mail_that_the_flag_holds_stays_in_the_queue_and_goes_when_it_is_asked_for(
    tmp_path: Path, ca_file: str, place: Path
) -> None:
    with followed(tmp_path, ca_file, SOCKETMAP, probes="1s", when_exhausted="hold") as mail:
        postfix = by_socketmap(place, mail)
        try:
            for each in mail.providers.values():
                each.behave(Behaviour.BUSY)
            flags = mail.house.service
            until(lambda: flags.snapshot.flags["mail"].flag.provider is None, "the hold")
            postfix.submit("anna@shop.example")
            assert postfix.log_has("held-by-mailover]: No such file or directory")
            assert mail.carriers("anna@shop.example") == []
            mail.providers["second"].behave(Behaviour.HEALTHY)
            until(lambda: flags.snapshot.flags["mail"].flag.provider == "second", "the recovery")

            postfix.restart()  # or half a minute's patience: so long its queue manager remembers an address
            postfix.flush()
            assert mail.await_mail("anna@shop.example") == ["second"]
        finally:
            postfix.stop()


def test_while_mailover_is_away_postfix_asks_applications_to_come_again(
    postfix: RelayingPostfix, mail: Followed
) -> None:
    postfix.submit("anna@shop.example")
    mail.await_mail("anna@shop.example")
    mail.house.adapters.stop()
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        postfix.submit("bob@shop.example")
    ((code, words),) = refused.value.recipients.values()
    assert (code, b"Temporary lookup failure" in words) == (451, True)


def test_a_file_and_a_reload_do_without_mailover(tmp_path: Path, ca_file: str, place: Path) -> None:
    flag = place / "flag"
    flag.mkdir(mode=0o755)
    config = place / "config"
    adapters = {
        "files": {
            "directory": str(flag),
            "formats": ["postfix"],
            "command": ["/bin/sh", "-c", f"test ! -e {place}/up || postfix -c {config} reload; touch {place}/reloaded"],
        }
    }
    with followed(tmp_path, ca_file, adapters) as mail:
        reloaded = place / "reloaded"
        until(reloaded.exists, "the first run of the command")
        postfix = RelayingPostfix(place, mail.passwords, f"transport_maps = texthash:{flag}/mail.transport")
        postfix.start()
        try:
            place.joinpath("up").touch()
            postfix.submit("anna@shop.example")
            assert mail.await_mail("anna@shop.example") == ["first"]
            reloaded.unlink()
            mail.pin("second")
            until(reloaded.exists, "the reload")
            postfix.submit("bob@shop.example")
            assert mail.await_mail("bob@shop.example") == ["second"]
            mail.house.adapters.stop()
            postfix.submit("carol@shop.example")
            assert mail.await_mail("carol@shop.example") == ["second"]
        finally:
            postfix.stop()
