"""One living message per incident, against a Slack on loopback, in virtual time."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from fake_clock import FakeClock
from fake_slack import CHANNEL, TOKEN, FakeSlack, Misdeed, blocks, headline
from happenings import Happen, happening

from mailover.alerts.courier import Courier
from mailover.alerts.living import LivingMessages
from mailover.alerts.notebook import Notebook
from mailover.alerts.posting import Poster
from mailover.alerts.runbook import Links
from mailover.alerts.slack import PACE, Slack, SlackAccount
from mailover.core.events import Event, EventType, Severity
from mailover.errors import StorageError
from mailover.secrets import Secret
from mailover.storage.sql import SqlStore
from mailover.storage.store import Store

RED, ORANGE, GREEN = "\N{LARGE RED CIRCLE}", "\N{LARGE ORANGE CIRCLE}", "\N{LARGE GREEN CIRCLE}"


def opened(number: int, incident: str = "inc_1", provider: str = "postmark") -> Event:
    because = f"{provider} is out: connections fail"
    return happening(
        number, EventType.PROVIDER_OPENED, because=because, incident=incident, provider=provider, seconds_to_detect=5
    )


def closed(number: int, incident: str = "inc_1", provider: str = "postmark") -> Event:
    because = f"{provider} is healthy again"
    return happening(
        number,
        EventType.PROVIDER_CLOSED,
        because=because,
        severity=Severity.INFO,
        incident=incident,
        provider=provider,
    )


def moved(number: int, incident: str = "inc_1") -> Event:
    return happening(number, because="postmark is out", incident=incident, stream="mail")


def exhausted(number: int, incident: str = "inc_1") -> Event:
    return happening(
        number, EventType.STREAM_EXHAUSTED, severity=Severity.CRITICAL, incident=incident, stream="mail", sending=True
    )


def acknowledged(number: int, incident: str = "inc_1") -> Event:
    return happening(
        number, EventType.INCIDENT_ACKNOWLEDGED, severity=Severity.INFO, incident=incident, by="alice", because="alice"
    )


STORY = (opened(1), moved(2), exhausted(3), acknowledged(4), closed(600))


def living(slack: FakeSlack, store: Store, clock: FakeClock, **choices: int) -> LivingMessages:
    account = SlackAccount(token=Secret(TOKEN), channel=CHANNEL, api_url=slack.api_url)
    bot = account.bot(clock, Poster(seconds=2.0))
    assert bot is not None
    return LivingMessages(bot, Notebook(store, "slack"), clock, **choices)


class Follower:
    """Tells events through the outbox, letting exactly as much time go by as the courier says."""

    def __init__(self, transport: LivingMessages, store: SqlStore, clock: FakeClock) -> None:
        self.courier = Courier("slack", transport, store, clock, pace=PACE)
        self._store = store
        self._clock = clock
        self._happen = Happen(store)

    def tell(self, *events: Event) -> None:
        self._happen(*events)
        for _ in self.steps():
            continue

    def steps(self) -> Iterator[timedelta]:
        while self._store.outbox_next_due("slack") is not None:
            wait = self.courier.step()
            yield wait
            self._clock.advance(max(wait.total_seconds(), 0.001))


@pytest.fixture
def follower(slack: FakeSlack, store: SqlStore, clock: FakeClock) -> Follower:
    return Follower(living(slack, store, clock), store, clock)


def signs(slack: FakeSlack) -> list[str]:
    return [headline(post)[0] for post in slack.channel]


def steps(slack: FakeSlack) -> list[str]:
    return [headline(post)[2:] for post in slack.thread(slack.channel[0])]


def test_an_incident_is_one_message_that_turns_green(follower: Follower, slack: FakeSlack) -> None:
    follower.tell(opened(1), moved(2))
    assert signs(slack) == [ORANGE]
    assert headline(slack.channel[0]).endswith("postmark is out")
    assert "mail: mail goes through ses instead of postmark" in str(slack.channel[0])
    follower.tell(acknowledged(4), closed(600))
    first, broadcast = slack.channel
    assert headline(first) == f"{GREEN} over after 10 min 4 s: postmark is out"
    assert headline(broadcast) == f"{GREEN} postmark is healthy again"
    assert broadcast["reply_broadcast"] is True


def test_the_steps_are_in_its_thread_in_their_order(follower: Follower, slack: FakeSlack) -> None:
    follower.tell(*STORY)
    assert [step.partition(":")[0] for step in steps(slack)] == [
        "mail",
        "mail",
        "s4",
        "postmark is healthy again",
    ]
    assert len(slack.posted) == 5


def test_the_worst_of_it_colours_the_headline_and_is_seen_by_all(follower: Follower, slack: FakeSlack) -> None:
    follower.tell(*STORY[:3])
    assert signs(slack) == [RED, RED]
    text = blocks(slack.channel[0])[1]["text"]["text"]
    assert "mail: no healthy provider is left" in text
    assert "nobody has acknowledged it yet" in text
    follower.tell(acknowledged(4))
    assert "alice looks after it" in blocks(slack.channel[0])[1]["text"]["text"]


def test_what_belongs_to_no_incident_is_a_plain_post(follower: Follower, slack: FakeSlack) -> None:
    follower.tell(
        opened(1), happening(2, EventType.CERTIFICATE_EXPIRING, provider="ses"), opened(3, "inc_2", "sendgrid")
    )
    assert [headline(p)[2:] for p in slack.channel] == [
        "postmark is out",
        "the certificate of ses expires soon",
        "sendgrid is out",
    ]


def test_a_restart_goes_on_with_the_same_message(slack: FakeSlack, store: SqlStore, clock: FakeClock) -> None:
    for event in STORY:
        Follower(living(slack, store, clock), store, clock).tell(event)
    assert headline(slack.channel[0]).startswith(GREEN)
    assert len(slack.posted) == len(STORY)


def test_a_crash_after_telling_and_before_settling_tells_nothing_twice(
    slack: FakeSlack, store: SqlStore, clock: FakeClock
) -> None:
    for event in STORY:
        living(slack, store, clock)(event)
        living(slack, store, clock)(event)
    assert len(slack.posted) == len(STORY)


@pytest.mark.parametrize("number", range(1, 8))
def test_one_failure_anywhere_neither_loses_nor_doubles_nor_reorders(
    number: int, follower: Follower, slack: FakeSlack
) -> None:
    slack.misdeeds.extend([None] * number)  # type: ignore[list-item] - no misdeed
    slack.misdeeds.append(Misdeed(status=500))
    follower.tell(*STORY)
    assert [step.partition(":")[0] for step in steps(slack)] == ["mail", "mail", "s4", "postmark is healthy again"]
    assert headline(slack.channel[0]).startswith(GREEN)
    assert len(slack.posted) == len(STORY)


@pytest.mark.parametrize("number", range(9))
def test_only_the_step_whose_answer_was_lost_is_repeated(number: int, follower: Follower, slack: FakeSlack) -> None:
    slack.misdeeds.extend([None] * number)  # type: ignore[list-item] - no misdeed
    slack.misdeeds.append(Misdeed(take_but_drop_the_answer=True))
    follower.tell(*STORY)
    assert len(STORY) <= len(slack.posted) <= len(STORY) + 1
    assert any(headline(post).startswith(f"{GREEN} over after") for post in slack.channel)


def test_a_deleted_message_is_posted_anew(follower: Follower, slack: FakeSlack) -> None:
    follower.tell(*STORY[:2])
    slack.delete(slack.channel[0])
    follower.tell(*STORY[2:4])
    (anew,) = slack.channel
    assert headline(anew) == f"{RED} postmark is out"
    assert "no healthy provider is left" in str(anew)
    assert len(slack.thread(anew)) == 1


def test_a_message_that_cannot_be_rewritten_is_posted_anew_once(follower: Follower, slack: FakeSlack) -> None:
    follower.tell(opened(1))
    for word in ("cant_update_message", "channel_not_found"):
        slack.misdeeds.extend([None, Misdeed(body=f'{{"ok": false, "error": "{word}"}}')])  # type: ignore[list-item]
        follower.tell(moved(len(slack.posted) + 1))
    assert [headline(p)[2:] for p in slack.channel] == ["postmark is out"] * 3
    assert len(slack.posted) == 5


def test_the_end_of_what_nobody_was_told_is_not_told(follower: Follower, slack: FakeSlack) -> None:
    follower.tell(closed(1))
    assert slack.posted == []


def test_messages_keep_a_second_between_them(
    follower: Follower, slack: FakeSlack, clock: FakeClock, happen: Happen
) -> None:
    happen(*STORY)
    start, counted = clock.now(), 0
    for _ in follower.steps():
        assert len(slack.posted) - counted <= 1
        counted = len(slack.posted)
    assert clock.now() - start >= timedelta(seconds=len(STORY) - 1)


def test_a_storm_is_gathered_in_one_thread_and_nothing_of_it_is_lost(
    slack: FakeSlack, store: SqlStore, clock: FakeClock
) -> None:
    follower = Follower(living(slack, store, clock, posts_an_hour=5), store, clock)
    follower.tell(*(opened(n, f"inc_{n}", f"p{n}") for n in range(50)))
    follower.tell(*(closed(n + 100, f"inc_{n}", f"p{n}") for n in range(50)))
    assert len(slack.channel) == 6
    gathering = slack.channel[-1]
    assert "many alerts at once" in headline(gathering)
    gathered = [headline(p) for p in slack.thread(gathering)]
    for n in range(5, 50):
        assert gathered.count(f"{GREEN} over after 1 min 45 s: p{n} is out") == 1
        assert gathered.count(f"{GREEN} p{n} is healthy again") == 1
    clock.advance(3700)
    follower.tell(opened(900, "inc_900", "late"))
    assert headline(slack.channel[-1]) == f"{ORANGE} late is out"


class FullStore:
    """A store that takes no notes for a while."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.full = True

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def set_note(self, key: str, value: object) -> None:
        if self.full:
            raise StorageError("database or disk is full")
        self._store.set_note(key, value)


def test_a_store_that_takes_no_notes_doubles_nothing(slack: FakeSlack, store: SqlStore, clock: FakeClock) -> None:
    full = FullStore(store)
    tell = living(slack, full, clock)  # type: ignore[arg-type] - it stands in for the store
    for event in STORY[:3]:
        tell(event)
        tell(event)
    full.full = False
    tell(STORY[3])
    living(slack, store, clock)(STORY[4])
    assert len(slack.posted) == len(STORY)
    assert headline(slack.channel[0]).startswith(GREEN)


def test_old_incidents_are_forgotten(slack: FakeSlack, store: SqlStore, clock: FakeClock) -> None:
    tell = living(slack, store, clock, posts_an_hour=1000)
    for n in range(60):
        tell(opened(2 * n, f"inc_{n}"))
        tell(closed(2 * n + 1, f"inc_{n}"))
    assert store.note("alerts/slack/incident/inc_0") is None
    assert store.note("alerts/slack/incident/inc_59") is not None


def test_an_alert_links_to_its_page_of_the_runbook(slack: FakeSlack, clock: FakeClock) -> None:
    account = SlackAccount(token=Secret(TOKEN), channel=CHANNEL, api_url=slack.api_url)
    Slack(account, clock, links=Links(runbook="https://wiki.example/woken", home="https://mailover.example"))(opened(1))
    link = "<https://wiki.example/woken#a-provider-is-out-and-the-mail-goes-through-another|What to do>"
    assert link in str(slack.posted[0])
    assert "<https://mailover.example|Open mailover>" in str(slack.posted[0])


def test_a_gathering_message_that_is_deleted_is_posted_anew(
    slack: FakeSlack, store: SqlStore, clock: FakeClock
) -> None:
    follower = Follower(living(slack, store, clock, posts_an_hour=1), store, clock)
    follower.tell(*(opened(n, f"inc_{n}") for n in range(3)))
    slack.delete(slack.channel[-1])
    follower.tell(opened(3, "inc_3"))
    assert "many alerts at once" in headline(slack.channel[-1])
    assert len(slack.thread(slack.channel[-1])) == 1


def test_a_note_that_cannot_be_read_costs_a_new_message_and_no_alert(
    slack: FakeSlack, store: SqlStore, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    living(slack, store, clock)(opened(1))
    store.set_note("alerts/slack/incident/inc_1", "{}")
    living(slack, store, clock)(moved(2))
    assert len(slack.channel) == 2
    assert "cannot be read and is dropped" in caplog.text


class UnreadableStore(FullStore):
    """A store that is away."""

    def note(self, key: str) -> object:
        raise StorageError("database is away")


def test_a_store_that_is_away_tells_nothing_and_buries_nothing(
    slack: FakeSlack, store: SqlStore, clock: FakeClock, happen: Happen
) -> None:
    away = UnreadableStore(store)
    happen(opened(1))
    courier = Courier("slack", living(slack, away, clock), store, clock)  # type: ignore[arg-type] - it stands in
    assert courier.step() > timedelta(0)
    assert slack.posted == []
    clock.advance(61)  # the lease of the attempt that never was
    Follower(living(slack, store, clock), store, clock).tell()
    assert len(slack.posted) == 1
