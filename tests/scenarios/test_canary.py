"""A canary in every secret: a house that meets a server which echoes passwords must not sing anywhere."""

import base64
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from hostile.servers import HostileServer, Peer, smtp

from mailover.bootstrap import House, assemble
from mailover.config import build
from mailover.core.observations import ProbeKind

CANARY = "canary-in-the-coal-mine-0123456789-abcdef"


def echo(peer: Peer) -> None:
    """Refuse a login by telling everybody the password, plain and in base64."""
    sent = peer.lines[-1].split()[-1]
    peer.say(f"535-5.7.8 {sent} is wrong\r\n535 5.7.8 {CANARY} {base64.b64encode(CANARY.encode()).decode()} is wrong")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    document = {
        "server": {"listen": "127.0.0.1:0"},
        "storage": {"url": f"sqlite:///{tmp_path}/mailover.db"},
        "tokens": {"admin": {"token": f"{CANARY}-token", "scopes": ["read", "operate", "report", "metrics"]}},
        "slack": {
            "token": f"{CANARY}-slack",
            "channel": "C0123456789",
            "app_token": f"xapp-{CANARY}",
            "signing_secret": f"{CANARY}-signing",
            "operators": ["U0123456789"],
            "api_url": "http://127.0.0.1:1/api/",
        },
        "streams": {"mail": {"providers": ["first"]}},
        "probes": {"login_interval": "200ms", "auth_pause": "100ms", "deadline": "2s", "slow": "1s"},
    }
    with HostileServer(smtp({"auth": echo})) as server:
        account = {"host": "127.0.0.1", "port": server.port, "tls": "none", "allow_plaintext": True}
        document["providers"] = {"first": {**account, "username": "app", "password": CANARY}}
        built = assemble(build(document, {}))
        built.start()
        yield built
        built.stop()


def test_no_secret_is_logged_answered_stored_or_shown(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    end = time.monotonic() + 20
    while house.service.snapshot.fleet.breakers["first"].closed:
        assert time.monotonic() < end, "the wrong password was never noticed"
        time.sleep(0.05)
    seen = house.agent.check("first", [ProbeKind.LOGIN])
    assert seen[0].failure is not None
    said = [repr(seen), repr(house.service.snapshot), caplog.text]
    headers = {"Authorization": f"Bearer {CANARY}-token"}
    report = {"provider": "first", "ok": False, "stage": "auth", "code": 535, "text": f"the password {CANARY} is wrong"}
    paths = ("providers/first", "providers", "streams", "events", "observations", "incidents", "failovers")
    answers = [requests.get(f"{house.api.url}/v1/{path}", headers=headers, timeout=5) for path in paths]
    answers += [
        requests.get(f"{house.api.url}/metrics", headers=headers, timeout=5),
        requests.post(f"{house.api.url}/v1/reports", json={"reports": [report]}, headers=headers, timeout=5),
        requests.get(f"{house.api.url}/v1/providers", headers={"Authorization": f"Bearer {CANARY}-wrong"}, timeout=5),
        requests.post(f"{house.api.url}/v1/slack/interactive", data=b"payload={}", timeout=5),
    ]
    assert [answer.status_code for answer in answers] == [200] * 9 + [401] * 2
    said += [answer.text for answer in answers]
    said += [answer.text for answer in (requests.get(f"{house.api.url}/v1/{p}", headers=headers) for p in paths)]
    house.dispatcher.wake()
    time.sleep(0.5)
    said += [caplog.text]
    said += [path.read_bytes().decode("latin-1") for path in tmp_path.iterdir() if path.is_file()]
    encoded = base64.b64encode(CANARY.encode()).decode()
    for text in said:
        assert CANARY not in text
        assert encoded[:24] not in text
    assert any("***" in text for text in said), "the echo was never met: this test shows nothing"
