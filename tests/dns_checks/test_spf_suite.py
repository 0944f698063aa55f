"""All 203 cases of the RFC 7208 test suite, through a real name server on loopback, over UDP and over TCP."""

import asyncio
from collections.abc import Iterator

import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from hostile.names import HostileNames, refusal, truncated
from rfc7208_suite import Case, Scenario, load_suite

from dns_checks.lookup import DnsLookup
from dns_checks.remembered import Remembered
from dns_checks.servers import server_from
from dns_checks.spf.evaluation import MOST_LOOKUPS, MOST_VOIDS, Result, check_host

SCENARIOS = load_suite()
CASES = [pytest.param(case, id=case.id) for scenario in SCENARIOS for case in scenario.cases]


def over_udp(scenario: Scenario) -> HostileNames:
    """Silent where the suite says TIMEOUT."""

    def answering(question: dns.message.Message) -> dns.message.Message | None:
        asked = question.question[0]
        silent = scenario.zones.silent_about(asked.name, dns.rdatatype.to_text(asked.rdtype))
        return None if silent else scenario.zones.answer(question)

    return HostileNames(answering)


def over_tcp(scenario: Scenario) -> HostileNames:
    """Every answer has to be fetched over TCP, and SERVFAIL is what the suite's TIMEOUT becomes."""

    def answering(question: dns.message.Message) -> dns.message.Message:
        asked = question.question[0]
        failing = scenario.zones.silent_about(asked.name, dns.rdatatype.to_text(asked.rdtype))
        return refusal(question, dns.rcode.SERVFAIL) if failing else scenario.zones.answer(question)

    return HostileNames(truncated, over_tcp=answering)


@pytest.fixture(scope="module", params=[over_udp, over_tcp])
def servers(request: pytest.FixtureRequest) -> Iterator[list[HostileNames]]:
    """One name server for each scenario."""
    running: list[HostileNames] = [request.param(scenario).__enter__() for scenario in SCENARIOS]
    yield running
    for server in running:
        server.__exit__(None, None, None)


def checked(case: Case, server: HostileNames) -> Result:
    async def check() -> Result:
        lookup = Remembered(DnsLookup([server_from(server.address)], lifetime=1.5))
        return await check_host(case.host, case.mailfrom, case.helo, lookup, receiver="receiver.example", now=lambda: 0)

    return asyncio.run(check())


def test_the_suite_is_complete() -> None:
    assert len(CASES) == 203


@pytest.mark.parametrize("case", CASES)
def test_a_case_of_the_suite_ends_as_it_says(case: Case, servers: list[HostileNames]) -> None:
    result = checked(case, servers[case.scenario])
    assert result.result in case.results, result.because
    assert result.lookups <= MOST_LOOKUPS
    assert result.voids <= MOST_VOIDS
    if case.explanation is not None:
        expected = "" if case.explanation == "DEFAULT" else case.explanation
        assert result.explanation == expected
