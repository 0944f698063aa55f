"""Slack, as its servers behave."""

import time
from datetime import timedelta

import pytest
from fake_clock import FakeClock
from fake_slack import CHANNEL, HOOK, TOKEN, FakeSlack, Misdeed, blocks
from happenings import Happen, happening

from mailover.alerts.courier import Courier
from mailover.alerts.dispatcher import Dispatcher
from mailover.alerts.posting import Poster
from mailover.alerts.slack import Slack, SlackAccount
from mailover.alerts.transport import DeliveryError
from mailover.clock import SystemClock
from mailover.core.events import Event
from mailover.secrets import Secret
from mailover.storage.sql import SqlStore


def bot(slack: FakeSlack, token: str = TOKEN, channel: str = CHANNEL) -> SlackAccount:
    return SlackAccount(token=Secret(token), channel=channel, api_url=slack.api_url)


def hook(slack: FakeSlack, path: str = HOOK) -> SlackAccount:
    return SlackAccount(webhook_url=Secret(slack.url + path))


@pytest.fixture(params=[bot, hook])
def account(request: pytest.FixtureRequest, slack: FakeSlack) -> SlackAccount:
    made: SlackAccount = request.param(slack)
    return made


@pytest.fixture
def tell(account: SlackAccount, clock: FakeClock) -> Slack:
    return Slack(account, clock, poster=Poster(seconds=1.0))


def failure(tell: Slack) -> DeliveryError:
    with pytest.raises(DeliveryError) as failed:
        tell(happening(1))
    shown = f"{failed.value} {failed.value!r} {failed.value.__cause__!r}"
    assert TOKEN not in shown
    assert HOOK.rpartition("/")[2] not in shown
    return failed.value


def test_an_event_is_posted_once_with_its_reason(tell: Slack, slack: FakeSlack) -> None:
    tell(happening(1))
    (post,) = slack.posted
    assert str(post["text"]).endswith("s1: mail now goes through ses instead of postmark: postmark is out: logins fail")
    assert blocks(post)[1]["text"]["text"] == "postmark is out: logins fail"


def test_any_words_reach_slack_unharmed(tell: Slack, slack: FakeSlack) -> None:
    tell(happening(1, because='ünï 漢字 "quoted" \\ <!channel> & %s +1'))
    assert blocks(slack.posted[0])[1]["text"]["text"] == 'ünï 漢字 "quoted" \\ &lt;!channel&gt; &amp; %s +1'


def test_too_many_messages_wait_as_long_as_slack_says(tell: Slack, slack: FakeSlack) -> None:
    slack.misdeeds.append(Misdeed(status=429, body="ratelimited", headers={"Retry-After": "30"}))
    error = failure(tell)
    assert (error.permanent, error.retry_after) == (False, timedelta(seconds=30))


@pytest.mark.parametrize("status", [301, 307, 408, 500, 502, 503])
def test_trouble_that_may_pass_is_not_final(tell: Slack, slack: FakeSlack, status: int) -> None:
    slack.misdeeds.append(Misdeed(status=status, body="trouble", headers={"Location": "http://127.0.0.1:1/"}))
    error = failure(tell)
    assert not error.permanent
    assert f"slack answered {status}" in str(error)
    assert slack.calls == 1


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_refusal_is_final(tell: Slack, slack: FakeSlack, status: int) -> None:
    slack.misdeeds.append(Misdeed(status=status, body="no_service"))
    assert failure(tell).permanent


def test_a_page_of_some_proxy_is_not_slack_speaking(tell: Slack, slack: FakeSlack) -> None:
    slack.misdeeds.append(Misdeed(status=200, body="<html>please log in</html>"))
    assert not failure(tell).permanent
    assert slack.posted == []


@pytest.mark.parametrize("misdeed", [Misdeed(hang=True), Misdeed(drip=True)], ids=["hangs", "drips"])
def test_a_slack_that_never_finishes_is_left_in_time(tell: Slack, slack: FakeSlack, misdeed: Misdeed) -> None:
    slack.misdeeds.append(misdeed)
    began = time.monotonic()
    error = failure(tell)
    assert time.monotonic() - began < 10
    assert "it took too long" in str(error)
    assert not error.permanent


def test_an_endless_answer_is_cut(tell: Slack, slack: FakeSlack) -> None:
    slack.misdeeds.append(Misdeed(status=500, body="x" * 10_000_000))
    assert len(str(failure(tell))) < 200


def test_an_echoed_secret_is_masked(
    tell: Slack, account: SlackAccount, slack: FakeSlack, caplog: pytest.LogCaptureFixture
) -> None:
    secret = account.token or account.webhook_url
    assert secret is not None
    for status in (200, 500):
        slack.misdeeds.append(Misdeed(status=status, body=f"who is {secret.reveal()} really?"))
        assert "***" in str(failure(tell))
    assert secret.reveal() not in caplog.text


def test_a_slack_that_is_away_is_not_final_and_tells_no_secret(clock: FakeClock) -> None:
    for account in (
        SlackAccount(token=Secret(TOKEN), channel=CHANNEL, api_url="http://127.0.0.1:1/api/"),
        SlackAccount(webhook_url=Secret(f"http://127.0.0.1:1{HOOK}")),
    ):
        assert not failure(Slack(account, clock)).permanent
        assert TOKEN not in repr(account)
        assert HOOK not in repr(account)


def test_a_wrong_token_or_channel_is_final(slack: FakeSlack, clock: FakeClock) -> None:
    assert "invalid_auth" in str(failure(Slack(bot(slack, token="xoxb-wrong"), clock)))
    error = failure(Slack(bot(slack, channel="C999"), clock))
    assert "channel_not_found" in str(error)
    assert error.permanent


def test_an_account_without_a_place_to_post_to_is_refused(clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="a token and a channel, or the address"):
        Slack(SlackAccount(token=Secret(TOKEN)), clock)


def test_proxies_of_the_environment_are_not_asked(
    tell: Slack, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    tell(happening(1))
    assert len(slack.posted) == 1


def test_a_slack_in_trouble_loses_doubles_and_reorders_nothing(
    tell: Slack, slack: FakeSlack, clock: FakeClock, store: SqlStore, happen: Happen
) -> None:
    slack.misdeeds.extend(
        [
            Misdeed(status=500),
            Misdeed(status=429, headers={"Retry-After": "2"}),
            Misdeed(hang=True),
            Misdeed(status=200, body="<html>"),
        ]
    )
    happen(*(happening(n) for n in range(1, 6)))
    courier = Courier("slack", tell, store, clock)
    while store.outbox_next_due("slack") is not None:
        clock.advance(max(courier.step().total_seconds(), 0.01))
    assert [h.partition(":")[0] for h in slack.headlines] == [f"s{n}" for n in range(1, 6)]


def test_only_an_answer_lost_on_its_way_doubles_a_message(
    tell: Slack, slack: FakeSlack, clock: FakeClock, store: SqlStore, happen: Happen
) -> None:
    slack.misdeeds.append(Misdeed(take_but_drop_the_answer=True))
    happen(happening(1), happening(2))
    courier = Courier("slack", tell, store, clock)
    while store.outbox_next_due("slack") is not None:
        clock.advance(max(courier.step().total_seconds(), 0.01))
    assert [h.partition(":")[0] for h in slack.headlines] == ["s1", "s1", "s2"]


def test_a_dead_slack_delays_nobody_else(slack: FakeSlack, store: SqlStore, happen: Happen) -> None:
    clock = SystemClock()
    slack.misdeeds.append(Misdeed(hang=True))
    heard: list[Event] = []
    dispatcher = Dispatcher(
        [
            Courier("slack", Slack(bot(slack), clock, poster=Poster(seconds=3.0)), store, clock),
            Courier("hook", heard.append, store, clock),
        ]
    )
    happen(happening(1), to=("slack",))
    dispatcher.start()
    while not slack.calls:
        time.sleep(0.01)
    happen(happening(2), to=("slack", "hook"))
    dispatcher.wake()
    deadline = time.monotonic() + 20
    while not heard and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [e.id for e in heard] == [happening(2).id]
    assert slack.posted == []
    slack.wait_for(2)
    dispatcher.stop()
    assert [h.partition(":")[0] for h in slack.headlines] == ["s1", "s2"]


def test_a_dispatcher_stops_between_deliveries_and_the_next_one_goes_on(
    slack: FakeSlack, store: SqlStore, happen: Happen
) -> None:
    clock = SystemClock()

    def dispatcher() -> Dispatcher:
        return Dispatcher([Courier("slack", Slack(bot(slack), clock), store, clock, pace=timedelta(seconds=60))])

    happen(happening(1), happening(2))
    first = dispatcher()
    first.start()
    slack.wait_for(1)
    first.stop()
    assert len(slack.posted) == 1
    second = dispatcher()
    second.start()
    slack.wait_for(2)
    second.stop()
    assert [h.partition(":")[0] for h in slack.headlines] == ["s1", "s2"]


def test_a_dispatcher_that_never_started_can_be_stopped() -> None:
    Dispatcher([]).stop()
