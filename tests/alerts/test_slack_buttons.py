"""Which buttons stand under an incident's message, and what they mean when they are pressed."""

from datetime import timedelta
from itertools import chain

from fake_slack import good_buttons
from happenings import NOON, happening
from hypothesis import given
from hypothesis import strategies as st

from mailover.alerts.slack_buttons import Press, Verb, buttons, pressed
from mailover.alerts.stories import Story, begun, continued, returned
from mailover.core.commands import AcknowledgeIncident, FailBack, PauseFailback, PinProvider
from mailover.core.events import Event, EventType, Severity

OPENED = happening(10, EventType.PROVIDER_OPENED, because="postmark is out", provider="postmark")
MOVED = happening(11, stream="mail")
FURTHER = happening(12, stream="mail", from_="ses", to="sendgrid")
EXHAUSTED = happening(13, EventType.STREAM_EXHAUSTED, severity=Severity.CRITICAL, stream="news")
SEEN = happening(14, EventType.INCIDENT_ACKNOWLEDGED, severity=Severity.INFO, by="ann")
CLOSED = happening(66, EventType.PROVIDER_CLOSED, severity=Severity.INFO, because="postmark is back")
BACK = happening(70, EventType.FAILBACK_HAPPENED, severity=Severity.INFO, stream="mail", from_="ses", to="postmark")

PIN, HERE, BACK_NOW, PAUSE = (
    "Pin mail to ses for 1 h",
    "Pin mail to postmark for 1 h",
    "Fail back mail now",
    "Pause fail-back of mail for 1 h",
)


def story(*events: Event) -> Story:
    made = begun(events[0], "inc_1")
    for event in events[1:]:
        made = continued(made, event)
    return made


def shown(told: Story) -> list[str]:
    return [element["text"]["text"] for element in elements(told)]


def elements(told: Story) -> list[dict]:
    return list(chain(*(row["elements"] for row in buttons(told))))


def test_an_incident_that_moved_no_mail_can_be_acknowledged() -> None:
    assert shown(story(OPENED)) == ["Acknowledge"]
    assert shown(story(OPENED, SEEN)) == []


def test_mail_that_went_elsewhere_can_be_held_there_and_brought_back() -> None:
    assert shown(story(OPENED, MOVED)) == ["Acknowledge", PIN, HERE, BACK_NOW, PAUSE]
    assert shown(story(OPENED, MOVED, SEEN)) == [PIN, HERE, BACK_NOW, PAUSE]
    assert shown(story(OPENED, MOVED, FURTHER))[1:3] == ["Pin mail to sendgrid for 1 h", HERE]


def test_a_stream_without_a_healthy_provider_can_be_pinned() -> None:
    assert "Pin news to ses for 1 h" in shown(story(OPENED, EXHAUSTED))


def test_once_it_is_over_only_the_way_back_is_left_until_mail_has_taken_it() -> None:
    over = story(OPENED, MOVED, CLOSED)
    assert shown(over) == [BACK_NOW, PAUSE]
    assert shown(returned(over, BACK)) == shown(continued(over, BACK)) == []
    assert returned(over, happening(71, EventType.FAILBACK_HAPPENED, stream="news")) == over


def test_a_button_says_in_itself_what_it_means() -> None:
    meant = [pressed(element) for element in elements(story(OPENED, MOVED))]
    assert [each and each.verb for each in meant] == [Verb.ACKNOWLEDGE, Verb.PIN, Verb.PIN, Verb.FAIL_BACK, Verb.PAUSE]
    until = NOON + timedelta(hours=1)
    assert [each and each.command("slack:U1", NOON) for each in meant] == [
        AcknowledgeIncident(incident="inc_1", by="slack:U1"),
        PinProvider(stream="mail", provider="ses", until=until, by="slack:U1", incident="inc_1"),
        PinProvider(stream="mail", provider="postmark", until=until, by="slack:U1", incident="inc_1"),
        FailBack(stream="mail", by="slack:U1", incident="inc_1"),
        PauseFailback(stream="mail", until=until, by="slack:U1", incident="inc_1"),
    ]


ODD = st.one_of(st.none(), st.integers(), st.text(max_size=8), st.lists(st.text(max_size=3), max_size=3))


@given(st.dictionaries(st.sampled_from(["action_id", "value", "type"]), ODD), st.sampled_from(["", *Verb]), ODD)
def test_what_is_no_button_of_ours_means_nothing(action: dict[str, object], verb: str, value: object) -> None:
    assert pressed(action) is None
    found = pressed({"action_id": f"mailover.{verb}.0", "value": value})
    assert found is None or isinstance(found, Press)


@given(st.lists(st.text(min_size=1, max_size=100), min_size=1, max_size=30, unique=True))
def test_any_names_make_buttons_that_slack_takes(names: list[str]) -> None:
    moves = [happening(n, stream=name, from_=name * 2, to=name[::-1] + "x") for n, name in enumerate(names)]
    rows = buttons(story(OPENED, *moves))
    assert 2 <= len(rows) <= 6
    assert all(good_buttons(row["elements"]) for row in rows)
