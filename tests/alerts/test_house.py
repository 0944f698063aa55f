"""The whole house, from its config to a message in Slack and a ping."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_receiver import FakeReceiver
from fake_slack import CHANNEL, TOKEN, FakeSlack, headline

from mailover.bootstrap import House, assemble
from mailover.config import build


@pytest.fixture
def receiver() -> Iterator[FakeReceiver]:
    with FakeReceiver().serving() as server:
        yield server


class Greeter:
    """Something that answers at a port, as a reference does; nothing more is asked of it."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                self._socket.accept()[0].close()
            except OSError:
                return

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def reference() -> Iterator[Greeter]:
    greeter = Greeter()
    yield greeter
    greeter.close()


@pytest.fixture
def house(slack: FakeSlack, receiver: FakeReceiver, reference: Greeter, tmp_path: Path) -> Iterator[House]:
    """Two providers at ports where nobody listens."""
    account = {"host": "127.0.0.1", "port": 1, "tls": "none", "allow_plaintext": True}
    document = {
        "server": {"listen": "127.0.0.1:0"},
        "storage": {"url": f"sqlite:///{tmp_path}/mailover.db"},
        "providers": {"one": account, "two": account},
        "streams": {"mail": {"providers": ["one", "two"]}},
        "probes": {"port_interval": "300ms", "deadline": "2s", "retry_interval": "100ms", "slow": "1s"},
        "references": {"tcp": [f"127.0.0.1:{reference.port}"]},
        "slack": {"token": TOKEN, "channel": CHANNEL, "api_url": slack.api_url},
        "alerts": {"dead_man_url": f"http://127.0.0.1:{receiver.port}/uuid"},
    }
    built = assemble(build(document, {}))
    built.start()
    yield built
    built.stop()


def test_an_outage_is_a_message_for_each_incident_and_an_alarm_of_the_dead_man(
    house: House, slack: FakeSlack, receiver: FakeReceiver
) -> None:
    deadline = time.monotonic() + 30
    wanted = ["one is out", "two is out"]
    while time.monotonic() < deadline:
        seen = sorted(headline(p)[2:] for p in slack.channel if not p.get("thread_ts"))
        if seen == wanted and any(path == "/uuid/fail" for path, _ in receiver.taken):
            break
        time.sleep(0.05)
    assert seen == wanted
    assert [path for path, _ in receiver.taken] == ["/uuid", "/uuid/fail"]
    assert house.service.snapshot.flags["mail"].flag.mode == "exhausted"
