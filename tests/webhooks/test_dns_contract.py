"""`/v1/dns` on both servers: nothing yet, a report, its standings, the history of records, a check by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from api_house import Api, House, open_house

from dns_checks.alignment import Passes
from dns_checks.findings import Check, Finding, Seen
from dns_checks.report import Cell, Report
from mailover.core.events import Severity
from mailover.core.observations import DnsVerdict
from mailover.errors import NotFoundError

FINDING = Finding(
    domain="d.example",
    provider="ses",
    check=Check.DKIM,
    verdict="missing",
    severity=Severity.CRITICAL,
    because="s1._domainkey.d.example is not in the DNS",
    records=(Seen(name="d.example", kind="TXT", value="v=spf1 -all"),),
    advice="publish it",
)
CELL = Cell(
    domain="d.example",
    provider="ses",
    verdict=Passes.NONE,
    because="mail does not pass DMARC",
    silent=False,
    envelope="d.example",
    coverage="missing",
    lookups_total=3,
    lookups_used=0,
    findings=(FINDING,),
)
REPORT = Report(cells=(CELL,), findings={"d.example": (), "e.example": ()}, listed=(FINDING,))


def publish(house: House, values: tuple[str, ...] = ("v=spf1 -all",), name: str = "d.example") -> None:
    house.service.dns.publish(REPORT.body(), {(name, "TXT"): values}, house.clock.now())


def test_before_the_first_check_there_is_nothing(api: Api) -> None:
    body = api.get("/v1/dns").json()
    assert body == {"checked_at": None, "cells": [], "domains": [], "addresses": [], "standings": [], "history": []}


def test_the_latest_report_is_told_whole_or_by_domain(api: Api, house: House) -> None:
    publish(house)
    told = api.get("/v1/dns").json()
    assert told["checked_at"]
    assert told["cells"][0]["findings"][0]["records"] == [{"name": "d.example", "type": "TXT", "value": "v=spf1 -all"}]
    assert [each["domain"] for each in told["domains"]] == ["d.example", "e.example"]
    other = api.get("/v1/dns?domain=e.example").json()
    assert other["cells"] == []
    assert [each["domain"] for each in other["domains"]] == ["e.example"]


def test_what_holds_is_told_with_its_age(api: Api, house: House) -> None:
    now = house.clock.now()
    for provider, verdict in (("ses", "none"), ("", "both")):
        told = DnsVerdict(provider=provider, verdict=verdict, at=now, domain="d.example", because="so it is")
        house.service.ask(told)
    standings = api.get("/v1/dns").json()["standings"]
    assert [(each["domain"], each["provider"], each["verdict"], each["broken"]) for each in standings] == [
        ("d.example", "ses", "none", True),
        ("d.example", None, "both", False),
    ]
    assert all(each["known_at"] for each in standings)
    assert api.get("/v1/providers/ses").json()["dns"] == "none"
    assert [each["type"] for each in api.get("/v1/events?type=dns.broken").json()["items"]] == ["dns.broken"]


def test_each_record_is_kept_as_it_changed_and_no_made_up_name(api: Api, house: House) -> None:
    for values in (("v=spf1 -all",), ("v=spf1 -all",), ("v=spf1 ~all",), ()):
        publish(house, values)
    publish(house, ("wild",), f"{'a0' * 10}.d.example")
    publish(house, (), "never.d.example")
    assert api.get("/v1/dns").json()["history"] == []
    (record,) = api.get("/v1/dns?history=true").json()["history"]
    assert (record["name"], record["type"]) == ("d.example", "TXT")
    assert [change["values"] for change in record["changes"]] == [["v=spf1 -all"], ["v=spf1 ~all"], []]
    assert api.get("/v1/dns?history=true&domain=other.example").json()["history"] == []


def test_a_restart_forgets_neither_report_nor_history(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        publish(house)
    with open_house(tmp_path) as house:
        latest = house.service.dns.latest()
        assert latest is not None
        assert latest["cells"][0]["provider"] == "ses"
        assert "d.example TXT" in house.service.dns.history()


def test_a_check_by_hand_answers_with_its_report(api: Api, house: House) -> None:
    asked: list[Sequence[str]] = []

    def check(domains: Sequence[str]) -> Any:
        asked.append(domains)
        if "strange.example" in domains:
            raise NotFoundError("'strange.example' is not among the watched domains")
        return REPORT.body()

    house.service.dns.offer(check)
    assert api.operate("POST", "/v1/dns/check", json={}).json()["cells"][0]["verdict"] == "none"
    assert api.operate("POST", "/v1/dns/check", json={"domains": ["D.Example", "d.example"]}).ok
    assert asked == [[], ["d.example"]]
    assert api.operate("POST", "/v1/dns/check", json={"domains": ["strange.example"]}).status_code == 404
    assert api.operate("POST", "/v1/dns/check", json={"domains": [""]}).status_code == 422


def test_where_no_dns_is_watched_a_check_is_not_available(api: Api) -> None:
    answer = api.operate("POST", "/v1/dns/check", json={})
    assert answer.status_code == 503
    assert "no table [dns]" in answer.json()["detail"]
