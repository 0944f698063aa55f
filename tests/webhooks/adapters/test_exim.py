"""What Exim is told: hosts in order for an address, and never nothing, which it would take for an address of nobody."""

from dataclasses import replace

import pytest
from api_house import POLICY, House

from webhooks.adapters.exim import HELD, hosts
from webhooks.adapters.wonder import Wonder


def ask(house: House, question: str) -> str:
    return hosts(house.service.snapshot, house.clock.now(), question, Wonder("exim asks for what is no stream"))


def test_the_healthy_providers_are_named_in_order_with_their_ports(house: House) -> None:
    told = "smtp.postmark.example::587:smtp.sendgrid.example::587:smtp.ses.example::587"
    assert ask(house, "route ann@example.net") == told
    house.succeed("sendgrid", "ses")
    house.fail("postmark")
    assert ask(house, "route ann@example.net") == "smtp.sendgrid.example::587:smtp.ses.example::587"


def test_the_colons_of_an_ipv6_address_part_no_hosts(house: House) -> None:
    near = replace(POLICY.providers["postmark"], host="2001:db8::25")
    house.service.reload(replace(POLICY, providers={**POLICY.providers, "postmark": near}), "transactional")
    told = ask(house, "route ann@example.net").removesuffix(":smtp.sendgrid.example::587:smtp.ses.example::587")
    assert told == "[2001::db8::::25]::587"


def test_a_stream_is_named_behind_the_address_whatever_the_address_holds(house: House) -> None:
    told = "smtp.ses.example::587:smtp.sendgrid.example::587"
    assert ask(house, "route ann@example.net marketing") == told
    assert ask(house, 'route "ann @ work"@example.net marketing') == told


def test_a_stream_that_is_not_there_is_told_without_the_address(house: House, caplog: pytest.LogCaptureFixture) -> None:
    assert ask(house, "route ann@example.net nothing") == HELD
    assert [record.getMessage() for record in caplog.records] == ["exim asks for what is no stream: 'nothing'"]


@pytest.mark.parametrize(
    "question", ["", "route", "route nobody", "route @example.net", "route ann@example.net nothing", "GET / HTTP/1.0"]
)
def test_what_cannot_be_answered_waits_and_is_never_bounced(house: House, question: str) -> None:
    assert ask(house, question) == HELD
