"""The whole demo as a person runs it: a process of its own, to its end."""

import contextlib
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import pytest

MAILOVER = [str(Path(sys.executable).with_name("mailover")), "demo"]


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Somebody listens on the port, if nobody did already."""
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            squatter.bind(("127.0.0.1", port))
            squatter.listen()
        except OSError:
            pass
        yield


class Running:
    """The demo under way: what it says arrives line by line."""

    def __init__(self, directory: Path, *options: str) -> None:
        environment = {**os.environ, "TMPDIR": str(directory)}
        self.process = subprocess.Popen(
            [*MAILOVER, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        self.said: list[str] = []
        self._lines: Queue[str] = Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def until(self, words: str) -> str:
        """The first line that holds these words."""
        while True:
            self.said.append(self._lines.get(timeout=30))
            if words in self.said[-1]:
                return self.said[-1]

    def end(self) -> int:
        """Wait for its end; the exit code."""
        code = self.process.wait(30)
        self._reader.join()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        while not self._lines.empty():
            self.said.append(self._lines.get())
        return code


@pytest.fixture
def running(tmp_path: Path) -> Iterator[list[Running]]:
    """Every demo that a test runs, ended whatever happens."""
    all_of_them: list[Running] = []
    yield all_of_them
    for one in all_of_them:
        one.process.kill()
        if one.process.stdout is not None and not one.process.stdout.closed:
            one.end()


def run(running: list[Running], directory: Path, *options: str) -> Running:
    running.append(Running(directory, *options))
    return running[-1]


def test_the_demo_fails_over_and_back_by_itself_also_when_its_port_is_taken(tmp_path: Path) -> None:
    with taken(8587):
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        done = subprocess.run(MAILOVER, check=False, capture_output=True, text=True, timeout=110, env=environment)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "The usual port 8587 is taken" in done.stdout
    order = ["postmark breaks", "provider.opened", "failover.happened", "postmark is healed", "failback.happened"]
    places = [done.stdout.index(words) for words in order]
    assert places == sorted(places)
    found = re.search(r"failed over from postmark to sendgrid (\d+\.\d) s after", done.stdout)
    assert found is not None
    assert float(found[1]) < 10
    relayed = re.search(r"the relay took (\d+) messages, (\d+) arrived \(", done.stdout)
    assert relayed is not None
    assert int(relayed[1]) == int(relayed[2]) > 20
    assert re.search(r"failed back from sendgrid to postmark \d+\.\d s after", done.stdout)
    sent, arrived = map(
        int, re.search(r"the application sent (\d+) messages \(.*\), (\d+) arrived", done.stdout).groups()
    )
    assert sent == arrived > 20
    assert "by nobody" not in done.stdout
    assert "Traceback" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_by_hand_a_broken_provider_is_left_and_quit_ends(running: list[Running], tmp_path: Path) -> None:
    demo = run(running, tmp_path, "--manual")
    demo.until("agent.started")
    demo.type("break postmark silent")
    assert "sendgrid" in demo.until("failover.happened")
    demo.type("break nobody")
    demo.until("which provider?")
    demo.type("status")
    demo.until("silent")
    demo.type("quit")
    assert demo.end() == 0
    assert list(tmp_path.iterdir()) == []


def test_by_hand_the_end_of_input_ends(running: list[Running], tmp_path: Path) -> None:
    demo = run(running, tmp_path, "--manual")
    demo.until("agent.started")
    assert demo.process.stdin is not None
    demo.process.stdin.close()
    assert demo.end() == 0


@pytest.mark.parametrize(
    ("options", "number", "code"),
    [((), signal.SIGINT, 1), (("--manual",), signal.SIGINT, 0), (("--manual",), signal.SIGTERM, 0)],
)
def test_a_signal_ends_it_cleanly(
    running: list[Running], tmp_path: Path, options: tuple[str, ...], number: signal.Signals, code: int
) -> None:
    demo = run(running, tmp_path, *options)
    demo.until("agent.started")
    demo.process.send_signal(number)
    assert demo.end() == code
    assert not [line for line in demo.said if "Traceback" in line]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("environment", "colours"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_a_picture_and_its_cursor_back(
    tmp_path: Path, environment: dict[str, str], colours: bool
) -> None:
    ours, theirs = pty.openpty()
    whole = {**os.environ, "TMPDIR": str(tmp_path), "TERM": "xterm-256color", **environment}
    demo = subprocess.Popen(MAILOVER, stdin=theirs, stdout=theirs, stderr=theirs, env=whole, start_new_session=True)
    os.close(theirs)
    seen = b""
    while b"the flag of transactional" not in seen:
        seen += os.read(ours, 65536)
    demo.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # how Linux says that the terminal's other side is gone
        while arrived := os.read(ours, 65536):
            seen += arrived
    os.close(ours)
    assert demo.wait(20) == 1
    assert seen.rindex(b"\x1b[?25h") > seen.rindex(b"\x1b[?25l")
    assert (re.search(rb"\x1b\[[0-9;]*3[0-7]m", seen) is not None) is colours
