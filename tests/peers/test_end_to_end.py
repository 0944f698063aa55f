"""The whole house with a real provider and a real mailbox: what breaks, who is blamed for it, and the way back."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests
from real_dovecot import Dovecot
from real_postfix import Postfix

from mailover import bootstrap
from mailover.bootstrap import House
from mailover.config import build
from mailover.core.events import EventType
from mailover.demo.behaviour import Delivered
from mailover.demo.diary import Diary, Entry
from mailover.demo.provider import Provider

pytestmark = pytest.mark.peer("postfix", "dovecot")

PROBE = "probe@example.test"
PASSWORD = "correct horse"
PATIENCE = 40.0


@pytest.fixture
def spare(dovecot: Dovecot, ca_file: str) -> Iterator[Provider]:
    """The second provider is a fake one; its mail goes into the same real mailbox."""

    def deliver(message: Delivered) -> None:
        if PROBE in message.recipients:
            dovecot.deliver(PROBE, message.content)

    with Provider("spare", sink=deliver) as provider:
        yield provider


@pytest.fixture
def diary() -> Diary:
    return Diary()


def account(ca_file: str, port: int, password: str) -> Mapping[str, object]:
    return {
        "host": "127.0.0.1",
        "port": port,
        "ca_file": ca_file,
        "username": "app",
        "password": password,
        "from": "app@example.test",
    }


@pytest.fixture
def round_trip(dovecot: Dovecot, ca_file: str) -> Mapping[str, object]:
    imap = {
        "host": dovecot.host,
        "port": dovecot.port,
        "ca_file": ca_file,
        "username": PROBE,
        "password": PASSWORD,
    }
    return {"to": PROBE, "deadline": "8s", "mailbox": "imap", "imap": imap}


@pytest.fixture
def document(
    postfix: Postfix, spare: Provider, ca_file: str, round_trip: Mapping[str, object], tmp_path: Path
) -> Mapping[str, object]:
    """The config: the defaults in a hurry."""
    return {
        "server": {"listen": "127.0.0.1:0"},
        "storage": {"url": f"sqlite:///{tmp_path / 'mailover.db'}"},
        "providers": {
            "postfix": account(ca_file, postfix.port, PASSWORD),
            "spare": account(ca_file, spare.port, spare.password),
        },
        "streams": {"transactional": {"providers": ["postfix", "spare"]}},
        "probes": {
            "port_interval": "1s",
            "login_interval": "1s",
            "round_trip_interval": "3s",
            "deadline": "4s",
            "retry_interval": "300ms",
            "auth_pause": "500ms",
            "slow": "3s",
        },
        "breaker": {"open_for": "1s", "auth_open_for": "1s", "failback_after": "2s", "failback_max": "4s"},
        "round_trip": round_trip,
    }


@pytest.fixture
def house(document: Mapping[str, object], diary: Diary) -> Iterator[House]:
    house = bootstrap.assemble(build(document, {}))
    house.service.listen(diary.hear)
    house.start()
    yield house
    house.stop()


def flag(house: House) -> dict[str, object]:
    """What an application reads."""
    answer = requests.get(f"{house.api.url}/v1/active-provider", timeout=10)
    answer.raise_for_status()
    return answer.json()


def happened(diary: Diary, kind: EventType, after: Entry) -> Entry:
    """The event, which must come."""
    entry = diary.wait_for(kind, after=after, within=PATIENCE)
    assert entry is not None, "\n".join(f"{e.seconds:.1f} {e.text}" for e in diary.entries)
    return entry


def wait_for_arrivals(house: House, providers: set[str]) -> None:
    """A test message through each of them has been found in the mailbox."""
    until = time.monotonic() + PATIENCE
    while {name for name, one in house.service.snapshot.fleet.breakers.items() if one.arrived_at} != providers:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_real_provider_fails_and_returns_and_a_mailbox_that_is_down_moves_nothing(
    house: House, postfix: Postfix, dovecot: Dovecot, diary: Diary
) -> None:
    wait_for_arrivals(house, {"postfix", "spare"})
    assert flag(house)["provider"] == "postfix"

    broken = diary.note("Postfix stops")
    postfix.stop()
    opened = happened(diary, EventType.PROVIDER_OPENED, broken)
    assert opened.event is not None
    assert (opened.event.subject, opened.event.data["failure_kind"]) == ("provider/postfix", "connection")
    happened(diary, EventType.FAILOVER_HAPPENED, broken)
    assert flag(house)["provider"] == "spare"

    mended = diary.note("Postfix is back")
    postfix.start()
    happened(diary, EventType.FAILBACK_HAPPENED, mended)
    assert flag(house)["provider"] == "postfix"

    locked_out = diary.note("the password is changed")
    postfix.sasl.users({"app": "another password"})
    opened = happened(diary, EventType.PROVIDER_OPENED, locked_out)
    assert opened.event is not None
    assert opened.event.data["failure_kind"] == "auth"
    assert "the fix is ours" in opened.text
    happened(diary, EventType.FAILOVER_HAPPENED, locked_out)

    let_in = diary.note("the password is right again")
    postfix.sasl.users({"app": PASSWORD})
    happened(diary, EventType.FAILBACK_HAPPENED, let_in)

    epoch = flag(house)["epoch"]
    dark = diary.note("the mailbox stops")
    dovecot.stop()
    happened(diary, EventType.MAILBOX_FAILING, dark)
    light = diary.note("the mailbox is back")
    dovecot.start()
    happened(diary, EventType.MAILBOX_RECOVERED, light)
    since_dark = diary.entries[diary.entries.index(dark) :]
    assert [entry.text for entry in since_dark if entry.tells(EventType.PROVIDER_OPENED)] == []
    assert flag(house)["epoch"] == epoch
    assert PASSWORD not in "\n".join(entry.text for entry in diary.entries)
