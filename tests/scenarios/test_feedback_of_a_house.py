"""A whole house, from its config: a provider tells of a bounce, and the address gets no more mail."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from mailover.bootstrap import House, assemble
from mailover.config import build, show

SECRET = "canary-of-feedback-0123456789"
TOKEN = {"Authorization": "Bearer an-operator-of-thirty-two-letters"}
BOUNCE = {"RecordType": "Bounce", "Type": "HardBounce", "ID": 42, "Email": "John@example.com"}


@pytest.fixture
def document(tmp_path: Path) -> dict[str, object]:
    account = {"host": "127.0.0.1", "port": 1, "tls": "none", "allow_plaintext": True, "regions": ["eu"]}
    told = {"kind": "postmark", "secret": SECRET}
    geography = [{"recipients": ["*.de"], "regions": ["eu"], "only": True}]
    return {
        "server": {"listen": "127.0.0.1:0"},
        "storage": {"url": f"sqlite:///{tmp_path}/mailover.db"},
        "tokens": {"operator": {"token": "an-operator-of-thirty-two-letters", "scopes": ["operate"]}},
        "providers": {"first": {**account, "regions": []}, "second": {**account, "feedback": told}},
        "streams": {"mail": {"providers": ["first", "second"], "geography": geography}},
    }


@pytest.fixture
def house(document: dict[str, object]) -> Iterator[House]:
    built = assemble(build(document, {}))
    built.start()
    yield built
    built.stop()


def test_a_bounce_is_remembered_and_no_secret_is_told(
    house: House, document: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"{house.api.url}/v1/feedback/second"
    refused = [
        requests.post(url, json=BOUNCE, timeout=10),
        requests.post(f"{url}?secret={SECRET}x", json=BOUNCE, timeout=10),
        requests.post(f"{house.api.url}/v1/feedback/first?secret={SECRET}", json=BOUNCE, timeout=10),
    ]
    assert [answer.status_code for answer in refused] == [401] * 3
    assert requests.post(url, json=BOUNCE, auth=("mailover", SECRET), timeout=10).json() == {"recipients": 1}
    listed = requests.get(f"{house.api.url}/v1/suppressions", headers=TOKEN, timeout=10).json()["items"]
    assert [(each["address"], each["reason"], each["provider"]) for each in listed] == [
        ("john@example.com", "bounce", "second")
    ]
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("mailover")]
    assert "second tells of 1 bounces and 0 complaints" in ours
    said = [*ours, show(build(document, {})), *(answer.text for answer in refused)]
    assert not any(SECRET in text for text in said)


def test_a_message_is_kept_within_its_region(house: House) -> None:
    url = f"{house.api.url}/v1/route/mail"
    assert requests.get(f"{url}?recipient=a@b.de", headers=TOKEN, timeout=10).json()["provider"] == "second"
    assert requests.get(f"{url}?recipient=a@b.com", headers=TOKEN, timeout=10).json()["fallbacks"] == ["second"]


def test_what_is_expected_of_whom_changes_with_a_reload(house: House, document: dict[str, object]) -> None:
    account = document["providers"]["second"]  # type: ignore[index]
    without = {name: value for name, value in account.items() if name != "feedback"}
    house.reload(build({**document, "providers": {**document["providers"], "second": without}}, {}))  # type: ignore[dict-item]
    answer = requests.post(f"{house.api.url}/v1/feedback/second?secret={SECRET}", json=BOUNCE, timeout=10)
    assert answer.status_code == 401
