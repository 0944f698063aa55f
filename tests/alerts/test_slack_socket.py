"""Slack's buttons by Socket Mode, over a real websocket: acknowledged, carried out once, heard again after a loss."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_slack import APP_TOKEN, FakeSlack
from pressing import Pressed, house
from slack_people import ANN, STRANGER, buttons, press, typed
from slack_sockets import TICKET, SocketSide

from mailover.core.events import EventType
from mailover.resolve import Resolver


@pytest.fixture
def side(slack: FakeSlack) -> Iterator[SocketSide]:
    with SocketSide(slack).serving() as serving:
        yield serving


@pytest.fixture
def pressed(slack: FakeSlack, side: SocketSide, tmp_path: Path) -> Iterator[Pressed]:
    with house(slack, tmp_path) as opened:
        side.wait_for_lines(1)
        yield opened


def said(pressed: Pressed, kind: EventType) -> list[dict[str, object]]:
    return [dict(event.data) for event in pressed.events if event.type is kind]


def test_a_press_is_acknowledged_carried_out_and_shown(pressed: Pressed, side: SocketSide, slack: FakeSlack) -> None:
    message = pressed.break_down()
    side.wait_for_ack(side.tell(press(slack, message, "Acknowledge")))
    slack.wait_until(lambda: f"slack:{ANN} looks after it" in str(pressed.message))
    assert "Acknowledge" not in buttons(pressed.message)
    (incident,) = pressed.service.snapshot.fleet.incidents.values()
    assert incident.acknowledged_by == f"slack:{ANN}"
    assert said(pressed, EventType.INCIDENT_ACKNOWLEDGED)[0]["by"] == f"slack:{ANN}"
    assert slack.whispered == []


def test_a_pin_holds_for_an_hour_and_is_confirmed_first(pressed: Pressed, side: SocketSide, slack: FakeSlack) -> None:
    message = pressed.break_down()
    assert buttons(message)["Pin mail to ses for 1 h"]["confirm"]["title"]["text"] == "Pin mail?"
    side.tell(press(slack, message, "Pin mail to ses for 1 h"))
    slack.wait_until(lambda: "mail: pinned to ses until" in str(pressed.message))
    pin = pressed.service.snapshot.fleet.streams["mail"].pin
    assert pin is not None
    assert (pin.provider, pin.by) == ("ses", f"slack:{ANN}")
    assert 3590 < (pin.until - pressed.clock.now()).total_seconds() <= 3600


def test_mail_goes_back_at_once_when_that_is_pressed(pressed: Pressed, side: SocketSide, slack: FakeSlack) -> None:
    message = pressed.break_down()
    side.tell(press(slack, message, "Fail back mail now"))
    assert "nothing better than ses is healthy" in slack.wait_for_whispers(1)[0]
    pressed.mend()
    slack.wait_until(lambda: "over after" in str(pressed.message))
    assert list(buttons(pressed.message)) == ["Fail back mail now", "Pause fail-back of mail for 1 h"]
    side.tell(press(slack, message, "Pause fail-back of mail for 1 h"))
    slack.wait_until(lambda: "no fail-back before" in str(pressed.message))
    side.tell(press(slack, message, "Fail back mail now"))
    slack.wait_until(lambda: buttons(pressed.message) == {})
    assert pressed.service.snapshot.flags["mail"].flag.provider == "postmark"
    assert said(pressed, EventType.FAILBACK_HAPPENED)[0]["by"] == f"slack:{ANN}"
    assert said(pressed, EventType.FAILBACK_PAUSED)[0]["by"] == f"slack:{ANN}"


def test_an_envelope_that_is_told_again_presses_once(pressed: Pressed, side: SocketSide, slack: FakeSlack) -> None:
    payload = press(slack, pressed.break_down(), "Pin mail to ses for 1 h")
    for attempt in range(3):
        side.wait_for_ack(side.tell(payload, f"again-{attempt}", attempt))
    side.tell(typed(slack, "status"))
    slack.wait_for_whispers(1)
    assert len(said(pressed, EventType.STREAM_PINNED)) == 1


def test_who_is_no_operator_is_told_so_and_it_is_logged(
    pressed: Pressed, side: SocketSide, slack: FakeSlack, caplog: pytest.LogCaptureFixture
) -> None:
    side.tell(press(slack, pressed.break_down(), "Acknowledge", user=STRANGER))
    assert "You may not do this" in slack.wait_for_whispers(1)[0]
    assert f"{STRANGER} is no operator and may not: acknowledge" in caplog.text
    assert said(pressed, EventType.INCIDENT_ACKNOWLEDGED) == []
    side.tell(typed(slack, "status", user=STRANGER))
    assert "You may not do this" in slack.wait_for_whispers(2)[1]


def test_status_is_told_to_who_asks_and_anything_else_is_helped(
    pressed: Pressed, side: SocketSide, slack: FakeSlack
) -> None:
    side.tell(typed(slack, " Status "))
    assert slack.wait_for_whispers(1)[0].splitlines()[1:] == ["No incident is open."]
    pressed.break_down()
    side.tell(typed(slack, "status"))
    lines = slack.wait_for_whispers(2)[1].splitlines()
    assert lines[0].startswith("mail: ses, failover (ses is the first choice left: postmark is out")
    assert lines[1].startswith("Open for")
    for text in ("", "pin everything", "\0" * 1999):
        side.tell(typed(slack, text))
    assert all("/mailover status" in each for each in slack.wait_for_whispers(5)[2:])


def test_when_slack_wants_another_connection_or_loses_this_one_nothing_is_missed(
    pressed: Pressed, side: SocketSide, slack: FakeSlack
) -> None:
    message = pressed.break_down()
    side.lines[-1].send(json.dumps({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}}))
    side.wait_for_lines(2)
    side.lines[-1].close()
    side.wait_for_lines(3)
    side.lines[-1].socket.close()
    side.wait_for_lines(4)
    side.wait_for_ack(side.tell(press(slack, message, "Acknowledge")))
    slack.wait_until(lambda: "Acknowledge" not in buttons(pressed.message))


@pytest.mark.parametrize(
    "nonsense",
    ["", "[]", "{", "null", "[" * 100_000, '{"type": 5}', '{"type": "hello"}', '{"payload": {"type": "x"}}', b"\xff"],
)
def test_nonsense_over_the_socket_ends_nothing(
    pressed: Pressed, side: SocketSide, slack: FakeSlack, nonsense: str | bytes
) -> None:
    side.lines[-1].send(nonsense)
    side.wait_for_ack(side.tell(typed(slack, "status")))
    assert len(slack.wait_for_whispers(1)) == len(side.lines) == 1


@pytest.mark.parametrize("payload", [{}, {"type": "block_actions"}, {"type": "view_submission", "user": {"id": ANN}}])
def test_what_concerns_nobody_is_acknowledged_and_passed_over(
    pressed: Pressed, side: SocketSide, slack: FakeSlack, payload: dict[str, object]
) -> None:
    side.wait_for_ack(side.tell(payload))
    assert slack.whispered == []


def test_a_message_larger_than_any_of_slacks_ends_the_connection_and_the_next_is_fine(
    pressed: Pressed, side: SocketSide, slack: FakeSlack
) -> None:
    side.lines[-1].send("x" * 2_000_000)
    side.wait_for_lines(2)
    side.wait_for_ack(side.tell(typed(slack, "status")))


def test_a_slack_that_never_greets_is_left_and_asked_again(slack: FakeSlack, side: SocketSide, tmp_path: Path) -> None:
    side.greets = False
    with house(slack, tmp_path, seconds=0.3):
        side.wait_for_lines(2)
        side.greets = True
        count = len(side.lines)
        side.wait_for_lines(count + 1)
        side.wait_for_ack(side.tell(typed(slack, "status")))


def test_where_one_address_of_slacks_does_not_answer_the_next_one_is_called(
    slack: FakeSlack, side: SocketSide, tmp_path: Path
) -> None:
    """As where a name has IPv6 addresses first, and this machine no way to them."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.2 slack.test\n127.0.0.1 slack.test\n")
    slack.socket_url = slack.socket_url.replace("127.0.0.1", "slack.test")
    with house(slack, tmp_path, resolver=Resolver(hosts_file=str(hosts))):
        side.wait_for_lines(1)
        side.wait_for_ack(side.tell(typed(slack, "status")))


def test_a_slack_that_is_away_delays_no_alert_and_is_asked_with_patience(
    slack: FakeSlack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Socket Mode is switched off: a final refusal, told once, and the alerts go on."""
    with house(slack, tmp_path) as opened:
        opened.break_down()
        assert slack.connections_opened == 1
    told = [record for record in caplog.records if "buttons are not heard" in record.getMessage()]
    assert [record.levelno for record in told] == [logging.ERROR]


def test_neither_token_nor_ticket_is_ever_logged(
    slack: FakeSlack, side: SocketSide, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with house(slack, tmp_path) as opened:
        side.wait_for_lines(1)
        message = opened.break_down()
        side.tell(press(slack, message, "Acknowledge"))
        slack.wait_until(lambda: "Acknowledge" not in buttons(opened.message))
        side.lines[-1].socket.close()
        side.wait_for_lines(2)
    mine = "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("websockets.server")
    )
    for secret in (APP_TOKEN, TICKET, "abcdef"):
        assert secret not in mine
