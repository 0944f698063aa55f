"""Who is let in, on both servers."""

import http.client
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from api_house import SECRETS, SERVERS, TOKENS, Api, House, open_house

from mailover.config.outlets import Scope
from mailover.core.observations import Observation
from mailover.errors import StorageError
from mailover.storage.store import StoredToken
from webhooks.answers import Answer
from webhooks.auth import Caller, Gate, new_secret, token

ROUTES = [
    ("GET", "/v1/active-provider", "read"),
    ("GET", "/v1/active-provider/marketing", "read"),
    ("GET", "/v1/providers", "read"),
    ("GET", "/v1/providers/ses", "read"),
    ("POST", "/v1/providers/ses/check", "operate"),
    ("PATCH", "/v1/providers/ses", "operate"),
    ("GET", "/v1/streams", "read"),
    ("PUT", "/v1/streams/marketing/order", "operate"),
    ("PUT", "/v1/streams/marketing/pin", "operate"),
    ("DELETE", "/v1/streams/marketing/pin", "operate"),
    ("POST", "/v1/streams/marketing/failback", "operate"),
    ("PUT", "/v1/streams/marketing/failback-pause", "operate"),
    ("DELETE", "/v1/streams/marketing/failback-pause", "operate"),
    ("GET", "/v1/incidents", "read"),
    ("POST", "/v1/incidents/none/acknowledge", "operate"),
    ("GET", "/v1/events", "read"),
    ("GET", "/v1/failovers", "read"),
    ("GET", "/v1/observations", "read"),
    ("GET", "/v1/dns", "read"),
    ("POST", "/v1/dns/check", "operate"),
    ("POST", "/v1/reports", "report"),
    ("POST", "/v1/mailbox/ses", "report"),
    ("GET", "/metrics", "metrics"),
    ("GET", "/openapi.json", "read"),
]


def test_every_route_needs_exactly_its_scope_and_operate_may_read(api: Api) -> None:
    for method, path, needed in ROUTES:
        for scope in SECRETS:
            answer = api.call(method, path, scope=scope)
            let_in = scope == needed or (needed == "read" and scope == "operate")
            assert (answer.status_code != 403) == let_in, (method, path, scope)
            if not let_in:
                assert answer.headers["WWW-Authenticate"] == (
                    f'Bearer realm="mailover", error="insufficient_scope", scope="{needed}"'
                )


BAD = {
    "missing": {},
    "wrong": {"Authorization": "Bearer mlo_wrong"},
    "empty": {"Authorization": "Bearer "},
    "another scheme": {"Authorization": "Basic " + SECRETS["read"]},
    "cut": {"Authorization": "Bearer " + SECRETS["read"][:-1]},
    "non-ASCII": {"Authorization": "Bearer sécret\xff".encode("latin-1")},
    "very long": {"Authorization": "Bearer " + "x" * 5000},
    "wrong key": {"X-API-Key": "wrong"},
}


@pytest.mark.parametrize("path", ["/v1/active-provider", "/v1/providers", "/v1/nothing", "/metrics"])
def test_a_bad_token_is_told_always_the_same(api: Api, path: str) -> None:
    told = {
        (a.status_code, a.headers["WWW-Authenticate"], a.content)
        for a in (api.get(path, scope=None, headers=headers) for headers in BAD.values())
    }
    assert len(told) == 1
    status, challenge, _ = told.pop()
    assert (status, challenge) == (401, 'Bearer realm="mailover"')


TRICKS = [
    "//v1/active-provider",
    "/v1//providers",
    "/v1/%2e%2e/healthz",
    "/healthz/",
    "/healthz/../v1/providers",
    "/v1/providers/",
    "/readyz%2f",
    "/HEALTHZ",
    "/v1/active-provider/%00",
    "/%ff",
    "/",
]


def test_no_trick_with_the_path_comes_past_the_gate(api: Api) -> None:
    where = urlsplit(api.url)
    for path in TRICKS:
        for method in ("GET", "HEAD", "OPTIONS", "TRACE", "POST"):
            connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
            try:
                connection.request(method, path)
                assert connection.getresponse().status == 401, (method, path)
            finally:
                connection.close()


def test_a_stranger_may_ask_how_the_process_is(api: Api) -> None:
    assert api.get("/healthz", scope=None).json() == {"status": "ok"}
    ready = api.get("/readyz", scope=None)
    assert (ready.status_code, ready.json()["ready"]) == (200, True)


def test_the_key_header_does_as_well(api: Api) -> None:
    assert api.get("/v1/active-provider", scope=None, headers={"X-API-Key": SECRETS["read"]}).status_code == 200


def test_a_token_made_at_run_time_works_until_it_is_revoked(api: Api, house: House) -> None:
    secret = new_secret()
    bearer = {"Authorization": f"Bearer {secret}"}
    house.store.add_token("late", sha256(secret.encode()).hexdigest(), ["read"], datetime.now(UTC))
    house.parts.gate.refresh()
    assert api.get("/v1/active-provider", scope=None, headers=bearer).status_code == 200
    assert house.store.revoke_token("late")
    house.parts.gate.refresh()
    assert api.get("/v1/active-provider", scope=None, headers=bearer).status_code == 401


def test_the_reporter_is_the_token(api: Api, house: House) -> None:
    api.call("POST", "/v1/reports", scope="report", json={"reports": [{"provider": "ses", "ok": True}]})
    heard: tuple[Observation, ...] = house.store.observations(kind="report").items
    assert [each.reporter for each in heard] == ["report-token"]


# -- without any token ------------------------------------------------------------------------------------------------


@pytest.fixture(params=list(SERVERS))
def open_api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Api]:
    with (
        open_house(tmp_path, tokens=()) as house,
        SERVERS[request.param](house.app) as url,
        requests.Session() as session,
    ):
        yield Api(url, session)


def test_without_tokens_this_machine_may_do_everything(open_api: Api) -> None:
    assert open_api.get("/v1/providers", scope=None).status_code == 200
    paused = open_api.call("PATCH", "/v1/providers/ses", scope=None, json={"enabled": False})
    assert paused.json()["health"] == "disabled"
    assert open_api.get("/v1/providers", scope=None, headers={"Host": "localhost:1"}).status_code == 200


@pytest.mark.parametrize("path", ["/v1/active-provider", "/v1/providers"])
@pytest.mark.parametrize("host", ["attacker.example", "127.0.0.1.attacker.example", "localhost.", "", "10.0.0.1:80"])
def test_without_tokens_a_rebound_name_is_turned_away(open_api: Api, path: str, host: str) -> None:
    assert open_api.get(path, scope=None, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("origin", ["https://attacker.example", "null", "http://localhost:1", "file://"])
def test_without_tokens_a_foreign_page_is_turned_away(open_api: Api, origin: str) -> None:
    assert open_api.get("/v1/active-provider", scope=None, headers={"Origin": origin}).status_code == 403
    own = {"Origin": open_api.url}
    assert open_api.get("/v1/active-provider", scope=None, headers=own).status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_without_tokens_a_form_operates_nothing(open_api: Api, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = open_api.call("POST", "/v1/streams/transactional/failback", scope=None, headers=headers, data=b"{}")
    assert answer.status_code == 415


# -- the gate by itself -----------------------------------------------------------------------------------------------


def test_without_tokens_nothing_but_this_machine_is_let_in() -> None:
    exposed = Gate(loopback=False).admit("GET", "/v1/providers", {"host": "127.0.0.1"})
    assert isinstance(exposed, Answer)
    assert exposed.status == 401


def test_a_store_that_cannot_be_read_opens_no_gate() -> None:
    def unreadable() -> tuple[StoredToken, ...]:
        raise StorageError("gone")

    turned_away = Gate((), unreadable, loopback=True).admit("GET", "/v1/providers", {"host": "localhost"})
    assert isinstance(turned_away, Answer)
    assert turned_away.status == 401


def test_an_unreadable_store_forgets_no_token() -> None:
    secret = new_secret()
    stored = StoredToken(
        name="kept",
        sha256=sha256(secret.encode()).hexdigest(),
        scopes=("read", "of-a-later-version"),
        created_at=datetime.now(UTC),
    )
    answers = iter([(stored,)])

    def failing_later() -> tuple[StoredToken, ...]:
        try:
            return next(answers)
        except StopIteration:
            raise StorageError("gone") from None

    gate = Gate((), failing_later, loopback=True)
    gate.refresh()
    assert gate.admit("GET", "/v1/providers", {"authorization": f"bearer {secret}"}) == Caller(name="kept")


def test_a_token_can_be_asked_for_without_a_request() -> None:
    gate = Gate([token("app", 40 * "s", ["send"]), token("ops", 40 * "o", ["operate"])], loopback=True)
    holder = gate.holder(40 * "s", Scope.SEND)
    assert holder is not None
    assert holder.name == "app"
    assert gate.holder(40 * "o", Scope.SEND) is None
    assert gate.holder("nonsense", Scope.SEND) is None
    assert Gate(loopback=True).holder("", Scope.SEND) is None


def test_no_token_shows_in_a_repr() -> None:
    assert all(secret not in repr(TOKENS) for secret in SECRETS.values())
    assert len(new_secret()) > 43
    assert new_secret() != new_secret()
