"""OpenFeature's own SDKs read the flag: Python, JavaScript on a server, JavaScript in a page."""

import json
import os
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from cut_wire import Wire
from followed_house import Followed, followed
from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

SCRIPTS = Path(__file__).parent / "openfeature"
PACKAGES = Path(__file__).parents[2] / ".peers" / "openfeature"
TOKEN = "mlo_openfeature-" + "x" * 40
PATIENCE = 30.0


@pytest.fixture
def mail(tmp_path: Path, ca_file: str) -> Iterator[Followed]:
    tokens = {"sdk": {"token": TOKEN, "scopes": ["read"]}}
    with followed(tmp_path, ca_file, {"ofrep": {}}, tokens=tokens) as house:
        yield house


# -- Python -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(mail: Followed) -> Iterator[Any]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    api.set_provider(OFREPProvider(mail.house.api.url, headers_factory=lambda: headers))
    yield api.get_client()
    api.shutdown()


def test_python_gets_every_kind_of_flag(client: Any, mail: Followed) -> None:
    assert client.get_string_value("active-provider", "none") == "first"
    relay = client.get_object_value("smtp-relay", {})
    assert (relay["host"], relay["port"]) == ("127.0.0.1", mail.providers["first"].port)
    assert [each["provider"] for each in relay["fallbacks"]] == ["second"]
    assert client.get_boolean_value("sending-enabled", False) is True
    assert client.get_boolean_value("provider-second-healthy", False) is True
    assert client.get_float_value("backup-share", -1.0) == 0.0
    mail.pin("second")
    assert client.get_string_value("active-provider", "none") == "second"
    assert client.get_float_value("backup-share", -1.0) == 1.0


def test_python_gives_a_context_and_is_told_what_is_wrong_with_it(client: Any) -> None:
    named = client.get_string_details("active-provider", "none", EvaluationContext("user-7", {"stream": "mail"}))
    assert (named.value, named.reason, named.variant) == ("first", Reason.TARGETING_MATCH, "first")
    assert named.flag_metadata["stream"] == "mail"
    wrong = client.get_string_details("active-provider", "the default", EvaluationContext(None, {"stream": "nothing"}))
    assert (wrong.value, wrong.error_code) == ("the default", ErrorCode.INVALID_CONTEXT)
    unknown = client.get_boolean_details("provider-nobody-healthy", False)
    assert (unknown.value, unknown.error_code) == (False, ErrorCode.FLAG_NOT_FOUND)


# -- JavaScript -------------------------------------------------------------------------------------------------------


class Script:
    """A script that runs on the packages of `make peers`; lines of JSON in and out."""

    def __init__(self, name: str, *arguments: str) -> None:
        path = SCRIPTS / name
        target = PACKAGES / name
        target.write_bytes(path.read_bytes())  # a module's packages are looked for beside it
        command = ["node", str(target), *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lines: queue.Queue[str] = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def hear(self) -> dict[str, Any]:
        """The next thing it says."""
        told: dict[str, Any] = json.loads(self._lines.get(timeout=PATIENCE))
        return told

    def hear_until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """What it says, until it is this."""
        while not holds(told := self.hear()):
            pass
        return told

    def ask(self, kind: str, key: str, **context: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"kind": kind, "key": key, "context": context}) + "\n")
        self._process.stdin.flush()
        return self.hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join(10)
        self._process.stdout.close()


@pytest.fixture
def packages() -> Path:
    """They come from npm, and are not shipped."""
    if not (PACKAGES / "node_modules").is_dir():
        lacking = "OpenFeature's JavaScript SDKs are not installed: `make peers` installs them"
        if os.environ.get("CI") == "true":
            pytest.fail(lacking, pytrace=False)
        pytest.skip(lacking)
    return PACKAGES


@pytest.mark.peer("node")
def test_javascript_on_a_server_gets_every_kind_of_flag(packages: Path, mail: Followed) -> None:
    with Script("server.mjs", mail.house.api.url, TOKEN) as script:
        assert script.ask("string", "active-provider")["value"] == "first"
        relay = script.ask("object", "smtp-relay", stream="mail")
        assert (relay["value"]["port"], relay["reason"]) == (mail.providers["first"].port, "TARGETING_MATCH")
        assert script.ask("boolean", "sending-enabled", targetingKey="user-7")["value"] is True
        share = script.ask("number", "backup-share")
        assert (share["value"], share["variant"]) == (0, "idle")
        mail.pin("second")
        assert script.ask("string", "active-provider")["value"] == "second"
        assert script.ask("string", "nothing")["errorCode"] == "FLAG_NOT_FOUND"
        assert script.ask("string", "active-provider", stream="nothing")["value"] == "the default"


@pytest.mark.peer("node")
@pytest.mark.parametrize("how", ["sse", "polling"])
def test_javascript_in_a_page_is_told_of_a_flip(packages: Path, mail: Followed, how: str) -> None:
    with Script("web.mjs", mail.house.api.url, TOKEN, how) as page:
        ready = page.hear_until(lambda told: told["what"] == "ready")
        assert (ready["active"], ready["share"], ready["sending"]) == ("first", 0, True)
        for name in ("second", "first"):
            mail.pin(name)
            flipped = page.hear_until(lambda told, name=name: told["active"] == name)
            assert flipped["host"] == "127.0.0.1"


@pytest.mark.peer("node")
def test_a_page_that_was_cut_off_learns_what_it_missed(packages: Path, mail: Followed) -> None:
    """The stream ends, the flag moves, the page comes back: nothing but the first event tells it so."""
    port = int(mail.house.api.url.rpartition(":")[2])
    with Wire(port) as wire, Script("web.mjs", wire.url, TOKEN, "sse") as page:
        page.hear_until(lambda told: told["what"] == "ready")
        wire.cut()
        mail.pin("second")
        wire.join()
        assert page.hear_until(lambda told: told["active"] == "second")["what"] == "changed"
