"""Who calls too often is told when to come back; the flag is for everybody, always. On both servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from api_house import SECRETS, SERVERS, Api, open_house

from mailover.config.limits import LimitsSettings
from webhooks.limits import Limits

PIN = "/v1/streams/transactional/pin"


@pytest.fixture(params=list(SERVERS))
def strict(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Api]:
    """Six of each kind at once."""
    limits = Limits(LimitsSettings(reports_per_minute=36, changes_per_minute=36, failed_logins_per_minute=36))
    with (
        open_house(tmp_path, limits=limits) as house,
        SERVERS[request.param](house.app) as url,
        requests.Session() as session,
    ):
        session.trust_env = False
        yield Api(url, session)


def assert_slowed(answer: requests.Response) -> None:
    assert answer.status_code == 429
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(answer.headers["Retry-After"]) <= 2


def test_a_reporter_without_pause_is_slowed(strict: Api) -> None:
    body = {"reports": [{"provider": "ses", "ok": True}]}
    answers = [strict.call("POST", "/v1/reports", scope="report", json=body) for _ in range(8)]
    assert [each.status_code for each in answers[:6]] == [200] * 6
    assert_slowed(answers[-1])


def test_who_changes_things_without_pause_is_slowed_and_may_still_read(strict: Api) -> None:
    answers = [strict.operate("PUT", PIN, json={"provider": "ses", "minutes": 5}) for _ in range(8)]
    assert [each.status_code for each in answers[:6]] == [200] * 6
    assert_slowed(answers[-1])
    assert strict.get("/v1/streams", scope="operate").status_code == 200
    assert strict.call("POST", "/v1/reports", scope="report", json={"reports": [{"provider": "ses", "ok": True}]}).ok


def test_looking_is_free_also_at_what_only_operators_may_see(strict: Api) -> None:
    paths = ["/v1/subscriptions", "/v1/messages", "/v1/suppressions"] * 3
    assert {strict.get(path, scope="operate").status_code for path in paths} == {200}
    assert strict.operate("PUT", PIN, json={"provider": "ses", "minutes": 5}).status_code == 200


def test_a_stranger_without_pause_is_slowed_and_its_neighbours_are_not(strict: Api) -> None:
    wrong = {"Authorization": "Bearer mlo_wrong"}
    answers = [strict.get("/v1/active-provider", scope=None, headers=wrong) for _ in range(8)]
    assert [each.status_code for each in answers[:5]] == [401] * 5
    assert_slowed(answers[-1])
    assert_slowed(strict.call("PUT", PIN, scope=None, headers=wrong, json={}))
    assert strict.get("/v1/active-provider").status_code == 200


def test_a_stranger_that_names_another_address_each_time_is_the_same_stranger(strict: Api) -> None:
    told = [{"X-Forwarded-For": f"192.0.2.{n}", "Forwarded": f"for=192.0.2.{n}", "X-API-Key": "no"} for n in range(9)]
    assert_slowed([strict.get("/v1/streams", scope=None, headers=each) for each in told][-1])


def test_a_reader_of_the_flag_is_never_slowed(strict: Api) -> None:
    assert {strict.get("/v1/active-provider").status_code for _ in range(60)} == {200}


def test_every_answer_is_counted_by_route_and_status_and_once(strict: Api) -> None:
    for path in ("/v1/active-provider", "/v1/active-provider/marketing", "/v1/providers/ses", "/v1/provider/ses"):
        strict.get(path)
    strict.get("/v1/active-provider/nothing")
    strict.get("/v1/active-provider", scope=None)
    strict.operate("PUT", PIN, json={"provider": "ses", "minutes": 5})
    strict.operate("PATCH", "/v1/active-provider", json={})
    text = requests.get(f"{strict.url}/metrics", headers={"X-API-Key": SECRETS["metrics"]}, timeout=30).text
    lines = {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in text.splitlines()}
    counted = {k.partition("{")[2]: v for k, v in lines.items() if k.startswith("mailover_http_requests_total{")}
    assert {key: value for key, value in counted.items() if "openapi" not in key} == {
        'code="200",route="/v1/active-provider"}': "1.0",
        'code="401",route="/v1/active-provider"}': "1.0",
        'code="200",route="/v1/active-provider/{stream}"}': "1.0",
        'code="404",route="/v1/active-provider/{stream}"}': "1.0",
        'code="200",route="/v1/providers/{provider}"}': "1.0",
        'code="404",route="unknown"}': "1.0",
        'code="200",route="/v1/streams/{stream}/pin"}': "1.0",
        'code="405",route="unknown"}': "1.0",
    }
