"""The composition root: settings in, a running house out. Every part is built here; no rule lives here."""

import asyncio
import gc
import logging
import secrets
import signal
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from agent.loop import Agent
from mailover.alerts import assembly
from mailover.alerts.dead_man import DeadMan
from mailover.alerts.dispatcher import Dispatcher
from mailover.alerts.hooks import HookSender
from mailover.alerts.hooks_pool import HookPool
from mailover.alerts.posting import Poster
from mailover.clock import Clock, SystemClock
from mailover.config import Settings
from mailover.config.listening import not_listening
from mailover.config.mapping import feedback, policy, retention
from mailover.config.outlets import Scope
from mailover.core.decide import Decision
from mailover.core.events import Severity
from mailover.errors import ConfigError
from mailover.fetching import getting
from mailover.lookout import resolver, rhythm, watched
from mailover.process import Supervisor, one_at_a_time, only_one
from mailover.relay.figures import Figures
from mailover.relay.life import Relay
from mailover.relay.pulse import Pulse
from mailover.relay.running import Ground
from mailover.secrets import mask
from mailover.service import Service, Snapshot
from mailover.storage.roster import Roster
from mailover.storage.sealing import Seal
from mailover.storage.sql import SqlStore, open_store
from mailover.wishes import Wishes
from webhooks import metrics
from webhooks.adapters.running import Adapters
from webhooks.app import create_app
from webhooks.auth import Gate, Token, token
from webhooks.limits import Limits
from webhooks.parts import EXTENSION, Parts
from webhooks.server import ApiServer

if TYPE_CHECKING:
    from mailover.alerts.slack_inlet import SlackInlet

_log = logging.getLogger("mailover.bootstrap")
_events = logging.getLogger("mailover.events")

_LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.CRITICAL: logging.CRITICAL}


class House:
    """Everything that runs, started from the bottom up and stopped from the top down."""

    def __init__(self, settings: Settings, clock: Clock, store: SqlStore) -> None:
        """Nothing runs yet, but the API's socket listens. Raises OSError when the port is taken."""
        listen = settings.server.listen
        self._settings = settings
        self._clock = clock
        self._supervisor = Supervisor()
        self._reloading = threading.Lock()
        self._reload_wanted = threading.Event()
        self._stopped = False
        self.store = store
        self._roster = Roster(store.hooks, clock, assembly.hooks(settings), settings.server.webhook_allow)
        self.service = Service(
            store=store,
            policy=policy(settings),
            default_stream=settings.default_stream,
            clock=clock,
            identity=secrets.token_hex(3),
            endpoints=lambda event: (*assembly.routes(self._settings, event), *self._roster.routes(event)),
            keep=retention(settings),
        )
        self._gate = Gate(_tokens(settings), store.tokens, loopback=listen.loopback)
        self._limits = Limits(settings.limits)
        source = f"mailover/{settings.server.instance}"
        app = create_app(
            self.service,
            self._gate,
            source=source,
            mask=lambda text: _masked(self._settings, text),
            roster=self._roster,
            slack=self._hear_slack,
            feedback=lambda: feedback(self._settings),
            fetch=self._fetch,
            adapters=lambda: self._settings.adapters,
            channel_of=self._channel_of,
            limits=self._limits,
        )
        self._slack = assembly.slack_inlet(settings, self.service)
        self.agent = self._agent(settings)
        parts = app.extensions[EXTENSION]
        assert isinstance(parts, Parts)  # noqa: S101 - create_app put it there
        self._count = parts.counters.hear_attempt
        self.dispatcher = Dispatcher(assembly.couriers(settings, store, clock, self._count))
        sender = HookSender(source, clock, Poster(resolver=resolver(settings)))
        self._hooks = HookPool(self._roster, sender, clock, count=self._count)
        self._dead_man = assembly.dead_man(settings, clock)
        self.adapters = Adapters(self.service)
        self.relay = self._relay(settings, Figures(app.extensions[metrics.EXTENSION]))
        self._wishes = Wishes(self.service)
        self.api = ApiServer(app, listen.host, listen.port)
        self.service.listen(self._hear_decision)

    def run(self, reread: Callable[[], Settings] | None = None) -> None:
        """Run until SIGTERM or Ctrl-C; on SIGHUP go on with what `reread` gives, or stay when it raises ConfigError."""
        try:
            with only_one(self._settings.storage.url.reveal()):
                self._start_watching()
                if reread is not None:
                    signal.signal(signal.SIGHUP, lambda *_: self._reload_aside(reread))
                _log.info("the API answers at %s", self.api.url)
                if self.relay is not None:
                    _log.info("mail is taken at port %s", ", ".join(str(port) for port in self.relay.ports))
                _set_aside_what_stays()
                self._supervisor.ready(f"the API answers at {self.api.url}")
                self.api.run()
        finally:
            self._supervisor.stopping()
            self._stop_watching()

    def start(self) -> None:
        """Run in threads, until `stop`."""
        self._start_watching()
        self.api.start()

    def stop(self) -> None:
        """End everything; what was decided is stored."""
        self.api.stop()
        self._stop_watching()

    def reload(self, settings: Settings) -> None:
        """Go on with another config, whole or not at all. Raises ConfigError and stays as it was."""
        for key, was, wanted in (
            ("server.listen", self._settings.server.listen, settings.server.listen),
            ("storage.url", self._settings.storage.url, settings.storage.url),
        ):
            if was != wanted:
                raise ConfigError([f"{key}: cannot change while mailover runs; restart it"])
        if (self._settings.relay is None) != (settings.relay is None):
            raise ConfigError(["relay: cannot be added or left out while mailover runs; restart it"])
        if self.relay is not None and settings.relay is not None:
            self.relay.check(settings, settings.relay)
        couriers = assembly.couriers(settings, self.store, self._clock, self._count)
        self.adapters.use(settings.adapters)
        self.agent.stop()
        try:
            self.agent = self._agent(settings)
            self.agent.start()
        except Exception as error:
            self.adapters.use(self._settings.adapters)
            self.agent = self._agent(self._settings)
            self.agent.start()
            if isinstance(error, OSError):
                raise _sink_refused(settings, error) from error
            raise
        self._settings = settings
        self._gate.use(_tokens(settings))
        self._limits.use(settings.limits)
        self.service.keep = retention(settings)
        self.store.mail.reseal(_seal(settings))
        self.service.reload(policy(settings), settings.default_stream)
        if self.relay is not None and settings.relay is not None:
            self.relay.reload(settings, settings.relay)
        self.dispatcher.stop()
        self.dispatcher = Dispatcher(couriers)
        self.dispatcher.start()
        self._roster.use(assembly.hooks(settings), settings.server.webhook_allow)
        self._hear_slack_by(assembly.slack_inlet(settings, self.service))
        self._ping_from_now(assembly.dead_man(settings, self._clock))

    def _relay(self, settings: Settings, figures: Figures) -> Relay | None:
        if settings.relay is None:
            return None
        ground = Ground(
            service=self.service,
            queue=self.store.mail,
            sender_of=lambda secret: _sender(self._gate, secret),
            figures=figures,
            keep=lambda: self.service.keep.history,
            pulse=Pulse(),
            alone=one_at_a_time(settings.storage.url.reveal()),
        )
        return Relay(settings, settings.relay, ground)

    def _agent(self, settings: Settings) -> Agent:
        looked_at = watched(settings, resolver(settings), self._clock.now)
        return Agent(self.service, looked_at, rhythm(settings))

    def _reload_aside(self, reread: Callable[[], Settings]) -> None:
        """A signal handler may not block the server it interrupts."""
        threading.Thread(target=self._reload_safely, args=(reread,), name="mailover-reload").start()

    def _reload_safely(self, reread: Callable[[], Settings]) -> None:
        """One at a time. What was wanted before a reload began is done with it; after the end nothing is begun."""
        self._reload_wanted.set()
        with self._reloading:
            if self._stopped or not self._reload_wanted.is_set():
                return
            self._reload_wanted.clear()
            self._supervisor.reloading()
            try:
                self.reload(reread())
                _log.info("the config was reloaded")
            except ConfigError as error:
                _log.error("the config was not reloaded, the old one stays: %s", "; ".join(error.problems))
            except Exception:  # noqa: BLE001 - whatever it was, the agent goes on, and the supervisor hears so
                _log.exception("the config could not be reloaded")
            self._supervisor.ready(f"the API answers at {self.api.url}")

    def _start_watching(self) -> None:
        self.adapters.use(self._settings.adapters)
        try:
            self.agent.start()
        except OSError as error:
            raise _sink_refused(self._settings, error) from error
        if self._dead_man is not None:
            self._dead_man.start()
        self.service.start()
        self.dispatcher.start()
        self._hooks.start()
        if self._slack is not None:
            self._slack.start()
        if self.relay is not None:
            self.relay.start()
        self._wishes.start()

    def _stop_watching(self) -> None:
        with self._reloading:
            self._stopped = True
        if self.relay is not None:
            self.relay.stop()
        self.agent.stop()
        self._hear_slack_by(None)
        self._wishes.stop()
        self.service.stop()
        self.adapters.stop()
        self._ping_from_now(None)
        self.dispatcher.stop()
        self._hooks.stop()
        self.store.close()

    def _ping_from_now(self, dead_man: DeadMan | None) -> None:
        before, self._dead_man = self._dead_man, dead_man
        if before is not None:
            before.stop()
        if dead_man is not None:
            dead_man.start()

    def _fetch(self, host: str, path: str) -> bytes:
        """A small file, such as a certificate that a provider's signature names; asked in a thread of the API."""
        return asyncio.run(getting(resolver(self._settings))(host, path))

    def _hear_slack_by(self, inlet: "SlackInlet | None") -> None:
        before, self._slack = self._slack, inlet
        if before is not None:
            before.stop()
        if inlet is not None:
            inlet.start()

    def _hear_slack(self, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """One request to the address of Slack's presses."""
        inlet = self._slack
        return inlet.hear(headers, body) if inlet is not None else (404, "Slack's presses are not taken here.")

    def _channel_of(self, endpoint: str) -> str | None:
        """Under which name an endpoint's outbox is counted; None when there is no such endpoint any more."""
        hook = self._roster.hooks.get(endpoint)
        if hook is not None:
            return hook.channel
        return endpoint if endpoint in self.dispatcher.endpoints else None

    def _hear_decision(self, snapshot: Snapshot, decision: Decision) -> None:
        for event in decision.events:
            _events.log(_LEVELS[event.severity], "%s: %s", event.type, event.because)
        if decision.events:
            self.dispatcher.wake()
            self._hooks.wake()
        if (dead_man := self._dead_man) is not None:
            dead_man.hear_decision(snapshot, decision)
        self._supervisor.feed()


def assemble(settings: Settings, *, clock: Clock | None = None) -> House:
    """Build the whole house. Raises ConfigError when a port is taken, StorageError when the store cannot be opened."""
    store = open_store(settings.storage.url.reveal(), _seal(settings))
    try:
        known = store.load()
        return House(settings, clock or SystemClock(known.decided_at if known is not None else None), store)
    except OSError as error:
        store.close()
        raise not_listening("server.listen", settings.server.listen, error) from error
    except BaseException:
        store.close()
        raise


def _seal(settings: Settings) -> Seal:
    """What the text of mail is sealed with, if anything."""
    return Seal(settings.relay.encryption_key if settings.relay is not None else ())


def _set_aside_what_stays() -> None:
    """Look for garbage among what comes from now on, and less often.

    Modules, tables and routes are more than a hundred thousand objects that never end. Going through them again and
    again cost the relay a twelfth of its time, and everybody a pause.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _sink_refused(settings: Settings, error: OSError) -> ConfigError:
    sink = settings.round_trip.smtp if settings.round_trip is not None else None
    return not_listening("round_trip.smtp.listen", sink.listen if sink is not None else "it", error)


def _tokens(settings: Settings) -> list[Token]:
    return [token(name, each.token.reveal(), each.scopes) for name, each in settings.tokens.items()]


def _sender(gate: Gate, secret: str) -> str | None:
    holder = gate.holder(secret, Scope.SEND)
    return holder.name if holder is not None else None


def _masked(settings: Settings, text: str) -> str:
    """A foreign text without any secret of the config."""
    accounts = settings.providers.values()
    known = [p.reveal() for each in accounts for p in (each.password, each.next_password) if p is not None]
    known += [each.token.reveal() for each in settings.tokens.values()]
    return mask(text, known)
