"""Asking name servers: three kinds of answer, one deadline, and what bad servers are worth."""

import asyncio
import time
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from asking import asked, zone
from hostile.names import Answering, HostileNames, records, refusal

from dns_checks.answers import (
    AAAA,
    CNAME,
    MX,
    NS,
    PTR,
    SOA,
    SRV,
    TLSA,
    TXT,
    A,
    Absent,
    Answer,
    Found,
    Kind,
    Mx,
    Soa,
    Srv,
    Tlsa,
    Trouble,
    Unknown,
)
from dns_checks.lookup import DnsLookup
from dns_checks.servers import Server, server_from, system_servers


@pytest.mark.parametrize(
    ("kind", "value", "record"),
    [
        (A, "192.0.2.1", "192.0.2.1"),
        (AAAA, "2001:db8::1", "2001:db8::1"),
        (CNAME, "other.example.", "other.example"),
        (MX, "10 mx.example.", Mx(preference=10, host="mx.example")),
        (MX, "0 .", Mx(preference=0, host="")),
        (MX, "5 192.0.2.1.", Mx(preference=5, host="192.0.2.1")),
        (NS, "ns.example.", "ns.example"),
        (PTR, "Host.Elsewhere.", "Host.Elsewhere"),
        (TXT, '"v=spf1 ip4:192.0" ".2.1 -all"', "v=spf1 ip4:192.0.2.1 -all"),
        (TXT, r'"\239\187\191"', "\xef\xbb\xbf"),
        (SRV, "1 2 587 smtp.example.", Srv(priority=1, weight=2, port=587, host="smtp.example")),
        (TLSA, "3 1 1 " + "0f" * 32, Tlsa(usage=3, selector=1, matching=1, data="0f" * 32)),
        (
            SOA,
            "ns.example. root.example. 7 1 2 3 4",
            Soa(primary="ns.example", contact="root.example", serial=7, refresh=1, retry=2, expire=3, minimum=4),
        ),
    ],
)
def test_every_kind_of_record_is_read(kind: Kind[Any], value: str, record: object) -> None:
    assert asked(zone(f"x.example {kind.name} {value}"), "x.example", kind) == Found(records=(record,), ttl=300.0)


def test_a_name_that_does_not_exist_and_a_name_without_such_a_record_are_told_apart() -> None:
    gone = asked(zone(rcode=dns.rcode.NXDOMAIN), "x.example", A)
    empty = asked(zone(), "x.example", A)
    assert isinstance(gone, Absent)
    assert not gone.exists
    assert isinstance(empty, Absent)
    assert empty.exists


@pytest.mark.parametrize(
    ("rcode", "trouble"),
    [
        (dns.rcode.SERVFAIL, Trouble.SERVFAIL),
        (dns.rcode.REFUSED, Trouble.REFUSED),
        (dns.rcode.NOTIMP, Trouble.BROKEN),
        (dns.rcode.FORMERR, Trouble.BROKEN),
    ],
)
def test_an_error_code_is_never_an_absence(rcode: dns.rcode.Rcode, trouble: Trouble) -> None:
    answer = asked(zone(rcode=rcode), "x.example", A)
    assert isinstance(answer, Unknown)
    assert answer.trouble is trouble
    assert dns.rcode.to_text(rcode) in answer.because


def test_a_server_that_does_not_know_edns_is_asked_without_it() -> None:
    def answering(question: dns.message.Message) -> dns.message.Message:
        old = dns.message.make_response(question) if question.edns < 0 else refusal(question, dns.rcode.FORMERR)
        return records(question, "192.0.2.1") if question.edns < 0 else old

    assert isinstance(asked(answering, "x.example", A), Found)


@pytest.mark.parametrize("name", ["", ".", "a..b", "x" * 64 + ".example", ".".join(["x" * 60] * 5), "\u4f8b.example"])
def test_what_cannot_be_a_name_does_not_exist_and_is_not_asked_for(name: str) -> None:
    with HostileNames(zone()) as server:
        answer = asyncio.run(DnsLookup([server_from(server.address)]).ask(name, A))
        assert answer == Absent(exists=False)
        assert server.asked == []


def test_names_are_absolute_and_nothing_is_appended_to_them() -> None:
    with HostileNames(zone(rcode=dns.rcode.NXDOMAIN)) as server:
        lookup = DnsLookup([server_from(server.address)])
        for name in ("localpart", "localpart."):
            asyncio.run(lookup.ask(name, A))
        assert server.asked == ["localpart. IN A"] * 2


@pytest.mark.parametrize(("said", "kept"), [(0, 5.0), (60, 60.0), (2**31 - 1, 3600.0)])
def test_a_time_to_live_is_between_five_seconds_and_an_hour(said: int, kept: float) -> None:
    answer = asked(zone("x.example A 192.0.2.1", ttl=said), "x.example", A)
    assert isinstance(answer, Found)
    assert answer.ttl == kept


def test_aliases_are_followed_within_an_answer() -> None:
    answer = asked(zone("x.example CNAME y.example.", "y.example A 192.0.2.1"), "x.example", A)
    assert answer == Found(records=("192.0.2.1",), ttl=300.0, aliases=("y.example",))


def test_an_alias_that_the_server_left_open_is_asked_for() -> None:
    def answering(question: dns.message.Message) -> dns.message.Message:
        first = question.question[0].name.to_text() == "x.example."
        return zone("x.example CNAME y.example." if first else "y.example A 192.0.2.1")(question)

    answer = asked(answering, "x.example", A)
    assert answer == Found(records=("192.0.2.1",), ttl=300.0, aliases=("y.example",))


@pytest.mark.parametrize(
    "answering",
    [
        zone("x.example CNAME x.example."),
        zone("x.example CNAME y.example.", "y.example CNAME x.example."),
        lambda question: zone(f"{question.question[0].name.to_text(True)} CNAME z{question.id}.example.")(question),
    ],
    ids=["itself", "two", "endless"],
)
def test_aliases_without_an_end_are_trouble(answering: Answering) -> None:
    answer = asked(answering, "x.example", A)
    assert isinstance(answer, Unknown)
    assert answer.trouble is Trouble.LOOP


def test_a_mute_server_costs_its_deadline_once() -> None:
    with HostileNames(lambda _: None) as server:
        lookup = DnsLookup([server_from(server.address)], lifetime=0.3)

        async def ask() -> tuple[Answer[str], Answer[str], float]:
            first = await lookup.ask("x.example", A)
            began = time.monotonic()
            return first, await lookup.ask("y.example", A), time.monotonic() - began

        first, second, seconds = asyncio.run(ask())
    assert isinstance(first, Unknown)
    assert first.trouble is Trouble.SILENT
    assert "gave no reply within 0.3 s" in first.because
    assert isinstance(second, Unknown)
    assert seconds < 0.2


def test_a_server_that_is_silent_about_one_name_is_asked_about_others() -> None:
    def answering(question: dns.message.Message) -> dns.message.Message | None:
        silent = question.question[0].name.to_text() == "silent.example."
        return None if silent else records(question, "192.0.2.1")

    with HostileNames(answering) as server:
        lookup = DnsLookup([server_from(server.address)], lifetime=0.5)

        async def ask() -> list[Answer[str]]:
            return [await lookup.ask(name, A) for name in ("x.example", "silent.example", "y.example")]

        before, silent, after = asyncio.run(ask())
    assert isinstance(before, Found)
    assert isinstance(silent, Unknown)
    assert isinstance(after, Found)


def test_a_mute_server_beside_a_good_one_only_delays() -> None:
    with HostileNames(lambda _: None) as mute, HostileNames(zone("x.example A 192.0.2.1")) as good:
        lookup = DnsLookup([server_from(mute.address), server_from(good.address)])

        async def ask() -> tuple[Answer[str], int]:
            answer = await lookup.ask("x.example", A)
            before = len(mute.asked)
            await lookup.ask("x.example", A)
            return answer, len(mute.asked) - before

        answer, asked_again = asyncio.run(ask())
    assert isinstance(answer, Found)
    assert asked_again == 0


def test_a_server_that_fails_beside_a_good_one_is_passed_over() -> None:
    with HostileNames(zone(rcode=dns.rcode.SERVFAIL)) as bad, HostileNames(zone("x.example A 192.0.2.1")) as good:
        lookup = DnsLookup([server_from(bad.address), server_from(good.address)])
        assert isinstance(asyncio.run(lookup.ask("x.example", A)), Found)


def test_nobody_listening_is_known_at_once() -> None:
    began = time.monotonic()
    answer = asyncio.run(DnsLookup([Server("127.0.0.1", 1)], lifetime=30).ask("x.example", A))
    assert isinstance(answer, Unknown)
    assert answer.trouble is Trouble.UNREACHABLE
    assert time.monotonic() - began < 10


def test_no_name_server_at_all_is_said(tmp_path: Path) -> None:
    conf = tmp_path / "resolv.conf"
    assert system_servers(str(conf)) == ()
    conf.write_text("search example.com\nnameserver 192.0.2.53\nnameserver nonsense\nnameserver 2001:db8::53\n")
    assert system_servers(str(conf)) == (Server("192.0.2.53"), Server("2001:db8::53"))
    answer = asyncio.run(DnsLookup([]).ask("x.example", A))
    assert answer == Unknown(trouble=Trouble.UNREACHABLE, because="no name server is configured")


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.53", Server("192.0.2.53", 53)),
        ("192.0.2.53:5353", Server("192.0.2.53", 5353)),
        ("2001:db8::53", Server("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", Server("2001:db8::53", 5353)),
    ],
)
def test_a_name_server_is_an_address_with_or_without_a_port(text: str, server: Server) -> None:
    assert server_from(text) == server
    assert server_from(str(server)) == server


@pytest.mark.parametrize("text", ["", "ns.example", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:65536", "192.0.2.53:x"])
def test_what_is_no_name_server_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"name server|IPv4 or IPv6"):
        server_from(text)


# Authoritative servers


def authoritative(answering: Answering) -> tuple[Answer[str], list[bool]]:
    recursion: list[bool] = []

    def noting(question: dns.message.Message) -> dns.message.Message | bytes | None:
        recursion.append(bool(question.flags & dns.flags.RD))
        return answering(question)

    with HostileNames(noting) as server:
        lookup = DnsLookup([]).authoritative(server_from(server.address))
        return asyncio.run(lookup.ask("x.example", A)), recursion


def test_an_authoritative_server_is_asked_without_recursion() -> None:
    def answering(question: dns.message.Message) -> dns.message.Message:
        reply = records(question, "192.0.2.1")
        reply.flags |= dns.flags.AA
        return reply

    answer, recursion = authoritative(answering)
    assert isinstance(answer, Found)
    assert recursion == [False]


def test_a_server_without_authority_is_lame() -> None:
    answer, _ = authoritative(zone("x.example A 192.0.2.1"))
    assert isinstance(answer, Unknown)
    assert answer.trouble is Trouble.LAME


def test_a_referral_is_no_absence() -> None:
    def answering(question: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(question)
        reply.authority.append(dns.rrset.from_text("example.", 300, "IN", "NS", "ns.example."))
        return reply

    answer = asked(answering, "x.example", A)
    assert isinstance(answer, Unknown)
    assert answer.trouble is Trouble.LAME
