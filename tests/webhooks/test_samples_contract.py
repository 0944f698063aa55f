"""What a workflow tool shows to who sets it up: real events, or made-up ones of their shape."""

from datetime import timedelta

import pytest
from api_house import Api, House

from mailover.core.commands import (
    AcknowledgeIncident,
    DisableProvider,
    EnableProvider,
    PauseFailback,
    PinProvider,
    ResumeFailback,
    Unpin,
)
from mailover.core.events import EventType
from webhooks.samples import sample


@pytest.mark.parametrize("kind", sorted(set(EventType) - {EventType.AGENT_STARTED}))
def test_a_type_that_never_happened_has_a_made_up_event(api: Api, kind: EventType) -> None:
    (event,) = api.get(f"/v1/events?type={kind}&sample=true").json()["items"]
    assert event["type"] == kind
    assert event["id"].startswith("evt_sample_")
    assert event["data"]["sample"] is True


def test_a_made_up_event_has_every_field_of_a_real_one_and_its_severity(house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    house.fail("postmark")
    (incident,) = house.store.incidents().items
    until, stream = house.clock.now() + timedelta(hours=1), "transactional"
    for command in (
        AcknowledgeIncident(incident=incident.id, by="ann"),
        PinProvider(stream=stream, provider="ses", until=until, by="ann", reason="a sale"),
        Unpin(stream=stream, by="ann"),
        PauseFailback(stream=stream, until=until, by="ann"),
        ResumeFailback(stream=stream, by="ann"),
        DisableProvider(provider="postmark", by="ann"),
        EnableProvider(provider="postmark", by="ann"),
    ):
        house.service.order(command)
    house.fail("sendgrid")
    house.fail("ses")
    happened = house.store.events(limit=500).items
    assert len({event.type for event in happened}) > 10
    for event in happened:
        made = sample(event.type, house.service.snapshot, event.at)
        assert set(made.data) >= set(event.data), event.type
        assert (made.severity, made.subject.partition("/")[0]) == (event.severity, event.subject.partition("/")[0])


def test_what_has_happened_is_shown_instead_newest_first(api: Api, house: House) -> None:
    for minutes in (5, 6, 7, 8):
        api.operate("PUT", "/v1/streams/marketing/pin", json={"provider": "ses", "minutes": minutes})
    shown = api.get("/v1/events?type=stream.pinned&type=failover.happened&sample=true").json()
    log = api.get("/v1/events?type=stream.pinned&newest=true&limit=3").json()
    assert shown["items"] == log["items"]
    assert shown["next"] is None
    assert [event["data"]["provider"] for event in shown["items"]] == ["ses"] * 3


def test_without_a_type_it_is_a_failover_and_no_sample_is_ever_in_the_log(api: Api) -> None:
    (event,) = api.get("/v1/events?sample=true&stream=marketing").json()["items"]
    assert (event["type"], event["data"]["to"]) == ("failover.happened", "sendgrid")
    assert "sample" not in api.get("/v1/events").text
