"""`mailover run` as a process: started with a config, asked through its API, signalled, starved, and ended."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any, Protocol, Self

import requests

PATIENCE = 20.0
QUICK = {
    "port_interval": "500ms",
    "login_interval": "1s",
    "retry_interval": "100ms",
    "auth_pause": "200ms",
    "deadline": "1s",
    "slow": "800ms",
}
"""A rhythm for tests: blindness is noticed within four seconds."""
Place = Callable[[], AbstractContextManager[object]]
"""Makes the context in which the agent's process and connections to it are made."""


def until(holds: Callable[[], bool], what: str = "it", patience: float = PATIENCE) -> float:
    """Wait for something to become true; how many seconds it took."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < patience, f"{what} never came true"
        time.sleep(0.05)
    return time.monotonic() - begun


def free_port() -> int:
    """A port of loopback that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RunningAgent:
    """One agent; a context manager, which ends it however the test went."""

    def __init__(
        self,
        directory: Path,
        document: Mapping[str, object],
        *,
        place: Place = nullcontext,
        env: Mapping[str, str] | None = None,
        prefix: str = "",
    ) -> None:
        """`document` lacks listen and storage; `prefix` is shell before it, such as `ulimit -n 64; exec`."""
        self.port = free_port()
        self.log = directory / "log"
        self.config = directory / "config.toml"
        self._store = directory / "mailover.db"
        self._document = document
        self._place = place
        self._env = {**os.environ, **(env or {})}
        self._prefix = prefix
        self._process: subprocess.Popen[bytes] | None = None
        self._asking = requests.Session()
        self._asking.trust_env = False
        self.configure(document)

    def configure(self, document: Mapping[str, object]) -> None:
        """Write another config; it is read at the next start or SIGHUP."""
        self._document = document
        server = {"listen": f"127.0.0.1:{self.port}"}
        storage = {"url": f"sqlite:///{self._store}"}
        self.config.write_text(toml({"server": server, "storage": storage, **document}), encoding="utf-8")

    def share_store_of(self, other: "RunningAgent") -> None:
        """Use the same SQLite file."""
        self._store = other._store
        self.configure(self._document)

    def share_port_of(self, other: "RunningAgent") -> None:
        """Listen where the other listens."""
        self.port = other.port
        self.configure(self._document)

    def __enter__(self) -> Self:
        with ExitStack() as begun:  # one that never answers is ended, too
            begun.push(self.__exit__)
            self.start()
            until(self.answers, "an answer of the API")
            begun.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._asking.close()
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, redirect: str = "") -> None:
        """Start the process and return at once. `redirect` replaces where its output goes, in shell."""
        command = f"{self._prefix or 'exec'} '{sys.executable}' -m mailover --config '{self.config}' run"
        script = f"{command} {redirect or f'>>{self.log} 2>&1'}"
        with self._place():
            self._process = subprocess.Popen(["/bin/sh", "-c", script], env=self._env, stdin=subprocess.DEVNULL)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process started last."""
        assert self._process is not None
        return self._process

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        self.process.send_signal(number)

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for its end; its exit code."""
        return self.process.wait(seconds)

    # -- asking ---------------------------------------------------------------------------------------------------

    def get(self, path: str, **parameters: str) -> Any:
        """The JSON that the API answers, on one connection for as long as it lasts."""
        with self._place():
            answer = self._asking.get(f"http://127.0.0.1:{self.port}{path}", params=parameters, timeout=5)
        answer.raise_for_status()
        return answer.json()

    def answers(self) -> bool:
        """Whether the API answers."""
        assert self.process.poll() is None, f"the agent ended: {self.words()[-2000:]}"
        try:
            self.get("/v1/active-provider")
        except requests.RequestException:
            return False
        return True

    def words(self) -> str:
        """All that it logged."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    @property
    def provider(self) -> str:
        """Whom the flag names."""
        return str(self.get("/v1/active-provider")["provider"])

    @property
    def mode(self) -> str:
        """Why."""
        return str(self.get("/v1/active-provider")["mode"])

    def said(self, kind: str) -> list[dict[str, Any]]:
        """All events of a type."""
        items: list[dict[str, Any]] = self.get("/v1/events", type=kind)["items"]
        return items

    def moves(self) -> int:
        """How often the flag moved."""
        return len(self.get("/v1/failovers")["items"])


class Watching(Protocol):
    """Starts an agent that watches a directory's providers; what more it takes is the directory's own."""

    def __call__(self, **tables: Any) -> RunningAgent: ...


def toml(document: Mapping[str, object]) -> str:
    """A document as TOML, each table inline."""
    return "".join(f"{key} = {_inline(value)}\n" for key, value in document.items())


def _inline(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {_inline(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_inline(each) for each in value) + "]"
    return json.dumps(value)
