"""The flag for one message: the same shape as the flag, by the function that the relay asks."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from api_house import POLICY, SERVERS, Api, House, open_house

from mailover.core.carriage import Geography, Pace
from mailover.core.letters import Spent
from mailover.core.providers import StreamMode, WhenExhausted

ROUTE = "/v1/route/transactional"
EU_ONLY = Geography(suffixes=(".de",), tags=frozenset({"eu"}), regions=frozenset({"eu"}), only=True)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """SES is in the EU, and mail for Germany may go nowhere else; marketing is shared, and can wait."""
    streams, providers = dict(POLICY.streams), dict(POLICY.providers)
    providers["ses"] = replace(providers["ses"], regions=("eu",))
    providers["postmark"] = replace(providers["postmark"], pace=Pace(daily_quota=100))
    usual = streams["transactional"]
    streams["transactional"] = replace(
        usual, when_exhausted=WhenExhausted.HOLD, mail=replace(usual.mail, geography=(EU_ONLY,))
    )
    shared = streams["marketing"]
    streams["marketing"] = replace(
        shared,
        mode=StreamMode.BALANCE,
        weights={"ses": 1.0, "sendgrid": 1.0},
        mail=replace(shared.mail, postpone=True),
    )
    with open_house(tmp_path) as opened:
        at_once = replace(POLICY.breaker, failback_after=timedelta(0))
        policy = replace(POLICY, streams=streams, providers=providers, breaker=at_once)
        opened.service.reload(policy, "transactional")
        yield opened


@pytest.fixture(params=list(SERVERS))
def api(request: pytest.FixtureRequest, house: House) -> Iterator[Api]:
    with SERVERS[request.param](house.app) as url, requests.Session() as session:
        session.trust_env = False
        yield Api(url, session)


def test_of_a_message_that_no_rule_is_about_it_says_what_the_flag_says(api: Api) -> None:
    flag = api.get("/v1/active-provider/transactional").json()
    assert api.get(f"{ROUTE}?recipient=ann@example.com").json() == flag
    assert api.get(ROUTE).json() == flag


def test_a_recipient_is_kept_within_its_region(api: Api) -> None:
    told = api.get(f"{ROUTE}?recipient=ann@example.de").json()
    assert (told["provider"], told["fallbacks"], told["sending"]) == ("ses", [], True)
    assert (told["host"], told["weights"]) == ("smtp.ses.example", {"ses": 1.0})
    assert told["because"] == "ses is the first that mail for example.de may go through"


def test_a_tag_does_so_too(api: Api) -> None:
    assert api.get(f"{ROUTE}?recipient=ann@example.com&region=eu").json()["provider"] == "ses"


def test_a_message_that_has_to_wait_names_nobody_and_says_why(api: Api, house: House) -> None:
    house.fail("ses")
    told = api.get(f"{ROUTE}?recipient=ann@example.de").json()
    assert (told["provider"], told["host"], told["fallbacks"], told["weights"]) == (None, None, [], {})
    assert (told["sending"], told["because"]) == (False, "nobody that mail for example.de may go through is well")


def test_the_same_key_is_told_the_same_provider(api: Api, house: House) -> None:
    house.succeed("ses", "sendgrid")
    first = {key: api.get(f"/v1/route/marketing?key={key}").json()["provider"] for key in "abcdefgh"}
    assert set(first.values()) == {"ses", "sendgrid"}
    assert all(api.get(f"/v1/route/marketing?key={key}").json()["provider"] == first[key] for key in first)


def test_what_the_relay_has_spent_counts(api: Api, house: House) -> None:
    house.service.offer_spent(lambda: {"postmark": Spent(today=100)})
    told = api.get(ROUTE).json()
    assert (told["provider"], told["because"]) == ("sendgrid", "postmark has taken its 100 of today")


def test_a_stream_that_can_wait_is_told_to_while_the_other_uses_its_backups(api: Api, house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    known = api.get("/v1/active-provider/marketing").json()
    house.fail("postmark")
    flag = api.get("/v1/active-provider/marketing").json()
    assert (flag["sending"], flag["provider"], flag["epoch"]) == (False, known["provider"], known["epoch"] + 1)
    told = api.get("/v1/route/marketing?key=a").json()
    assert (told["sending"], told["provider"]) == (False, None)
    assert told["because"] == flag["because"]


def test_an_unknown_stream_is_not_found(api: Api) -> None:
    answer = api.get("/v1/route/nobody")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "no stream is called 'nobody'"


def test_it_is_for_readers(api: Api) -> None:
    assert api.get(ROUTE, scope="send").status_code == 403
    assert api.get(ROUTE, scope="operate").status_code == 200


@pytest.mark.parametrize("query", ["recipient=" + "a" * 400, "key=" + "a" * 300, "region=" + "a" * 100])
def test_what_is_too_long_is_refused(api: Api, query: str) -> None:
    assert api.get(f"{ROUTE}?{query}").status_code == 422


@pytest.mark.parametrize(
    "recipient", ["%FF", "a@b@c", "@", "a@..", "a@%E2%80%A4de", "a@xn--", "%F0%9F%98%80@%F0%9F%98%80"]
)
def test_odd_recipients_have_a_route_too(api: Api, recipient: str) -> None:
    assert api.get(f"{ROUTE}?recipient={recipient}").status_code == 200
