"""The relay's thread: started with its ports, reloaded, ended gracefully, and begun anew after a defect.

Whatever goes wrong here, the agent goes on; and whatever becomes of the agent, mail goes by its last flag.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from mailover.config import Settings
from mailover.config.relay import RelaySettings
from mailover.core.decide import Decision
from mailover.errors import ConfigError, StorageError
from mailover.loops import new_loop
from mailover.relay.running import Ground, Running
from mailover.service import Snapshot

_log = logging.getLogger("mailover.relay")

_STARTING = 30.0
_RELOADING = 10.0
_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_WELL_AFTER = 60.0
"""Seconds of life after which the next defect is a first one again."""


class Relay:
    """Started once, stopped once; thread-safe."""

    def __init__(self, settings: Settings, relay: RelaySettings, ground: Ground) -> None:
        """Nothing runs yet."""
        self._settings = settings
        self._relay = relay
        self._ground = ground
        self._running: Running | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()

    @property
    def ports(self) -> tuple[int, ...]:
        """Where it listens, while it runs."""
        return self._running.ports if self._running is not None else ()

    def start(self) -> None:
        """Take mail from here on. Raises ConfigError when it cannot listen as the config wants it."""
        first = Running(self._settings, self._relay, self._ground)
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._live, args=(first, started), name="mailover-relay", daemon=True)
        self._thread.start()
        started.result(_STARTING)
        self._ground.service.listen(self.hear_decision)

    def stop(self) -> None:
        """Take no more, finish what is under way, give back the rest."""
        self._ground.service.ignore(self.hear_decision)
        self._ending.set()
        self._tell(lambda running: running.end())
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def check(self, settings: Settings, relay: RelaySettings) -> None:
        """Raise ConfigError where `reload` would; nothing changes."""
        if (running := self._running) is not None:
            running.check(settings, relay)

    def reload(self, settings: Settings, relay: RelaySettings) -> None:
        """Go on with another config, or raise ConfigError and stay as it was."""
        running, loop = self._running, self._loop
        if running is not None and loop is not None:
            asyncio.run_coroutine_threadsafe(running.use(settings, relay), loop).result(_RELOADING)
        self._settings, self._relay = settings, relay

    def hear_decision(self, snapshot: Snapshot, decision: Decision) -> None:
        """The service's listener."""
        if decision.changed:
            self._tell(lambda running: running.hear(snapshot, decision))

    def _tell(self, what: Callable[[Running], None]) -> None:
        running, loop = self._running, self._loop
        if running is None or loop is None:
            return
        try:
            loop.call_soon_threadsafe(what, running)
        except RuntimeError:
            _log.debug("the relay's loop has just ended")

    def _live(self, first: Running, started: "Future[None]") -> None:
        """One life after the other, until the end."""
        running: Running | None = first
        pause = _PAUSE
        while True:
            began = time.monotonic()
            if running is not None:
                self._live_once(running, started)
            if time.monotonic() - began > _WELL_AFTER:
                pause = _PAUSE
            if self._ending.wait(pause):
                return
            pause = min(2 * pause, _LONGEST_PAUSE)
            running = self._born_again()

    def _live_once(self, running: Running, started: "Future[None]") -> None:
        def ready() -> None:
            if not started.done():
                started.set_result(None)

        self._running = running
        try:
            with asyncio.Runner(loop_factory=new_loop) as runner:
                self._loop = runner.get_loop()
                if self._ending.is_set():  # `stop` may have come between two lives, with nobody there to be told
                    running.end()
                runner.run(running.run(ready))
        except Exception as error:  # noqa: BLE001 - the agent goes on, and mail again after a pause
            _log.exception("the relay failed%s", "" if self._ending.is_set() else "; it begins anew")
            if not started.done():
                self._ending.set()
                started.set_exception(error)
        finally:
            self._running = self._loop = None

    def _born_again(self) -> Running | None:
        try:
            return Running(self._settings, self._relay, self._ground)
        except (ConfigError, StorageError) as error:
            _log.error("the relay cannot begin anew yet: %s", error)
            return None
        except Exception:  # noqa: BLE001 - the next try may fare better, and there must be one
            _log.exception("the relay could not begin anew")
            return None
