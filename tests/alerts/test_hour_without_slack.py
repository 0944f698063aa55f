"""Slack is away for an hour in which everything happens: no flip is late, nothing is lost, nothing is doubled."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_slack import FakeSlack, headline
from life import Life, Seen

from mailover.storage.sql import open_store

BAD_MINUTES = {"one": range(2, 35), "two": range(20, 50)}
"""First a failover, then nobody is left, then the first is back, then all is well."""
SLACK_IS_AWAY = range(1, 61)


def lived(directory: Path, away: range) -> Iterator[Seen]:
    store = open_store(f"sqlite:///{directory}/mailover.db")
    with FakeSlack().serving() as slack:
        yield Life(slack, store, bad_minutes=BAD_MINUTES, streams={"mail": ("one", "two")}).run(70, away=away)
    store.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    yield from lived(tmp_path_factory.mktemp("undisturbed"), range(0))


@pytest.fixture(scope="module")
def without_slack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    yield from lived(tmp_path_factory.mktemp("without"), SLACK_IS_AWAY)


def test_something_happened(undisturbed: Seen) -> None:
    assert [provider for _, _, provider in undisturbed.moves] == ["two", "one"]
    assert any("no healthy provider is left" in told for told in undisturbed.told)


def test_no_flip_waits_for_slack(undisturbed: Seen, without_slack: Seen) -> None:
    assert without_slack.moves == undisturbed.moves


def test_nothing_is_lost_doubled_or_told_in_another_order(undisturbed: Seen, without_slack: Seen) -> None:
    assert without_slack.told == undisturbed.told


def test_every_incident_ends_green(without_slack: Seen) -> None:
    incidents = [headline(post) for post in without_slack.slack.channel if "is out" in headline(post)]
    assert len(incidents) == 2
    assert all("over after" in each for each in incidents)


def test_what_comes_late_says_so(undisturbed: Seen, without_slack: Seen) -> None:
    assert "told late by" not in str(undisturbed.slack.posted)
    assert "told late by" in str(without_slack.slack.posted[1])


def test_slack_is_not_hammered_meanwhile(undisturbed: Seen, without_slack: Seen) -> None:
    assert without_slack.slack.calls - undisturbed.slack.calls <= 20
