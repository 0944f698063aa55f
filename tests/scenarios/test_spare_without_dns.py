"""A spare that was never in the DNS is told of before the day it is needed, and is no target until it is repaired."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
import requests
from hostile.names import HostileNames

from mailover.bootstrap import House, assemble
from mailover.config import build
from mailover.demo.provider import Provider

GOOD, BAD = '"v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 -all"', '"v=spf1 ip4:192.0.2.1 -all"'


class Zone:
    """Name server for one domain, whose SPF record a test changes; it has no DKIM."""

    def __init__(self) -> None:
        self.spf = BAD

    def answer(self, question: dns.message.Message) -> dns.message.Message:
        asked = question.question[0]
        reply = dns.message.make_response(question)
        texts = {"d.example.": self.spf, "_dmarc.d.example.": '"v=DMARC1; p=reject; rua=mailto:x@d.example"'}
        text = texts.get(asked.name.to_text().lower())
        if text is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif asked.rdtype == dns.rdatatype.TXT:
            reply.answer.append(dns.rrset.from_text(asked.name, 5, "IN", "TXT", text))
        return reply


@pytest.fixture
def zone() -> Zone:
    return Zone()


@pytest.fixture
def house(zone: Zone, tmp_path: Path, ca_file: str) -> Iterator[House]:
    with ExitStack() as stack:
        names = stack.enter_context(HostileNames(zone.answer))
        providers = {name: stack.enter_context(Provider(name)) for name in ("first", "spare")}
        accounts = {
            name: {
                "host": provider.host,
                "port": provider.port,
                "username": provider.username,
                "password": provider.password,
                "ca_file": ca_file,
                "from": "noreply@d.example",
            }
            for name, provider in providers.items()
        }
        special = {
            name: {"send_ips": [f"192.0.2.{number}"], "selectors": ["none"]}
            for number, name in enumerate(providers, start=1)
        }
        document = {
            "server": {"listen": "127.0.0.1:0"},
            "storage": {"url": f"sqlite:///{tmp_path}/mailover.db"},
            "resolver": {"nameservers": [names.address]},
            "providers": accounts,
            "streams": {"mail": {"providers": list(providers), "require_dns": True}},
            "dns": {"domains": ["d.example"], "also": [], "providers": special},
        }
        built = assemble(build(document, {}))
        built.start()
        stack.callback(built.stop)
        yield built


def within(seconds: float, happened: Callable[[], object]) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def test_a_spare_without_dns_is_told_of_at_once_and_may_return_when_repaired(house: House, zone: Zone) -> None:
    def told(kind: str) -> list[dict[str, object]]:
        return [event for event in events() if event["type"] == kind]

    def events() -> list[dict[str, object]]:
        found: list[dict[str, object]] = requests.get(f"{house.api.url}/v1/events", timeout=10).json()["items"]
        return found

    def fallbacks() -> list[str]:
        found: list[str] = requests.get(f"{house.api.url}/v1/active-provider", timeout=10).json()["fallbacks"]
        return found

    within(20, lambda: told("dns.broken"))
    (broken,) = told("dns.broken")
    assert broken["subject"] == "domain/d.example"
    assert isinstance(broken["data"], dict)
    assert (broken["data"]["provider"], broken["data"]["severity"]) == ("spare", "warning")
    assert fallbacks() == []
    zone.spf = GOOD
    report = requests.post(f"{house.api.url}/v1/dns/check", json={}, timeout=30).json()
    assert {cell["provider"]: cell["verdict"] for cell in report["cells"]} == {"first": "spf_only", "spare": "spf_only"}
    within(20, lambda: told("dns.repaired"))
    within(20, lambda: fallbacks() == ["spare"])
    history = requests.get(f"{house.api.url}/v1/dns?history=true&domain=d.example", timeout=10).json()["history"]
    changes = next(each["changes"] for each in history if (each["name"], each["type"]) == ("d.example", "TXT"))
    assert [f'"{change["values"][0]}"' for change in changes] == [BAD, GOOD]
