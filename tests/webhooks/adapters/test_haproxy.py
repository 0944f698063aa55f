"""How HAProxy is told that a server stands; the words are those of its manual."""

import pytest
from adapter_house import postpone_marketing, share
from api_house import Api, House, behind_edge
from requests import Session

from webhooks.adapters.haproxy import agent, standing
from webhooks.adapters.questions import OneQuestion


def ask(house: House, question: str) -> str:
    return standing(house.service.snapshot, question)


def test_the_active_provider_is_ready_and_the_others_are_drained(house: House) -> None:
    assert ask(house, "postmark") == "up ready 100%"
    assert ask(house, "sendgrid") == ask(house, "ses") == "up drain"


def test_one_that_is_out_is_down_with_the_reason_after_a_blank(house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    house.fail("postmark")
    told = ask(house, "postmark")
    assert told.startswith("down #")
    assert "421" in told or "service" in told
    assert told.isascii()
    assert len(told) < 140
    assert ask(house, "sendgrid") == "up ready 100%"


def test_each_stream_has_servers_of_its_own(house: House) -> None:
    assert ask(house, "ses marketing") == "up ready 100%"
    assert ask(house, "sendgrid marketing") == "up drain"


def test_shares_are_weights(house: House) -> None:
    share(house, postmark=0.9, sendgrid=0.1)
    assert ask(house, "postmark") == "up ready 90%"
    assert ask(house, "sendgrid") == "up ready 10%"


def test_a_stream_that_waits_for_others_has_every_server_drained(house: House) -> None:
    postpone_marketing(house)
    assert ask(house, "ses marketing") == ask(house, "sendgrid marketing") == "up drain"
    assert ask(house, "sendgrid") == "up ready 100%"


def test_a_disabled_one_is_down(house: House) -> None:
    with behind_edge(house.app) as url, Session() as session:
        Api(url, session).operate("PATCH", "/v1/providers/ses", {"enabled": False})
    assert ask(house, "ses") == "down #disabled"


@pytest.mark.parametrize("question", ["", "nobody", "postmark nothing", "GET / HTTP/1.0"])
def test_of_what_is_not_there_nothing_is_said_so_that_the_server_stays_as_it_is(house: House, question: str) -> None:
    assert ask(house, question) == ""


def test_a_server_that_nobody_has_is_told_once(house: House, caplog: pytest.LogCaptureFixture) -> None:
    answer = agent(lambda: house.service.snapshot)
    assert [answer(question) for question in ("postmrk", "", "postmrk")] == ["", "", ""]
    assert answer("postmark") == "up ready 100%"
    told = "haproxy asks for a provider or a stream that is not there: 'postmrk'"
    assert [record.getMessage() for record in caplog.records] == [told]


def test_a_line_is_answered_once_and_the_connection_ends() -> None:
    wire = OneQuestion(str.upper)
    assert wire.hear(b"se").answer == b""
    said = wire.hear(b"s\r\nmore")
    assert (said.answer, said.over) == (b"SES\n", True)


def test_a_line_without_an_end_ends_the_connection() -> None:
    assert OneQuestion(str.upper).hear(b"x" * 600).over
