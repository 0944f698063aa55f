"""What Postfix is told, and that nothing odd on the wire hurts: netstrings in, netstrings out."""

import logging
from collections.abc import Callable
from dataclasses import replace

import pytest
from adapter_house import share
from api_house import POLICY, Api, House, behind_edge
from requests import Session

from mailover.config.adapters import SocketmapSettings
from mailover.core.providers import Tls
from webhooks.adapters.socketmap import Answers, Conversation

Ask = Callable[[str], str]
ORDER = "OK smtp:[smtp.postmark.example]:587, [smtp.sendgrid.example]:587, [smtp.ses.example]:587"


def netstring(text: str) -> bytes:
    return b"%d:%b," % (len(text.encode()), text.encode())


def conversation(house: House, **settings: object) -> Conversation:
    asked = SocketmapSettings.model_validate(settings)
    return Conversation(Answers(asked, lambda: house.service.snapshot, house.clock))


@pytest.fixture
def ask(house: House) -> Ask:
    wire = conversation(house, local_domains=["example.org"])

    def ask(question: str) -> str:
        said = wire.hear(netstring(question))
        length, _, rest = said.answer.partition(b":")
        assert rest[int(length) :] == b","
        assert said.complete
        return rest[:-1].decode()

    return ask


def test_a_recipient_gets_every_healthy_provider_in_order(ask: Ask, house: House) -> None:
    assert ask("transport anna@shop.example") == ORDER
    house.succeed("postmark", "sendgrid", "ses")
    house.fail("postmark")
    assert ask("transport anna@shop.example") == "OK smtp:[smtp.sendgrid.example]:587, [smtp.ses.example]:587"


def test_a_map_may_be_called_as_a_stream(ask: Ask) -> None:
    assert ask("marketing anna@shop.example").startswith("OK smtp:[smtp.ses.example]:587")


@pytest.mark.parametrize("key", ["*", "", "postmaster", "shop.example", "@", "anna@", "<>", '"<>"', "anna@example.org"])
def test_nothing_is_told_for_what_is_no_recipient_of_ours(ask: Ask, key: str) -> None:
    assert ask(f"transport {key}") == "NOTFOUND "


def test_a_map_that_is_no_stream_refuses_no_mail_and_is_told_once(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert ask("nothing anna@shop.example") == ask("nothing anna@shop.example") == "NOTFOUND "
    assert len(caplog.records) == 1


def test_mail_that_is_held_goes_where_postfix_keeps_it(ask: Ask, house: House) -> None:
    with behind_edge(house.app) as url, Session() as session:
        api = Api(url, session)
        for name in ("postmark", "sendgrid", "ses"):
            api.operate("PATCH", f"/v1/providers/{name}", {"enabled": False})
    assert ask("transport anna@shop.example") == "OK lmtp:unix:held-by-mailover"


def test_a_ratio_sticks_to_the_recipient_however_often_it_is_asked(ask: Ask, house: House) -> None:
    share(house, postmark=0.5, sendgrid=0.5)
    answers = {f"user-{n}@shop.example": ask(f"transport user-{n}@shop.example") for n in range(40)}
    assert {answer.partition("]")[0] for answer in answers.values()} == {
        "OK smtp:[smtp.postmark.example",
        "OK smtp:[smtp.sendgrid.example",
    }
    assert all(ask(f"transport {key.upper()}") == answer for key, answer in answers.items())


def test_hops_with_another_kind_of_tls_are_left_out_of_a_list(ask: Ask, house: House) -> None:
    implicit = replace(POLICY.providers["sendgrid"], tls=Tls.IMPLICIT, port=465)
    policy = replace(POLICY, providers={**POLICY.providers, "sendgrid": implicit})
    house.service.reload(policy, "transactional")
    assert ask("transport a@shop.example") == "OK smtp:[smtp.postmark.example]:587, [smtp.ses.example]:587"
    house.succeed("postmark", "sendgrid", "ses")
    house.fail("postmark")
    assert ask("transport a@shop.example") == "OK smtps:[smtp.sendgrid.example]:465"


# -- the wire ---------------------------------------------------------------------------------------------------------


def test_questions_may_come_together_and_in_pieces(house: House) -> None:
    wire = conversation(house)
    sent = netstring("transport a@shop.example") + netstring("transport *") + netstring("marketing b@shop.example")
    whole = conversation(house).hear(sent).answer
    assert whole.count(b"OK smtp") == 2
    assert b"9:NOTFOUND ," in whole
    assert b"".join(wire.hear(sent[n : n + 1]).answer for n in range(len(sent))) == whole


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"99999:x",
        b"4096:",
        b"-1:x,",
        b"5:hello!",
        b"1_0:",
        b" 3:abc,",
        b":,",
        b"\xff\xfe",
        b"3:abcd",
    ],
)
def test_what_is_no_netstring_ends_the_connection(house: House, sent: bytes) -> None:
    said = conversation(house).hear(sent)
    assert said.over
    assert said.answer == b""


def test_a_question_is_answered_although_what_follows_it_is_no_netstring(house: House) -> None:
    said = conversation(house).hear(netstring("transport *") + b"rubbish")
    assert (said.answer, said.over) == (b"9:NOTFOUND ,", True)


def test_bytes_that_are_no_text_are_no_recipient(house: House) -> None:
    assert (
        conversation(house).hear(b"13:transport \xff@\xfe,").answer.startswith((b"9:NOTFOUND", b"%d:OK" % len(ORDER)))
    )
