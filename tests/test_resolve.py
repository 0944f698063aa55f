"""Names to addresses: in time whatever the name servers do, absence never mistaken for silence, good answers kept."""

import asyncio
import os
import time
from pathlib import Path

import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from hostile.names import HostileNames, records, refusal, truncated

from mailover.resolve import Outcome, Resolution, Resolver

NAME = "mail.example.com"


class Hand:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def resolve(resolver: Resolver, name: str = NAME, within: float | None = None) -> Resolution:
    return asyncio.run(resolver.resolve(name, within=within))


def asking(*servers: HostileNames, lifetime: float = 0.4, now: Hand | None = None) -> Resolver:
    addresses = [server.address for server in servers]
    return Resolver(nameservers=addresses, lifetime=lifetime, now=now or Hand(), hosts_file="/nonexistent")


def mute(_: dns.message.Message) -> None:
    return None


def good(question: dns.message.Message) -> dns.message.Message:
    return records(question, "192.0.2.1", "192.0.2.2", "2001:db8::1")


def is_aaaa(question: dns.message.Message) -> bool:
    return question.question[0].rdtype == dns.rdatatype.AAAA


def test_both_families_take_turns() -> None:
    with HostileNames(good) as names:
        found = resolve(asking(names))
    assert found.outcome is Outcome.FOUND
    assert found.addresses[0] == "2001:db8::1"
    assert sorted(found.addresses[1:]) == ["192.0.2.1", "192.0.2.2"]  # the server shuffles them


def test_a_mute_server_costs_no_more_than_the_lifetime() -> None:
    began = time.monotonic()
    with HostileNames(mute) as names:
        found = resolve(asking(names))
    assert found.outcome is Outcome.TROUBLE
    assert time.monotonic() - began < 0.9


def test_the_caller_may_have_less_time() -> None:
    began = time.monotonic()
    with HostileNames(mute) as names:
        assert resolve(asking(names, lifetime=5), within=0.2).outcome is Outcome.TROUBLE
    assert time.monotonic() - began < 0.7


def test_a_mute_server_does_not_keep_the_next_one_from_being_asked() -> None:
    with HostileNames(mute) as silent, HostileNames(good) as names:
        assert resolve(asking(silent, names, lifetime=3)).outcome is Outcome.FOUND


def test_a_slow_server_is_waited_for() -> None:
    def slowly(question: dns.message.Message) -> dns.message.Message:
        time.sleep(0.7)
        return good(question)

    with HostileNames(slowly) as names:
        assert resolve(asking(names, lifetime=3)).outcome is Outcome.FOUND


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
def test_a_refusal_is_trouble_and_not_absence(rcode: dns.rcode.Rcode) -> None:
    with HostileNames(lambda question: refusal(question, rcode)) as names:
        found = resolve(asking(names))
    assert found.outcome is Outcome.TROUBLE
    assert dns.rcode.to_text(rcode) in found.because


def test_a_refusal_is_known_at_once() -> None:
    began = time.monotonic()
    with HostileNames(lambda question: refusal(question, dns.rcode.SERVFAIL)) as names:
        resolve(asking(names, lifetime=5))
    assert time.monotonic() - began < 2


def test_another_server_is_asked_after_a_refusal() -> None:
    with HostileNames(lambda q: refusal(q, dns.rcode.SERVFAIL)) as broken, HostileNames(good) as names:
        assert resolve(asking(broken, names)).outcome is Outcome.FOUND


def test_a_name_that_does_not_exist_is_absent() -> None:
    with HostileNames(lambda question: refusal(question, dns.rcode.NXDOMAIN)) as names:
        assert resolve(asking(names)).outcome is Outcome.ABSENT


def test_a_name_without_addresses_is_absent() -> None:
    with HostileNames(records) as names:
        assert resolve(asking(names)).outcome is Outcome.ABSENT


def test_no_address_of_one_family_and_trouble_with_the_other_is_trouble() -> None:
    def half(question: dns.message.Message) -> dns.message.Message:
        return refusal(question, dns.rcode.SERVFAIL) if is_aaaa(question) else records(question)

    with HostileNames(half) as names:
        assert resolve(asking(names)).outcome is Outcome.TROUBLE


def test_mute_aaaa_records_do_not_delay_the_a_records() -> None:
    began = time.monotonic()
    with HostileNames(lambda question: None if is_aaaa(question) else good(question)) as names:
        found = resolve(asking(names, lifetime=3))
    assert sorted(found.addresses) == ["192.0.2.1", "192.0.2.2"]
    assert time.monotonic() - began < 1


def test_no_such_name_for_aaaa_alone_is_not_believed() -> None:
    def half_wrong(question: dns.message.Message) -> dns.message.Message:
        if is_aaaa(question):
            return refusal(question, dns.rcode.NXDOMAIN)
        time.sleep(0.1)
        return good(question)

    with HostileNames(half_wrong) as names:
        assert resolve(asking(names, lifetime=3)).outcome is Outcome.FOUND


def test_mute_a_records_do_not_hide_the_aaaa_records() -> None:
    with HostileNames(lambda question: good(question) if is_aaaa(question) else None) as names:
        assert resolve(asking(names)).addresses == ("2001:db8::1",)


def test_a_name_with_only_ipv6_is_found() -> None:
    with HostileNames(lambda question: records(question, "2001:db8::1")) as names:
        assert resolve(asking(names)).addresses == ("2001:db8::1",)


@pytest.mark.parametrize("kind", ["garbage", "wrong id", "wrong question"])
def test_packets_that_answer_nothing_are_ignored(kind: str) -> None:
    def misleading(question: dns.message.Message) -> dns.message.Message | bytes:
        if kind == "garbage":
            return b"\xff" * 40
        if kind == "wrong question":
            other = dns.message.make_query("other.example.com", question.question[0].rdtype)
            other.id = question.id
            return records(other, "203.0.113.66")
        answer = good(question)
        answer.id = question.id ^ 1
        return answer

    began = time.monotonic()
    with HostileNames(misleading) as names:
        assert resolve(asking(names)).outcome is Outcome.TROUBLE
    assert time.monotonic() - began < 0.9


def test_a_truncated_answer_is_asked_for_over_tcp() -> None:
    with HostileNames(truncated, over_tcp=good) as names:
        assert resolve(asking(names)).outcome is Outcome.FOUND


def test_a_truncated_answer_without_tcp_is_trouble_in_time() -> None:
    began = time.monotonic()
    with HostileNames(truncated) as names:
        assert resolve(asking(names)).outcome is Outcome.TROUBLE
    assert time.monotonic() - began < 0.9


@pytest.mark.parametrize(("ttl", "kept", "asked_again"), [(0, 4.9, 5.1), (60, 59, 61), (2**31 - 1, 3599, 3601)])
def test_answers_are_kept_for_their_time_within_reason(ttl: int, kept: float, asked_again: float) -> None:
    now = Hand()
    with HostileNames(lambda question: records(question, "192.0.2.1", ttl=ttl)) as names:
        resolver = asking(names, now=now)
        resolve(resolver)
        first = len(names.asked)
        now.at += kept
        resolve(resolver)
        assert len(names.asked) == first
        now.at += asked_again - kept
        resolve(resolver)
        assert len(names.asked) == 2 * first


def test_the_last_good_answer_is_used_while_nobody_answers() -> None:
    now, silent = Hand(), [False]
    with HostileNames(lambda question: None if silent[0] else good(question)) as names:
        resolver = asking(names, now=now)
        fresh = resolve(resolver)
        silent[0] = True
        now.at += 400
        stale = resolve(resolver)
        began = time.monotonic()
        again = resolve(resolver)
    assert not fresh.stale
    assert stale.stale
    assert stale.addresses == fresh.addresses != ()
    assert "no answer" in stale.because
    assert again.stale
    assert time.monotonic() - began < 0.3


def test_a_name_that_vanished_is_absent_though_it_is_remembered() -> None:
    now, gone = Hand(), [False]
    with HostileNames(lambda q: refusal(q, dns.rcode.NXDOMAIN) if gone[0] else good(q)) as names:
        resolver = asking(names, now=now)
        resolve(resolver)
        gone[0] = True
        now.at += 400
        assert resolve(resolver).outcome is Outcome.ABSENT


def test_names_are_asked_for_as_they_are_without_search_domains() -> None:
    with HostileNames(good) as names:
        resolve(asking(names), "mailhog")
        resolve(asking(names), "MAIL.example.com.")
        assert {question.split()[0] for question in names.asked} == {"mailhog.", "mail.example.com."}


@pytest.mark.parametrize(
    ("literal", "address"), [("192.0.2.9", "192.0.2.9"), ("2001:DB8::9", "2001:db8::9"), ("[::1]", "::1")]
)
def test_an_address_is_its_own_answer(literal: str, address: str) -> None:
    assert resolve(asking(), literal).addresses == (address,)


def test_localhost_is_never_asked_for() -> None:
    assert resolve(asking(), "localhost").addresses == ("127.0.0.1", "::1")
    assert resolve(asking(), "smtp.localhost").addresses == ("127.0.0.1", "::1")


def test_the_hosts_file_comes_first_and_is_read_again_when_it_changes(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("# names\n192.0.2.7 Mail.Example.com alias # here\n2001:db8::7 alias\nnonsense alias\n")
    resolver = Resolver(nameservers=["127.0.0.1:9"], hosts_file=str(hosts))
    assert resolve(resolver).addresses == ("192.0.2.7",)
    assert resolve(resolver, "alias").addresses == ("192.0.2.7", "2001:db8::7")
    hosts.write_text("192.0.2.8 mail.example.com\n")
    os.utime(hosts, (1, 1))
    assert resolve(resolver).addresses == ("192.0.2.8",)


@pytest.mark.parametrize("content", [None, "", "search example.com\noptions ndots:5\nnameserver nonsense\n"])
def test_a_machine_without_name_servers_says_so(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "resolv.conf"
    if content is not None:
        path.write_text(content)
    found = resolve(Resolver(resolv_conf=str(path), hosts_file="/nonexistent"))
    assert found.outcome is Outcome.TROUBLE
    assert "no name server is configured" in found.because


@pytest.mark.parametrize("name", ["a" * 64 + ".example.com", "a..b", "x." * 200])
def test_what_cannot_be_a_name_is_absent(name: str) -> None:
    assert resolve(Resolver(nameservers=["127.0.0.1:9"]), name).outcome is Outcome.ABSENT


@pytest.mark.parametrize("server", ["dns.example.com", "192.0.2.1:domain", "", "192.0.2.1:"])
def test_a_name_server_is_given_by_its_address(server: str) -> None:
    with pytest.raises(ValueError, match="not the address of a name server"):
        Resolver(nameservers=[server])


def test_a_name_with_hundreds_of_addresses_is_cut() -> None:
    many = [f"192.0.2.{number}" for number in range(100)]
    with HostileNames(lambda question: records(question, *many), over_tcp=lambda q: records(q, *many)) as names:
        assert len(resolve(asking(names, lifetime=3)).addresses) == 16
