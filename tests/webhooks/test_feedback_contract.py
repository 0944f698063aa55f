"""`POST /v1/feedback/<provider>`: who is believed, and what becomes of what is told."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import provider_words as words
import pytest
import requests
from api_house import SERVERS, Api, House, behind_edge, open_house
from provider_words import CERTIFICATE, SNS, TOPIC, Fetched, SendGridKey, SnsTopic

from mailover.config.feedback import FeedbackKind, FeedbackSettings
from mailover.core.events import EventType
from mailover.fetching import NotFetchedError
from mailover.secrets import Secret

SECRET, SIGNING = "a-long-random-text-for-postmark", "key-of-mailgun"
SENDGRID, SNS_TOPIC = SendGridKey(), SnsTopic()


def feedback() -> dict[str, FeedbackSettings]:
    return {
        "postmark": FeedbackSettings(kind=FeedbackKind.POSTMARK, secret=Secret(SECRET)),
        "sendgrid": FeedbackSettings(kind=FeedbackKind.SENDGRID, public_key=SENDGRID.public),
        "ses": FeedbackSettings(kind=FeedbackKind.SES, topic=TOPIC),
    }


class Wire:
    """What is fetched on behalf of SNS, and whether it answers."""

    def __init__(self) -> None:
        self.topic = SNS_TOPIC
        self.asked: Fetched = []
        self.broken = False

    def __call__(self, host: str, path: str) -> bytes:
        if self.broken:
            raise NotFetchedError(f"{host}: no connection")
        return words.fetching(self.topic, self.asked)(host, path)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def settings() -> dict[str, FeedbackSettings]:
    return feedback()


@pytest.fixture
def house(tmp_path: Path, wire: Wire, settings: dict[str, FeedbackSettings]) -> Iterator[House]:
    with open_house(tmp_path, feedback=lambda: settings, fetch=wire) as opened:
        yield opened


@pytest.fixture(params=list(SERVERS))
def api(request: pytest.FixtureRequest, house: House) -> Iterator[Api]:
    with SERVERS[request.param](house.app) as url, requests.Session() as session:
        session.trust_env = False
        yield Api(url, session)


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"mailover:{password}".encode()).decode()}


def tell(
    api: Api, provider: str, body: Any, headers: dict[str, str] | None = None, query: str = ""
) -> requests.Response:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {"Content-Type": "application/json", **(headers or {})}
    return api.call("POST", f"/v1/feedback/{provider}{query}", scope=None, data=sent, headers=told)


def suppressed(house: House) -> dict[str, tuple[str, str]]:
    return {each.address: (each.reason, each.provider) for each in house.store.mail.suppressions().items}


# -- who is believed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["basic", "bearer", "query"])
def test_postmark_shows_its_secret(api: Api, house: House, way: str) -> None:
    headers = {"basic": basic(SECRET), "bearer": {"Authorization": f"Bearer {SECRET}"}, "query": {}}[way]
    answer = tell(api, "postmark", words.postmark(), headers, f"?secret={SECRET}" if way == "query" else "")
    assert (answer.status_code, answer.json()) == (200, {"recipients": 1})
    assert suppressed(house) == {"john@example.com": ("bounce", "postmark")}


@pytest.mark.parametrize("headers", [{}, basic("wrong"), basic(""), {"Authorization": "Bearer x"}, basic("ä" * 9)])
def test_who_does_not_is_told_nothing(api: Api, house: House, headers: dict[str, str]) -> None:
    answer = tell(api, "postmark", words.postmark(), headers)
    assert (answer.status_code, answer.json()["detail"]) == (401, "Nobody proved to be that provider.")
    assert suppressed(house) == {}


@pytest.mark.parametrize("provider", ["nobody", "mailgun", "x" * 300])
def test_who_is_not_expected_is_told_the_same(api: Api, provider: str) -> None:
    answer = tell(api, provider, words.postmark(), basic(SECRET))
    assert (answer.status_code, answer.json()["detail"]) == (401, "Nobody proved to be that provider.")


def test_sendgrid_signs_the_very_bytes(api: Api, house: House) -> None:
    body = (json.dumps([words.sendgrid()]) + "\r\n").encode()
    assert tell(api, "sendgrid", body, SENDGRID.headers(body)).status_code == 200
    assert suppressed(house) == {"example@test.com": ("bounce", "sendgrid")}


@pytest.mark.parametrize("spoilt", ["body", "time", "signature", "no signature", "another key"])
def test_what_sendgrid_did_not_sign_is_refused(api: Api, house: House, spoilt: str) -> None:
    body = json.dumps([words.sendgrid()]).encode()
    headers = SENDGRID.headers(body) if spoilt != "another key" else SendGridKey().headers(body)
    if spoilt == "time":
        headers["X-Twilio-Email-Event-Webhook-Timestamp"] = "1600112503"
    if spoilt == "signature":
        headers["X-Twilio-Email-Event-Webhook-Signature"] = "no base64!"
    if spoilt == "no signature":
        del headers["X-Twilio-Email-Event-Webhook-Signature"]
    assert tell(api, "sendgrid", body + b" " * (spoilt == "body"), headers).status_code == 401
    assert suppressed(house) == {}


def test_sendgrids_own_example_is_genuine(api: Api, settings: dict[str, FeedbackSettings]) -> None:
    """The vector of SendGrid's published libraries."""
    key = (
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eN"
        "Ec6wEA3F+g=="
    )
    settings["sendgrid"] = FeedbackSettings(kind=FeedbackKind.SENDGRID, public_key=key)
    event = {
        "email": "hello@world.com",
        "event": "dropped",
        "reason": "Bounced Address",
        "sg_event_id": "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
        "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
        "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",
        "timestamp": 1600112492,
    }
    body = (json.dumps([event], sort_keys=True, separators=(",", ":")) + "\r\n").encode()
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": (
            "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
        ),
        "X-Twilio-Email-Event-Webhook-Timestamp": "1600112502",
    }
    assert tell(api, "sendgrid", body, headers).json() == {"recipients": 1}


def test_mailgun_signs_a_time_and_a_token(api: Api, house: House, settings: dict[str, FeedbackSettings]) -> None:
    settings["mailgun"] = FeedbackSettings(kind=FeedbackKind.MAILGUN, signing_key=Secret(SIGNING))
    body = words.mailgun_signed(words.mailgun(), SIGNING, house.clock.wall())
    assert tell(api, "mailgun", body).status_code == 200
    assert suppressed(house) == {"alice@example.com": ("bounce", "mailgun")}


@pytest.mark.parametrize("spoilt", ["key", "old", "future", "token", "time", "nothing there"])
def test_what_mailgun_did_not_sign_lately_is_refused(
    api: Api, house: House, settings: dict[str, FeedbackSettings], spoilt: str
) -> None:
    settings["mailgun"] = FeedbackSettings(kind=FeedbackKind.MAILGUN, signing_key=Secret(SIGNING))
    at = house.clock.wall() + {"old": -timedelta(hours=25), "future": timedelta(hours=25)}.get(spoilt, timedelta(0))
    body = words.mailgun_signed(words.mailgun(), "another" if spoilt == "key" else SIGNING, at)
    if spoilt == "token":
        body["signature"]["token"] = "b" * 50
    if spoilt == "time":
        body["signature"]["timestamp"] = "²"
    if spoilt == "nothing there":
        body["signature"] = None
    assert tell(api, "mailgun", body).status_code == 401


@pytest.mark.parametrize("version", ["1", "2"])
def test_ses_is_believed_by_the_signature_of_its_topic(api: Api, house: House, wire: Wire, version: str) -> None:
    assert tell(api, "ses", SNS_TOPIC.notification(words.ses_bounce(), version)).status_code == 200
    complaint = SNS_TOPIC.notification(words.ses_complaint(), version, Subject=None)
    assert tell(api, "ses", complaint).status_code == 200
    assert suppressed(house) == {"jane@example.com": ("bounce", "ses"), "richard@example.com": ("complaint", "ses")}
    assert wire.asked == [(SNS, CERTIFICATE)], "the certificate is fetched once"


@pytest.mark.parametrize(
    "spoilt",
    [
        {"Message": json.dumps(words.ses_complaint())},
        {"Signature": "AAAA"},
        {"Signature": None},
        {"SignatureVersion": "3"},
        {"TopicArn": "arn:aws:sns:eu-west-1:210987654321:bounces"},
        {"Type": "Other"},
        {"Type": None},
    ],
)
def test_what_the_topic_did_not_sign_is_refused(api: Api, house: House, spoilt: dict[str, Any]) -> None:
    assert tell(api, "ses", {**SNS_TOPIC.notification(words.ses_bounce()), **spoilt}).status_code == 401
    assert suppressed(house) == {}


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem",
        f"http://{SNS}{CERTIFICATE}",
        f"https://{SNS}:8443{CERTIFICATE}",
        f"https://{SNS}@evil.example{CERTIFICATE}",
        f"https://user@{SNS}{CERTIFICATE}",
        f"https://{SNS}.evil.example{CERTIFICATE}",
        f"https://sns.us-east-1.amazonaws.com{CERTIFICATE}",
        f"https://{SNS}/../..{CERTIFICATE}",
        f"https://{SNS}{CERTIFICATE}?x=1",
        f"https://{SNS}/bucket/evil.pem",
        "http://169.254.169.254/latest/meta-data/",
        "https://[::1/x.pem",
        "file:///etc/passwd",
        7,
        None,
    ],
)
def test_a_certificate_is_looked_for_at_the_topics_own_host_alone(api: Api, wire: Wire, url: object) -> None:
    assert tell(api, "ses", SNS_TOPIC.notification(words.ses_bounce(), SigningCertURL=url)).status_code == 401
    assert wire.asked == []


def test_a_certificate_that_has_ended_signs_nothing(api: Api, wire: Wire) -> None:
    wire.topic = SnsTopic(lasts=-timedelta(days=1))
    assert tell(api, "ses", wire.topic.notification(words.ses_bounce())).status_code == 401


def test_while_its_certificate_cannot_be_had_it_has_to_come_again(api: Api, house: House, wire: Wire) -> None:
    wire.broken = True
    answer = tell(api, "ses", SNS_TOPIC.notification(words.ses_bounce()))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    wire.broken = False
    assert tell(api, "ses", SNS_TOPIC.notification(words.ses_bounce())).status_code == 200
    assert suppressed(house) != {}


def test_an_invitation_of_the_topic_is_accepted_at_its_own_host_whatever_address_it_names(api: Api, wire: Wire) -> None:
    assert tell(api, "ses", SNS_TOPIC.invitation()).json() == {"recipients": 0}
    (_, (host, path)) = wire.asked
    assert host == SNS
    arn = "arn%3Aaws%3Asns%3Aeu-west-1%3A123456789012%3Abounces"
    assert path.startswith(f"/?Action=ConfirmSubscription&TopicArn={arn}&Token=2336412f")


def test_an_invitation_of_another_topic_is_not(api: Api, wire: Wire) -> None:
    stranger = SNS_TOPIC.invitation(TopicArn="arn:aws:sns:eu-west-1:210987654321:bounces")
    assert tell(api, "ses", stranger).status_code == 401
    assert wire.asked == []


def test_a_token_cannot_change_what_is_asked(api: Api, wire: Wire) -> None:
    assert tell(api, "ses", SNS_TOPIC.invitation(Token="x&Action=Evil\r\nHost: evil")).status_code == 200
    assert wire.asked[1][1].endswith("&Token=x%26Action%3DEvil%0D%0AHost%3A%20evil&Version=2010-03-31")


def test_a_secret_beside_a_signature_is_wanted_too(api: Api, settings: dict[str, FeedbackSettings]) -> None:
    settings["ses"] = FeedbackSettings(kind=FeedbackKind.SES, topic=TOPIC, secret=Secret(SECRET))
    body = SNS_TOPIC.notification(words.ses_bounce())
    assert tell(api, "ses", body).status_code == 401
    assert tell(api, "ses", body, query=f"?secret={SECRET}").status_code == 200


# -- what becomes of it -----------------------------------------------------------------------------------------------


def test_what_is_told_again_counts_once(api: Api, house: House) -> None:
    answers = [tell(api, "postmark", words.postmark(), basic(SECRET)).json()["recipients"] for _ in range(3)]
    assert answers == [1, 0, 0]


def test_what_was_told_before_a_restart_counts_once(tmp_path: Path, settings: dict[str, FeedbackSettings]) -> None:
    for news in (1, 0):
        with (
            open_house(tmp_path, feedback=lambda: settings) as house,
            behind_edge(house.app) as url,
            requests.Session() as session,
        ):
            told = tell(Api(url, session), "postmark", words.postmark(), basic(SECRET))
            assert told.json() == {"recipients": news}


def test_the_first_reason_stays(api: Api, house: House) -> None:
    tell(api, "postmark", words.postmark(), basic(SECRET))
    tell(api, "postmark", words.postmark(RecordType="SpamComplaint", ID=2), basic(SECRET))
    assert suppressed(house) == {"john@example.com": ("bounce", "postmark")}


def test_many_complaints_are_warned_of(api: Api, house: House) -> None:
    house.service.ask()
    report = {"provider": "postmark", "ok": True, "count": 1000}
    api.call("POST", "/v1/reports", scope="report", json={"reports": [report]})
    for n in range(4):
        tell(api, "postmark", words.postmark(RecordType="SpamComplaint", ID=n, Email=f"{n}@x.example"), basic(SECRET))
    house.service.ask()
    told = [event for event in house.store.events().items if event.type is EventType.PROVIDER_DEGRADED]
    assert [event.data["repute"] for event in told] == ["complaints"]


def test_no_address_reaches_the_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    tell(api, "postmark", words.postmark(), basic(SECRET))
    assert "postmark tells of 1 bounces and 0 complaints" in caplog.text
    assert "john" not in caplog.text.lower()


def test_what_is_no_record_is_a_problem(api: Api) -> None:
    answer = tell(api, "postmark", b"no json", basic(SECRET))
    assert (answer.status_code, answer.json()["detail"]) == (
        400,
        "The body is not what this provider sends: it is no JSON.",
    )


def test_a_large_batch_is_taken_and_a_larger_body_refused(api: Api, house: House) -> None:
    events = [words.sendgrid(sg_event_id=str(n), email=f"{n}@test.com", reason="x" * 400) for n in range(900)]
    body = json.dumps(events).encode()
    assert tell(api, "sendgrid", body, SENDGRID.headers(body)).json() == {"recipients": 900}
    assert tell(api, "sendgrid", b" " * (1024 * 1024 + 1)).status_code == 413
