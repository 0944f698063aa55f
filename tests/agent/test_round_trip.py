"""Round trips through fake providers into every kind of mailbox: arriving, late, lost, and mailboxes that are down."""

import asyncio
import smtplib
import threading
from collections.abc import Callable

import pytest
from hostile.servers import HostileServer, Peer, smtp
from imap_server import Folders, GoodImap
from looks import TO, looking, target_at, target_of, trip_to
from mailboxes import AGENT, account, utc_now

from agent.probes import PROBES, RoundTrip, Seen, Target
from agent.probes.arrivals import Arrivals, Mailbox
from agent.probes.headers import read_headers
from agent.probes.imap import ImapMailbox
from agent.probes.marks import agent_mark, compose, fresh_nonce, is_nonce, nonce_of
from agent.probes.sink import SinkMailbox
from agent.probes.webhook import WebhookMailbox
from mailover.core.observations import Depth, FailureKind, ProbeKind, Stage
from mailover.demo.provider import Behaviour, Delivered, Provider
from mailover.errors import RefusedError
from mailover.resolve import Resolver

VERDICTS = (
    b"Return-Path: <bounce@example.com>\r\nAuthentication-Results: mx.example.org; spf=pass; dkim=pass; dmarc=fail\r\n"
)


@pytest.fixture
def arrivals() -> Arrivals:
    return Arrivals(utc_now)


def imap(port: int, arrivals: Arrivals) -> ImapMailbox:
    return ImapMailbox(account(port), agent=AGENT, arrivals=arrivals, resolver=Resolver(), now=utc_now)


def travel(target: Target, trip: RoundTrip, *, times: int = 1) -> list[Seen]:
    """Round trips one after the other, in one life of the mailbox."""

    async def go() -> list[Seen]:
        await trip.mailbox.open()
        try:
            return [await PROBES[ProbeKind.ROUND_TRIP](target, looking(round_trip=trip)) for _ in range(times)]
        finally:
            await trip.mailbox.close()

    return asyncio.run(go())


def deliver_into(folders: Folders, folder: str = "INBOX") -> Callable[[Delivered], None]:
    def deliver(message: Delivered) -> None:
        folders.put(VERDICTS + message.content, folder)

    return deliver


def nonce_in(message: Delivered) -> str:
    return nonce_of(read_headers(message.content)) or ""


def test_a_message_travels_through_the_provider_into_an_imap_folder(arrivals: Arrivals, ca_file: str) -> None:
    folders = Folders()
    with (
        HostileServer(GoodImap(folders)) as server,
        Provider("postmark", sink=deliver_into(folders, "Junk")) as provider,
    ):
        (seen,) = travel(target_of(provider, ca_file), trip_to(imap(server.port, arrivals), arrivals))
    assert seen.observation.ok
    assert seen.observation.depth is Depth.SEND
    assert {key: seen.observation.facts[key] for key in ("folder", "spf", "dkim", "dmarc", "return_path")} == {
        "folder": "Junk",
        "spf": "pass",
        "dkim": "pass",
        "dmarc": "fail",
        "return_path": "bounce@example.com",
    }
    assert 0 <= float(str(seen.observation.facts["latency_seconds"])) < 5
    assert seen.observation.stages[-1][0] is Stage.ARRIVE
    assert seen.mailbox is not None
    assert seen.mailbox.readable


def test_only_the_configured_servers_verdicts_are_kept(arrivals: Arrivals, ca_file: str) -> None:
    folders = Folders()
    with HostileServer(GoodImap(folders)) as server, Provider(sink=deliver_into(folders)) as provider:
        trip = trip_to(imap(server.port, arrivals), arrivals, authserv_id="mx.elsewhere.example")
        (seen,) = travel(target_of(provider, ca_file), trip)
    assert seen.observation.ok
    assert "spf" not in seen.observation.facts


def test_the_message_is_plain_marked_and_says_that_it_is_automatic(arrivals: Arrivals, ca_file: str) -> None:
    sent: list[Delivered] = []
    with Provider("postmark", sink=sent.append) as provider:
        travel(target_of(provider, ca_file), trip_to(WebhookMailbox(arrivals), arrivals, deadline=1.0))
    (message,) = sent
    headers = dict(read_headers(message.content))
    nonce = headers["Mailover-Probe"]
    assert is_nonce(nonce)
    assert nonce.startswith(AGENT)
    assert nonce in headers["Subject"]
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["Message-ID"] == f"<{nonce}@example.com>"
    assert headers["Date"].endswith("+0000")
    assert message.content.isascii()
    assert b"\n" not in message.content.replace(b"\r\n", b"")
    assert (message.sender, message.recipients) == ("noreply@example.com", (TO,))


def test_a_provider_that_accepts_and_loses_fails_at_arrival(arrivals: Arrivals, ca_file: str) -> None:
    with HostileServer(GoodImap(Folders())) as server, Provider() as provider:
        provider.behave(Behaviour.LOSE)
        trip = trip_to(imap(server.port, arrivals), arrivals, deadline=2.0)
        (seen,) = travel(target_of(provider, ca_file), trip)
    failure = seen.observation.failure
    assert failure is not None
    assert (failure.kind, failure.stage, failure.replied) == (FailureKind.TIMEOUT, Stage.ARRIVE, True)
    assert seen.observation.depth is Depth.SEND
    assert 1.5 < seen.observation.seconds < 6
    assert seen.mailbox is not None
    assert seen.mailbox.readable


def test_a_mailbox_that_is_down_leaves_an_accepted_message_and_no_blame(arrivals: Arrivals, ca_file: str) -> None:
    with HostileServer(lambda peer: peer.reset()) as server:
        port = server.port
    with Provider() as provider:
        trip = trip_to(imap(port, arrivals), arrivals, deadline=1.5)
        (seen,) = travel(target_of(provider, ca_file), trip)
    assert seen.observation.ok
    assert seen.observation.depth is Depth.ENVELOPE
    assert seen.mailbox is not None
    assert not seen.mailbox.readable
    assert "cannot connect" in seen.mailbox.text


def test_a_message_that_is_refused_fails_where_it_was_refused(arrivals: Arrivals, ca_file: str) -> None:
    with Provider() as provider:
        provider.behave(Behaviour.THROTTLE)
        trip = trip_to(WebhookMailbox(arrivals), arrivals)
        (seen,) = travel(target_of(provider, ca_file), trip)
    failure = seen.observation.failure
    assert failure is not None
    assert (failure.kind, failure.stage) == (FailureKind.RATE_LIMIT, Stage.END_DATA)
    assert seen.mailbox is None


def test_a_message_whose_acceptance_is_unknown_is_late_should_it_come(arrivals: Arrivals) -> None:
    nonces: list[str | None] = []

    def swallow(peer: Peer) -> None:
        peer.say("354 go on")
        nonces.append(nonce_of(read_headers(peer.body().lstrip())))

    with HostileServer(smtp({"data": swallow})) as server:
        (seen,) = travel(target_at(server.port), trip_to(WebhookMailbox(arrivals), arrivals, deadline=2.0))
    failure = seen.observation.failure
    assert failure is not None
    assert failure.kind is FailureKind.AMBIGUOUS
    assert arrivals.tell("hostile", nonces[0] or "", "INBOX", {})
    assert len(arrivals.take_late("hostile")) == 1


def test_a_webhooks_call_counts_as_arrival_also_from_another_thread(arrivals: Arrivals, ca_file: str) -> None:
    told: list[bool] = []

    def call(message: Delivered) -> None:
        headers = {"authentication-results": "mx; spf=pass"}
        later = threading.Timer(
            0.05, lambda: told.append(arrivals.tell("postmark", nonce_in(message).upper(), "Spam", headers))
        )
        later.start()

    with Provider("postmark", sink=call) as provider:
        trip = trip_to(WebhookMailbox(arrivals), arrivals)
        (seen,) = travel(target_of(provider, ca_file), trip)
    assert seen.observation.ok
    assert (seen.observation.facts["folder"], seen.observation.facts["spf"]) == ("Spam", "pass")
    assert told == [True]


def test_a_silent_webhook_says_nothing_of_the_mailbox(arrivals: Arrivals, ca_file: str) -> None:
    with Provider() as provider:
        trip = trip_to(WebhookMailbox(arrivals), arrivals, deadline=1.0)
        (seen,) = travel(target_of(provider, ca_file), trip)
    assert seen.observation.failure is not None
    assert seen.observation.failure.stage is Stage.ARRIVE
    assert seen.mailbox is None


def test_a_call_about_another_provider_or_an_unknown_message_is_no_arrival(arrivals: Arrivals, ca_file: str) -> None:
    told: list[bool] = []

    def call(message: Delivered) -> None:
        told.append(arrivals.tell("sendgrid", nonce_in(message), "INBOX", {}))
        told.append(arrivals.tell("postmark", fresh_nonce(AGENT), "INBOX", {}))
        told.append(arrivals.tell("postmark", "x\r\ny", "INBOX", {}))

    with Provider("postmark", sink=call) as provider:
        trip = trip_to(WebhookMailbox(arrivals), arrivals, deadline=1.0)
        (seen,) = travel(target_of(provider, ca_file), trip)
    assert not seen.observation.ok
    assert told == [False, False, False]


def test_a_late_call_is_a_fact_of_the_next_probe_and_not_its_success(arrivals: Arrivals, ca_file: str) -> None:
    held: list[str] = []

    def call_for_the_one_before(message: Delivered) -> None:
        if held:
            assert arrivals.tell("postmark", held[-1], "INBOX", {})
        held.append(nonce_in(message))

    with Provider("postmark", sink=call_for_the_one_before) as provider:
        trip = trip_to(WebhookMailbox(arrivals), arrivals, deadline=1.0)
        first, second = travel(target_of(provider, ca_file), trip, times=2)
    assert not first.observation.ok
    assert not second.observation.ok
    late = second.observation.facts["late_seconds"]
    assert isinstance(late, list)
    assert len(late) == 1
    assert 0 <= late[0] < 30


def forward_to(port: int) -> Callable[[Delivered], None]:
    """What a provider does with a message: bring it to the recipient's own server."""

    def forward(message: Delivered) -> None:
        with smtplib.SMTP("127.0.0.1", port, local_hostname="provider.example", timeout=5) as client:
            client.sendmail("bounces@provider.example", list(message.recipients), message.content)

    return forward


def test_the_own_sink_notices_the_arrival_at_once(arrivals: Arrivals, ca_file: str) -> None:
    async def go() -> Seen:
        sink = SinkMailbox(to=TO, host="127.0.0.1", port=0, arrivals=arrivals)
        await sink.open()
        provider = Provider(sink=forward_to(sink.port))
        try:
            await asyncio.to_thread(provider.start)
            there = looking(round_trip=trip_to(sink, arrivals))
            return await PROBES[ProbeKind.ROUND_TRIP](target_of(provider, ca_file), there)
        finally:
            await asyncio.to_thread(provider.stop)
            await sink.close()

    seen = asyncio.run(go())
    assert seen.observation.ok
    assert seen.observation.facts["folder"] == "smtp"
    assert seen.observation.facts["return_path"] == "bounces@provider.example"
    assert seen.observation.facts["source_address"] == "127.0.0.1"
    assert seen.mailbox is not None
    assert seen.mailbox.readable


def test_without_settings_or_an_address_there_is_no_round_trip(arrivals: Arrivals) -> None:
    async def go(target: Target, trip: RoundTrip | None) -> None:
        await PROBES[ProbeKind.ROUND_TRIP](target, looking(round_trip=trip))

    nowhere = Target(provider="postmark", endpoint=target_at(25).endpoint)
    with pytest.raises(RefusedError, match="postmark"):
        asyncio.run(go(nowhere, trip_to(WebhookMailbox(arrivals), arrivals)))
    with pytest.raises(RefusedError, match="round_trip"):
        asyncio.run(go(target_at(25), None))


def test_agents_have_marks_of_their_own_and_nonces_are_never_equal() -> None:
    assert agent_mark("first store") != agent_mark("second store")
    mark = agent_mark("first store")
    nonces = {fresh_nonce(mark) for _ in range(1000)}
    assert len(nonces) == 1000
    assert all(is_nonce(nonce) and nonce.startswith(mark) for nonce in nonces)


@pytest.mark.parametrize("mark", ["", "0A1B2C3D", "0a1b2c3", "0a1b2c3d\n", "../../.."])
def test_a_mark_that_is_no_mark_is_refused(mark: str, arrivals: Arrivals) -> None:
    mailbox: Mailbox = WebhookMailbox(arrivals)
    with pytest.raises(ValueError, match="not an agent's mark"):
        RoundTrip(to=TO, mailbox=mailbox, arrivals=arrivals, agent=mark)


def test_a_provider_whose_name_is_not_ascii_is_probed_all_the_same() -> None:
    message = compose(
        nonce=fresh_nonce(AGENT), sender="a@b.example", to=TO, provider="p\u00f6st\r\n.\r\n", at=utc_now()
    )
    assert message.isascii()
    assert b"\r\n.\r\n" not in message
