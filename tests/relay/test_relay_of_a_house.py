"""The house with a relay: mail goes in by SMTP or by the desk, comes out at a provider, and what sends met is heard."""

import re
import smtplib
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests
from ailing import Sick, relay_over
from postgres import Postgres, find_postgres
from running.agents import free_port, until

from mailover.bootstrap import House, assemble
from mailover.clock import SystemClock
from mailover.config import build
from mailover.core.mail import Fate, Mail, QueueDepth, Recipient, Settlement, Submission
from mailover.core.observations import Observation, Purpose
from mailover.demo.behaviour import Behaviour, Delivered
from mailover.demo.provider import Provider
from mailover.errors import ConfigError, UnavailableError
from mailover.storage.sql import open_store

NAMES = ("first", "second")
CONTENT = b"From: app@example.com\r\nTo: to@example.org\r\nSubject: hello\r\n\r\nhello\r\n"


@pytest.fixture
def arrived() -> list[Delivered]:
    return []


@pytest.fixture
def providers(arrived: list[Delivered]) -> Iterator[dict[str, Provider]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Provider(name, sink=arrived.append)) for name in NAMES}


def document(url: str, providers: Mapping[str, Provider], ca_file: str, /, **tables: object) -> dict[str, object]:
    accounts = {
        name: {
            "host": each.host,
            "port": each.port,
            "ca_file": ca_file,
            "username": each.username,
            "password": each.password,
        }
        for name, each in providers.items()
    }
    return {
        "server": {"listen": "127.0.0.1:0"},
        "storage": {"url": url},
        "providers": accounts,
        "streams": {"mail": {"providers": list(providers)}},
        "relay": {"listen": "127.0.0.1:0"},
        **tables,
    }


Build = Callable[..., House]


@pytest.fixture
def built(tmp_path: Path, providers: dict[str, Provider], ca_file: str) -> Iterator[Build]:
    """Houses, running; stopped at the end."""
    with ExitStack() as stack:

        def start(url: str = "", **tables: object) -> House:
            said = document(url or f"sqlite:///{tmp_path / 'mailover.db'}", providers, ca_file, **tables)
            house = assemble(build(said, {}))
            house.start()
            stack.callback(house.stop)
            return house

        yield start


def port(house: House) -> int:
    assert house.relay is not None
    return house.relay.ports[0]


def hand_over(port: int, *to: str, content: bytes = CONTENT) -> None:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="app.test", timeout=30) as client:
        client.sendmail("app@example.com", list(to) or ["to@example.org"], content)


def test_mail_by_smtp_and_by_the_desk_is_delivered_and_the_agent_hears_of_it(
    built: Build, arrived: list[Delivered]
) -> None:
    house = built()
    heard: list[Observation] = []
    house.service.witness(heard.extend)
    hand_over(port(house))
    submitted = Submission(
        stream="mail", sender="a@example.com", recipients=("b@example.org",), content=CONTENT, by="me"
    )
    mail_id = house.service.mail.submit(submitted)
    until(lambda: len(arrived) == 2, "both messages")
    assert {each.recipients for each in arrived} == {("to@example.org",), ("b@example.org",)}
    until(lambda: sum(each.count for each in heard if each.purpose is Purpose.REPORT) == 2, "the relay's report")
    kept = house.store.mail.mail(mail_id)
    assert kept is not None
    assert (kept.recipients[0].fate, kept.recipients[0].provider) == (Fate.DELIVERED, "first")
    assert house.store.mail.content(mail_id) is None


def test_prometheus_gets_what_was_delivered_and_what_waits(built: Build, arrived: list[Delivered]) -> None:
    house = built()
    hand_over(port(house))
    until(lambda: bool(arrived), "the message")
    with smtplib.SMTP("127.0.0.1", port(house), timeout=30) as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login("mail", "a wrong password")

    def says(pattern: str) -> bool:
        text = requests.get(f"{house.api.url}/metrics", timeout=10).text
        return re.search(pattern, text, re.MULTILINE) is not None

    until(lambda: says(r'^mailover_deliveries_total\{outcome="delivered",provider="first"\} 1\.0$'), "the delivery")
    until(lambda: says(r'^mailover_time_to_deliver_seconds_count\{stream="mail"\} 1\.0$'), "its time")
    until(lambda: says(r'^mailover_queue_depth\{stream="mail"\} 0\.0$'), "an empty queue")
    until(lambda: says(r'^mailover_intake_messages_total\{outcome="taken"\} 1\.0$'), "what came")
    until(lambda: says(r"^mailover_intake_failed_logins_total [1-9]"), "the wrong login")


def test_real_sends_move_the_flag_before_any_probe_does(
    built: Build, providers: dict[str, Provider], arrived: list[Delivered]
) -> None:
    house = built(probes={"port_interval": "1h", "login_interval": "1h", "retry_interval": "100ms"})
    hand_over(port(house))
    providers["first"].behave(Behaviour.REFUSE)
    hand_over(port(house))
    until(lambda: len(arrived) == 2, "both messages")
    assert arrived[-1].provider == "second"
    until(lambda: house.service.snapshot.flags["mail"].flag.provider == "second", "the flag")


def test_what_waited_while_all_were_out_is_delivered_when_one_is_back(
    built: Build, providers: dict[str, Provider], arrived: list[Delivered]
) -> None:
    house = built(
        streams={"mail": {"providers": list(NAMES), "when_exhausted": "hold"}},
        probes={"port_interval": "500ms", "login_interval": "1s", "retry_interval": "100ms", "auth_pause": "200ms"},
        breaker={"open_for": "500ms"},
    )
    for each in providers.values():
        each.behave(Behaviour.BUSY)
    until(lambda: house.service.snapshot.flags["mail"].flag.provider is None, "nobody being left")
    for number in range(5):
        hand_over(port(house), f"{number}@example.org")
    until(lambda: house.store.mail.depths().get("mail", QueueDepth(stream="mail")).queued == 5, "a queue")
    providers["second"].behave(Behaviour.HEALTHY)
    until(lambda: len(arrived) == 5, "all of it")
    assert {each.provider for each in arrived} == {"second"}


def test_without_a_relay_the_desk_refuses_and_a_reload_cannot_add_one(built: Build, tmp_path: Path) -> None:
    house = built(relay=None)
    assert house.relay is None
    with pytest.raises(UnavailableError):
        house.service.mail.submit(
            Submission(stream="mail", sender="", recipients=("b@example.org",), content=CONTENT, by="me")
        )
    with pytest.raises(ConfigError, match="relay: cannot be added"):
        house.reload(house._settings.model_copy(update={"relay": _relay()}))


def _relay() -> object:
    said = {
        "providers": {"a": {"host": "a.example"}},
        "streams": {"mail": {"providers": ["a"]}},
        "relay": {"listen": "127.0.0.1:0"},
    }
    return build(said, {}).relay


def test_a_port_that_is_taken_is_told_at_the_start(
    tmp_path: Path, providers: dict[str, Provider], ca_file: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        said = document(f"sqlite:///{tmp_path / 'a.db'}", providers, ca_file, relay={"listen": listen})
        house = assemble(build(said, {}))
        try:
            with pytest.raises(ConfigError, match=r"relay\.listen: .* cannot be used"):
                house.start()
        finally:
            house.stop()


def test_a_reload_changes_accounts_and_bounds_but_not_where_it_listens(
    built: Build, providers: dict[str, Provider], ca_file: str, arrived: list[Delivered], tmp_path: Path
) -> None:
    house = built()
    hand_over(port(house))
    until(lambda: len(arrived) == 1, "the first message")
    url = f"sqlite:///{tmp_path / 'mailover.db'}"
    moved = build(document(url, providers, ca_file, relay={"listen": "127.0.0.1:2599"}), {})
    with pytest.raises(ConfigError, match="no listener can change"):
        house.reload(moved)
    only_second = {"second": providers["second"]}
    relay = {"listen": "127.0.0.1:0", "delivery": {"at_once": 2, "move_on_after": "2s"}}
    house.reload(build(document(url, only_second, ca_file, relay=relay), {}))
    hand_over(port(house))
    until(lambda: len(arrived) == 2, "the second message")
    assert [each.provider for each in arrived] == ["first", "second"]


def test_a_relay_that_fails_begins_anew_and_the_agent_never_notices(
    built: Build,
    arrived: list[Delivered],
    providers: dict[str, Provider],
    ca_file: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = built(relay=None)
    said = document("sqlite:///unused.db", providers, ca_file, relay={"listen": f"127.0.0.1:{free_port()}"})
    settings = build(said, {})
    assert settings.relay is not None
    sick = Sick(house.store.mail)
    relay = relay_over(sick, settings, house)
    relay.start()
    try:
        until(lambda: sick.failed, "the defect")

        def taken() -> bool:
            try:
                hand_over(settings.relay.listen.port)  # type: ignore[union-attr]
            except (OSError, smtplib.SMTPException):
                return False
            return True

        until(taken, "another life")
        until(lambda: bool(arrived), "the message")
        assert house.service.stale_seconds() is None
    finally:
        relay.stop()
    assert "the relay failed; it begins anew" in caplog.text


def kept(mail_id: str, at: datetime) -> Mail:
    """A mail as an earlier life of the relay left it."""
    return Mail(
        id=mail_id,
        stream="mail",
        sender="app@example.com",
        recipients=(Recipient(address="to@example.org"),),
        size=len(CONTENT),
        accepted_at=at,
        by="app",
    )


def test_mail_that_waited_for_anybody_is_tried_when_the_relay_begins(
    built: Build, arrived: list[Delivered], tmp_path: Path
) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'mailover.db'}")
    now = SystemClock().now()
    mail = kept("msg_waiting", now)
    store.mail.put([(mail, CONTENT, mail.id)], holder="before", until=now + timedelta(minutes=1))
    waits = Settlement(mail=mail.id, due_at=now + timedelta(minutes=5), waiting_for="any", because="all were out")
    store.mail.settle([waits], holder="before", now=now)
    store.close()
    built()
    until(lambda: len(arrived) == 1, "the mail that waited")


def test_a_quota_that_was_used_up_in_an_earlier_life_is_so_from_the_first_mail_on(
    built: Build, arrived: list[Delivered], providers: dict[str, Provider], ca_file: str, tmp_path: Path
) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'mailover.db'}")
    now = SystemClock().now()
    store.mail.use(now.date(), {"first": 5})
    for number in range(5):
        mail = kept(f"msg_{number}", now)
        store.mail.put([(mail, CONTENT, mail.id)], holder="before", until=now + timedelta(minutes=1))
    store.mail.release(holder="before")
    store.close()
    accounts = document("", providers, ca_file)["providers"]
    assert isinstance(accounts, dict)
    accounts["first"]["daily_quota"] = 5
    accounts["first"]["quota_resets"] = "00:00"
    built(providers=accounts)
    until(lambda: len(arrived) == 5, "all five")
    assert {each.provider for each in arrived} == {"second"}


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres | None]:
    with find_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def shared(postgres: Postgres | None) -> Iterator[str]:
    """A database that outlives the houses on it."""
    if postgres is None:
        pytest.skip("no PostgreSQL was found")
    with postgres.database() as url:
        yield url.replace("postgresql:", "postgresql+psycopg:")


def test_two_relays_share_one_queue_and_send_nothing_twice(shared: str, built: Build, arrived: list[Delivered]) -> None:
    houses = [built(shared, server={"listen": "127.0.0.1:0", "instance": name}) for name in ("one", "other")]
    queue = houses[0].store.mail
    houses[0].service.mail.pause("mail", paused=True)
    for house in houses:
        for number in range(15):
            hand_over(port(house), f"{number}@{house._settings.server.instance}.example")
    houses[1].service.mail.pause("mail", paused=False)
    until(lambda: len(arrived) >= 30, "all of it")
    until(lambda: queue.depths()["mail"].queued == 0, "an empty queue")
    assert len({each.recipients for each in arrived}) == len(arrived) == 30
    page = queue.mails(limit=100)
    assert {(mail.recipients[0].fate, mail.handovers) for mail in page.items} == {(Fate.DELIVERED, 0)}
