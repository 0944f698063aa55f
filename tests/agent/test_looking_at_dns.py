"""The agent's look at the DNS, against a real name server: verdicts reach the fleet, lies are asked about twice."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import dns.rrset
import pytest
from hostile.names import HostileNames

from agent.dns_watch import DnsWatch, DnsWatched
from dns_checks.conventions import EnvelopeOf, ProviderDns
from dns_checks.dkim import Selector
from dns_checks.servers import server_from
from mailover.clock import SystemClock
from mailover.core.observations import Depth, Observation, ProbeKind, Purpose
from mailover.core.policy import Policy
from mailover.core.providers import Provider, Stream
from mailover.errors import NotFoundError
from mailover.service import Service
from mailover.storage.sql import open_store

POST = ProviderDns(
    provider="post",
    envelope=EnvelopeOf.SENDER,
    best=EnvelopeOf.SENDER,
    includes=("spf.post.example",),
    selectors=(Selector(name="s1"),),
)
POLICY = Policy(
    providers={"post": Provider(name="post", host="smtp.post.example", port=587, sender="x@d.example")},
    streams={"mail": Stream(name="mail", providers=("post",), require_dns=True)},
)


class Zone:
    """A name server whose records a test changes."""

    def __init__(self) -> None:
        self.records: dict[str, str] = {
            "d.example. TXT": '"v=spf1 include:spf.post.example -all"',
            "spf.post.example. TXT": '"v=spf1 ip4:192.0.2.0/24 -all"',
            "_dmarc.d.example. TXT": '"v=DMARC1; p=reject; rua=mailto:dmarc@d.example"',
        }
        self.lies: dict[str, int] = {}
        """Questions that are answered with nothing, so many times."""
        self.mute = False
        self.ttl = 300

    def answer(self, question: dns.message.Message) -> dns.message.Message | None:
        if self.mute:
            return None
        asked = question.question[0]
        key = f"{asked.name.to_text().lower()} {dns.rdatatype.to_text(asked.rdtype)}"
        reply = dns.message.make_response(question)
        if self.lies.get(key, 0) > 0:
            self.lies[key] -= 1
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif key in self.records:
            reply.answer.append(dns.rrset.from_text(asked.name, self.ttl, "IN", asked.rdtype, self.records[key]))
        else:
            reply.set_rcode(dns.rcode.NXDOMAIN)
            soa = f"ns.example. h.example. 1 1 1 1 {self.ttl}"
            reply.authority.append(dns.rrset.from_text("example.", self.ttl, "IN", "SOA", soa))
        return reply


@pytest.fixture
def zone() -> Zone:
    return Zone()


@pytest.fixture
def server(zone: Zone) -> Iterator[HostileNames]:
    with HostileNames(zone.answer) as running:
        yield running


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    store = open_store(f"sqlite:///{tmp_path / 'mailover.db'}")
    made = Service(store=store, policy=POLICY, default_stream="mail", clock=SystemClock(), identity="test")
    made.step()
    yield made
    store.close()


def look(service: Service, server: HostileNames, *domains: str, watch: DnsWatch | None = None) -> Any:
    looked = asyncio.run((watch or watching(service, server)).look(domains))
    service.ask()  # decides on what was heard
    return looked


def watched(server: HostileNames) -> DnsWatched:
    return DnsWatched(
        domains=("d.example",),
        providers=(POST,),
        senders={"post": "d.example"},
        servers=(server_from(server.address),),
    )


def watching(service: Service, server: HostileNames) -> DnsWatch:
    return DnsWatch(watched(server), service)


def test_verdicts_reach_the_fleet_and_the_report_is_kept(service: Service, server: HostileNames) -> None:
    look(service, server)
    assert service.snapshot.fleet.breakers["post"].dns == "spf_only"
    latest = service.dns.latest()
    assert latest is not None
    assert latest["cells"][0]["verdict"] == "spf_only"
    assert set(service.dns.history()) >= {"d.example TXT", "_dmarc.d.example TXT"}
    assert not any("spf.post.example" in key for key in service.dns.history())


def test_what_turned_bad_is_asked_anew_before_it_counts(service: Service, server: HostileNames, zone: Zone) -> None:
    zone.lies["d.example. TXT"] = 1
    look(service, server)
    assert service.snapshot.fleet.breakers["post"].dns == "spf_only"
    del zone.records["d.example. TXT"]
    look(service, server)
    assert service.snapshot.fleet.breakers["post"].dns == "none"
    broken = service.store.events().items[-1]
    assert (str(broken.type), broken.data["provider"]) == ("dns.broken", "post")


def test_a_record_that_goes_is_a_change_of_its_history(service: Service, server: HostileNames, zone: Zone) -> None:
    watch = watching(service, server)
    look(service, server, watch=watch)
    del zone.records["d.example. TXT"]
    look(service, server, watch=watch)
    changes = service.dns.history()["d.example TXT"]
    assert [change["values"] for change in changes] == [["v=spf1 include:spf.post.example -all"], []]


def test_a_mute_resolver_changes_nothing(service: Service, server: HostileNames, zone: Zone) -> None:
    look(service, server)
    before = service.dns.history()["d.example TXT"]
    zone.mute = True
    look(service, server)
    assert service.snapshot.fleet.breakers["post"].dns == "spf_only"
    standing = service.snapshot.fleet.dns["d.example/post"]
    assert (standing.verdict, standing.silent_since is not None) == ("spf_only", True)
    assert service.dns.history()["d.example TXT"] == before


def test_the_return_path_of_an_arrived_message_decides(service: Service, server: HostileNames) -> None:
    now = datetime.now(UTC)
    service.ask(
        Observation(
            provider="post",
            purpose=Purpose.SCHEDULED,
            depth=Depth.SEND,
            started_at=now,
            finished_at=now,
            probe=ProbeKind.ROUND_TRIP,
            facts={"return_path": "bounces+1=x@eu.post.example"},
        )
    )
    report = look(service, server)
    assert report["cells"][0]["envelope"] == "eu.post.example"
    assert report["cells"][0]["verdict"] == "none"


@pytest.mark.parametrize(("ttl", "minutes"), [(60, 5), (1200, 20), (86_400, 60)])
def test_while_a_verdict_is_bad_the_next_look_comes_when_records_may_have_changed(
    service: Service, server: HostileNames, zone: Zone, ttl: int, minutes: int
) -> None:
    zone.ttl = ttl
    watch = watching(service, server)
    look(service, server, watch=watch)
    assert watch.pause == timedelta(hours=1)
    del zone.records["d.example. TXT"]
    look(service, server, watch=watch)
    assert watch.pause == timedelta(minutes=minutes)
    zone.records["d.example. TXT"] = '"v=spf1 include:spf.post.example -all"'
    look(service, server, "d.example", watch=watch)
    assert watch.pause == timedelta(minutes=minutes)
    look(service, server, watch=watch)
    assert watch.pause == timedelta(hours=1)


class Stumbling(DnsWatch):
    """Fails at its first look."""

    looks = 0

    async def look(self, domains: Sequence[str] = ()) -> Mapping[str, object]:
        self.looks += 1
        if self.looks == 1:
            raise RuntimeError
        return await super().look(domains)


def test_a_look_that_fails_is_followed_by_the_next(
    service: Service, server: HostileNames, zone: Zone, caplog: pytest.LogCaptureFixture
) -> None:
    zone.records["d.example. TXT"] = '"v=spf1 -all"'
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Stumbling(watched(server), service).watch(wait=wait))
    assert "the DNS checks failed" in caplog.text
    assert 3240 <= waited[0] <= 3960
    assert 270 <= waited[1] <= 330


def test_only_watched_domains_are_checked(service: Service, server: HostileNames) -> None:
    with pytest.raises(NotFoundError, match=r"strange\.example"):
        look(service, server, "strange.example")
    assert look(service, server, "d.example")["cells"][0]["domain"] == "d.example"
    assert service.dns.latest() is None
