"""`mailover webhooks` against a running agent and a real receiver."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailover.bootstrap import House, assemble
from mailover.cli import main
from mailover.config import build
from mailover.storage.roster import new_signing_secret


class Receiver(BaseHTTPRequestHandler):
    """Answers what its path says."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(int(self.path.strip("/")))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def receiver() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


SECRET = new_signing_secret().reveal()


@pytest.fixture
def house(receiver: str, tmp_path: Path) -> Iterator[House]:
    account = {"host": "127.0.0.1", "port": 1, "tls": "none", "allow_plaintext": True}
    receivers = {"good": "204", "bad": "500", "gone": "410"}
    document = {
        "server": {"listen": "127.0.0.1:0"},
        "storage": {"url": f"sqlite:///{tmp_path}/mailover.db"},
        "providers": {"one": account},
        "streams": {"mail": {"providers": ["one"]}},
        "webhooks": {
            name: {
                "url": f"{receiver}/{status}",
                "secret": SECRET,
                "events": ["queue.growing"],
                "allow_private": True,
            }
            for name, status in receivers.items()
        },
    }
    built = assemble(build(document, {}))
    built.start()
    yield built
    built.stop()


def ask(house: House, *arguments: str) -> Result:
    result = CliRunner().invoke(main, ["--url", house.api.url, "webhooks", *arguments])
    assert SECRET not in result.output
    return result


def test_a_receiver_that_takes_the_test_is_fine(house: House) -> None:
    result = ask(house, "test", "good")
    assert (result.exit_code, result.output) == (0, "good: delivered (204)\n")


def test_a_receiver_that_does_not_take_it_ends_with_one_and_its_answer(house: House) -> None:
    result = ask(house, "test", "bad")
    assert result.exit_code == 1
    assert "bad: pending (500) after 1 failures: it answered 500 Internal Server Error" in result.output


def test_the_list_shows_who_is_switched_off_until_it_is_switched_on(house: House) -> None:
    assert ask(house, "list").exit_code == 0
    assert ask(house, "test", "gone").exit_code == 1
    listed = ask(house, "list")
    assert listed.exit_code == 1
    assert "it answered 410 Gone" in listed.output
    told = {each["id"]: each for each in json.loads(ask(house, "list", "--json").output)}
    assert [told[name]["enabled"] for name in ("good", "bad", "gone")] == [True, True, False]
    assert "gone is on, 1 events wait for it" in ask(house, "enable", "gone").output


def test_an_event_can_be_sent_anew(house: House) -> None:
    event = json.loads(ask(house, "test", "good", "--json").output)["event"]
    assert ask(house, "replay", "good", event).output == "good: 1 events are sent anew\n"
    assert json.loads(ask(house, "replay", "good", "--json").output) == {"queued": 0}
    assert event in ask(house, "log", "good").output
    assert [each["event"] for each in json.loads(ask(house, "log", "good", "--json").output)] == [event]


def test_an_unknown_name_is_wrong_usage(house: House) -> None:
    result = ask(house, "test", "nobody")
    assert result.exit_code == 2
    assert "no webhook or subscription is called that" in result.output
