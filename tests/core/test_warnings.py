"""Warnings: said before it hurts, said once, and moving nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mailover.core.commands import AcknowledgeIncident, DisableProvider
from mailover.core.events import EventType, Severity, rfc3339
from mailover.core.observations import Depth, Observation, ProbeKind, Purpose
from mailover.core.policy import AlertPolicy

from .story import BUSY, MAIL_BUSY, NO_SUCH_USER, SILENT, START, Failure, Story, policy_of

DAY = 86400.0


def lives(story: Story, provider: str, *outcomes: Failure | None, took: float = 0.1, every: float = 15) -> None:
    """One scheduled probe after the other."""
    for failure in outcomes:
        story.later(every)
        story.sees(provider, failure, took=took)


# -- degraded ---------------------------------------------------------------------------------------------------------


def test_a_provider_that_fails_too_often_is_told_of_once_and_stays() -> None:
    story = Story()
    lives(story, "a", *([None] * 9 + [BUSY]) * 4)
    (told,) = story.said(EventType.PROVIDER_DEGRADED)
    assert told.because.startswith("a is degraded: 3 of 30 attempts (10 %) failed within 15 min")
    assert (told.severity, told.subject, told.data["provider"]) == (Severity.WARNING, "provider/a", "a")
    assert story.flag.provider == "a"


def test_it_is_well_again_only_when_it_fails_half_as_often_as_the_limit() -> None:
    story = Story()
    lives(story, "a", *([None] * 9 + [BUSY]) * 4)
    lives(story, "a", *([None] * 24 + [BUSY]) * 2)
    assert story.said(EventType.PROVIDER_NORMAL) == []
    lives(story, "a", *[None] * 60)
    (well,) = story.said(EventType.PROVIDER_NORMAL)
    assert well.because.startswith("a is no longer degraded")
    assert well.data["degraded"] is False


def test_a_provider_at_its_limit_does_not_flap() -> None:
    story = Story()
    lives(story, "a", *([None] * 18 + [BUSY]) * 30)
    assert len(story.said(EventType.PROVIDER_DEGRADED)) <= 1


def test_slow_answers_are_told_of_by_their_average() -> None:
    story = Story()
    lives(story, "a", *[None] * 20, took=4.0)
    (told,) = story.said(EventType.PROVIDER_DEGRADED)
    assert told.because == "a is degraded: its answers took 4.0 s on average within 15 min"
    lives(story, "a", *[None] * 60, took=0.2)
    assert len(story.said(EventType.PROVIDER_NORMAL)) == 1


def test_failing_mail_that_applications_report_counts_by_its_number() -> None:
    story = Story()
    story.told("a", count=36).told("a", MAIL_BUSY, count=4)
    (told,) = story.said(EventType.PROVIDER_DEGRADED)
    assert "4 of 40 attempts (10 %)" in told.because


def test_a_bad_recipient_degrades_nobody() -> None:
    story = Story()
    story.told("a", NO_SUCH_USER, count=500)
    assert story.said(EventType.PROVIDER_DEGRADED) == []


def test_few_attempts_say_nothing() -> None:
    story = Story()
    lives(story, "a", *[None, None, BUSY] * 6)
    assert story.said(EventType.PROVIDER_DEGRADED) == []


def test_an_outage_is_no_degradation_neither_during_it_nor_after() -> None:
    story = Story()
    lives(story, "a", *[None] * 30)
    story.breaks("a")
    lives(story, "a", *[BUSY] * 30)
    story.recovers("a")
    lives(story, "a", *[None] * 30)
    assert story.said(EventType.PROVIDER_DEGRADED) == []


# -- certificates -----------------------------------------------------------------------------------------------------


def shows_certificate(story: Story, provider: str, days: float, *, base: float = 0) -> None:
    not_after = story.now - timedelta(seconds=story.seconds) + timedelta(days=base + days)
    seen = Observation(
        provider=provider,
        purpose=Purpose.SCHEDULED,
        depth=Depth.PORT,
        started_at=story.now,
        finished_at=story.now,
        probe=ProbeKind.PORT,
        facts={"certificate_not_after": rfc3339(not_after)},
    )
    story.hear(seen)


def test_a_certificate_is_told_of_once_at_each_distance_from_its_end() -> None:
    story = Story()
    for hour in range(31 * 24):
        shows_certificate(story, "b", 30)
        assert hour == story.seconds / 3600
        story.later(3600)
    told = story.said(EventType.CERTIFICATE_EXPIRING)
    assert [e.data["days_left"] for e in told] == [14, 7, 1]
    assert [e.severity for e in told] == [Severity.WARNING, Severity.WARNING, Severity.CRITICAL]
    assert told[0].because.startswith("the certificate of b ends in 14 days, at 2026-02-04T09:00:00Z")


def test_an_agent_started_late_warns_once_not_three_times() -> None:
    story = Story()
    shows_certificate(story, "b", 0.5)
    shows_certificate(story, "b", 0.5)
    (told,) = story.said(EventType.CERTIFICATE_EXPIRING)
    assert "ends in 12 h" in told.because


def test_servers_that_show_different_certificates_in_turn_make_no_noise() -> None:
    story = Story()
    for _ in range(50):
        shows_certificate(story, "b", 5)
        shows_certificate(story, "b", 90)
        shows_certificate(story, "b", 6)
    assert len(story.said(EventType.CERTIFICATE_EXPIRING)) == 2


def test_a_renewed_certificate_is_watched_anew() -> None:
    story = Story()
    shows_certificate(story, "b", 10)
    story.later(30 * DAY)
    shows_certificate(story, "b", 12, base=30)
    assert len(story.said(EventType.CERTIFICATE_EXPIRING)) == 2


@pytest.mark.parametrize("nonsense", ["", "soon", "2026-01-06", 17, None])
def test_a_date_that_is_none_is_passed_over(nonsense: object) -> None:
    story = Story()
    seen = Observation(
        provider="a",
        purpose=Purpose.SCHEDULED,
        depth=Depth.PORT,
        started_at=story.now,
        finished_at=story.now,
        facts={"certificate_not_after": nonsense},
    )
    story.hear(seen)
    assert story.said(EventType.CERTIFICATE_EXPIRING) == []


# -- spares -----------------------------------------------------------------------------------------------------------


def is_watched(story: Story, provider: str, *, days: float) -> None:
    """Its port answers, once an hour; nobody logs in."""
    lives(story, provider, *[None] * round(24 * days), every=3600)


def test_a_spare_that_nobody_logs_in_to_is_told_of_once() -> None:
    story = Story("ab")
    is_watched(story, "b", days=3)
    is_watched(story, "a", days=3)
    (told,) = story.said(EventType.PROVIDER_UNTRIED)
    assert (told.subject, told.severity) == ("provider/b", Severity.WARNING)
    assert told.because == "b is a spare of mail, but for 24 h nobody has logged in there: does it still work?"
    assert told.at == START + timedelta(hours=24)


def test_a_login_or_a_sent_message_proves_a_spare() -> None:
    story = Story("ab")
    for hour in range(72):
        story.later(3600).sees("b")
        if hour % 20 == 0:
            _ = story.logs_in("b") if hour % 40 else story.told("b")
    assert story.said(EventType.PROVIDER_UNTRIED) == []
    is_watched(story, "b", days=2)
    story.logs_in("b")
    is_watched(story, "b", days=2)
    assert len(story.said(EventType.PROVIDER_UNTRIED)) == 2


def test_a_rehearsal_of_the_next_password_proves_nothing_of_the_present_one() -> None:
    story = Story("ab")
    for _ in range(4):
        story.later(8 * 3600).logs_in("b", purpose=Purpose.REHEARSAL)
    assert len(story.said(EventType.PROVIDER_UNTRIED)) == 1


# -- failovers --------------------------------------------------------------------------------------------------------


def fails_over(story: Story, times: int) -> None:
    for _ in range(times):
        before = story.flag.provider
        assert before is not None
        story.breaks(before)
        story.recovers(before)
        story.later(1)
        story.later(5 * 3600)


def test_too_many_failovers_within_a_day_are_told_of_once() -> None:
    policy = replace(policy_of("ab"), alerts=AlertPolicy(failovers_a_day=2))
    story = Story(policy)
    fails_over(story, 4)
    (told,) = story.said(EventType.FAILOVERS_EXCESSIVE)
    assert told.because == "mail failed over 3 times within a day, more than 2: its providers come and go"
    assert (told.subject, told.data["stream"], told.data["failovers"]) == ("stream/mail", "mail", 3)
    assert len(story.said(EventType.FAILOVER_HAPPENED)) == 4


def test_as_many_failovers_over_many_days_are_nothing_to_tell() -> None:
    policy = replace(policy_of("ab"), alerts=AlertPolicy(failovers_a_day=2))
    story = Story(policy)
    for _ in range(5):
        fails_over(story, 1)
        story.later(12 * 3600)
    assert story.said(EventType.FAILOVERS_EXCESSIVE) == []


# -- reminders --------------------------------------------------------------------------------------------------------


def test_people_are_reminded_of_a_stream_without_provider_until_somebody_looks() -> None:
    story = Story("ab")
    story.breaks("a", "b")
    story.later(minutes=95)
    told = story.said(EventType.INCIDENT_UNACKNOWLEDGED)
    assert len(told) == 3
    assert told[0].severity is Severity.CRITICAL
    assert told[0].because.startswith("nobody has acknowledged 2 incidents (a and b); the oldest: a is out")
    for incident in list(story.fleet.incidents.values()):
        story.ordered(AcknowledgeIncident(incident=incident.id, by="alice"))
    story.later(minutes=300)
    assert len(story.said(EventType.INCIDENT_UNACKNOWLEDGED)) == 3
    (first, second) = story.said(EventType.INCIDENT_ACKNOWLEDGED)
    assert first.because.startswith("alice looks after it: a is out")
    assert {first.data["incident"], second.data["incident"]} == {i.id for i in story.fleet.incidents.values()}


def test_a_reminder_of_one_incident_belongs_to_it() -> None:
    story = Story("a")
    story.breaks("a").later(minutes=40)
    (told,) = story.said(EventType.INCIDENT_UNACKNOWLEDGED)
    (incident,) = story.fleet.incidents.values()
    assert (told.data["incident"], told.subject) == (incident.id, "provider/a")


def test_nobody_is_reminded_of_a_provider_whose_mail_another_one_carries() -> None:
    story = Story("ab")
    story.breaks("a").later(minutes=300)
    assert story.said(EventType.INCIDENT_UNACKNOWLEDGED) == []


def test_nobody_is_reminded_of_what_is_over() -> None:
    story = Story("a")
    story.breaks("a").recovers("a").later(minutes=300)
    assert story.said(EventType.INCIDENT_UNACKNOWLEDGED) == []


def test_reminders_can_be_turned_off() -> None:
    story = Story(replace(policy_of("a"), alerts=AlertPolicy(remind_every=timedelta(0))))
    story.breaks("a").later(minutes=300)
    assert story.said(EventType.INCIDENT_UNACKNOWLEDGED) == []


def test_a_blind_agent_reminds_people_of_its_blindness() -> None:
    story = Story("ab")
    story.sees("a", SILENT).sees("b", SILENT).later(minutes=40)
    assert len(story.said(EventType.AGENT_BLIND)) == 1
    assert len(story.said(EventType.INCIDENT_UNACKNOWLEDGED)) == 1


# -- incidents end where people can see it ----------------------------------------------------------------------------


def test_disabling_a_provider_says_which_incident_ends() -> None:
    story = Story("ab")
    story.breaks("a")
    (incident,) = story.fleet.incidents.values()
    story.ordered(DisableProvider(provider="a", by="bob"))
    assert story.said(EventType.PROVIDER_DISABLED)[0].data["incident"] == incident.id


def test_removing_a_provider_from_the_config_ends_its_incident_aloud() -> None:
    story = Story("ab")
    story.breaks("a")
    (incident,) = story.fleet.incidents.values()
    story.policy = policy_of("b")
    story.hear()
    (told,) = story.said(EventType.PROVIDER_DISABLED)
    assert (told.because, told.data["incident"]) == ("a is no longer in the config", incident.id)
