"""Ten providers of five streams fail at once, and come back at once."""

import pytest
from fake_slack import FakeSlack, Post, headline
from life import Life, Seen

from mailover.storage.sql import SqlStore

PROVIDERS = [f"p{number}" for number in range(10)]
STREAMS = {f"region{number}": PROVIDERS[number:] + PROVIDERS[:number] for number in range(5)}


@pytest.fixture
def seen(slack: FakeSlack, store: SqlStore) -> Seen:
    bad_minutes = {name: range(2, 8) for name in PROVIDERS}
    return Life(slack, store, bad_minutes=bad_minutes, streams=STREAMS).run(25)


def own(posts: list[Post]) -> list[str]:
    """Messages that are no answer in a thread."""
    return [headline(post) for post in posts if not post.get("thread_ts")]


def test_a_storm_is_one_message_for_each_incident_and_each_of_them_ends_green(seen: Seen) -> None:
    incidents = [each for each in own(seen.slack.channel) if "is out" in each]
    assert len(incidents) == len(PROVIDERS)
    assert all(each.startswith("\N{LARGE GREEN CIRCLE} over after") for each in incidents)


def test_the_channel_takes_no_more_than_it_can_bear_and_nothing_is_lost(seen: Seen) -> None:
    assert len(seen.slack.channel) <= 31
    for stream in STREAMS:
        assert sum(f"{stream}: no healthy provider is left" in each for each in seen.told) == 1
        assert sum(f"{stream}: a healthy provider carries it again" in each for each in seen.told) == 1
    for provider in PROVIDERS:
        assert sum(each.endswith(f" {provider} is healthy again") for each in seen.told) == 1
