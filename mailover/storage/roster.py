"""Every receiver of outgoing webhooks, kept in memory: those of the config and those registered at run time.

Routing an event asks it and waits for no database. What is sent to a receiver, and when, is `alerts`' business.
"""

import base64
import hashlib
import logging
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailover.addresses import Network, Reach
from mailover.clock import Clock
from mailover.core.events import Event, EventType, Severity
from mailover.core.interest import Interest
from mailover.errors import NotFoundError, RefusedError, StorageError
from mailover.secrets import Secret
from mailover.storage.hooks import HookStore, Silenced, Subscription, Terms

_log = logging.getLogger("mailover.storage")

ROTATION = timedelta(hours=24)
"""How long a replaced secret signs beside the new one."""
MOST_SUBSCRIPTIONS = 200
SUBSCRIPTIONS = "subscriptions"
"""The channel of all subscriptions."""
_PREFIX = "webhook/"
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One receiver, as far as routing and sending need it."""

    name: str
    """The config's name, or a subscription's id; the latter has an underscore, which the former cannot have."""
    url: str = field(repr=False)
    secret: Secret
    old_secret: Secret | None = None
    old_secret_until: datetime | None = None
    """None: as long as the config has it."""
    interest: Interest = field(default_factory=Interest)
    reach: Reach = field(default_factory=Reach)
    header: Secret | None = None
    """A fixed header, "Name: value", for receivers that cannot verify signatures."""
    timeout: timedelta = timedelta(seconds=5)
    max_age: timedelta = timedelta(days=1)
    """Older events are given up."""
    latest_only: bool = False
    """A failover that waits is given up when a newer one of its stream waits behind it."""
    once: bool = False
    expires_at: datetime | None = None
    created_at: datetime | None = None
    by: str = ""

    @property
    def endpoint(self) -> str:
        """Its name in the outbox."""
        return _PREFIX + self.name

    @property
    def static(self) -> bool:
        """Whether the config has it."""
        return self.created_at is None

    def signing(self, now: datetime) -> tuple[Secret, ...]:
        """What a request of this moment is signed with, the newest first."""
        if self.old_secret is None or (self.old_secret_until is not None and now >= self.old_secret_until):
            return (self.secret,)
        return (self.secret, self.old_secret)

    @property
    def channel(self) -> str:
        """Under which name it is counted: receivers that come and go are one channel together."""
        return self.endpoint if self.static else SUBSCRIPTIONS

    def wants(self, event: Event) -> bool:
        """Whether this event is sent to it."""
        return self.interest.wants(event) and (self.expires_at is None or event.at < self.expires_at)


def new_signing_secret() -> Secret:
    """A fresh one, in the form of Standard Webhooks."""
    return Secret("whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode())


class Roster:
    """All receivers. Safe in any thread."""

    def __init__(
        self, store: HookStore, clock: Clock, static: Sequence[Hook] = (), allow: tuple[Network, ...] = ()
    ) -> None:
        """`allow` are networks that subscriptions may reach besides public addresses."""
        self.store = store
        self._clock = clock
        self._static = tuple(static)
        self._reach = Reach(allow=allow)
        self._subscribed: tuple[Subscription, ...] = ()
        self._listeners: list[Callable[[str], None]] = []
        self._lock = threading.Lock()
        self.hooks: Mapping[str, Hook] = {}
        """By endpoint; replaced as a whole."""
        self.silenced: Mapping[str, Silenced] = {}
        """Those switched off, by endpoint; replaced as a whole."""
        self.refresh()

    def use(self, static: Sequence[Hook], allow: tuple[Network, ...]) -> None:
        """Know these receivers of the config from now on, and no others."""
        self._static, self._reach = tuple(static), Reach(allow=allow)
        self.refresh()

    def listen(self, listener: Callable[[str], None]) -> None:
        """Tell `listener` of an endpoint that somebody wants to be tried now; it must return at once."""
        self._listeners.append(listener)

    def refresh(self) -> None:
        """Read the store again; while it cannot be read, what was known stays."""
        with self._lock:
            try:
                self._subscribed, self.silenced = self.store.subscriptions(), self.store.silenced()
                self._let_go()
            except StorageError as error:
                _log.debug("the subscriptions could not be read: %s", error)
            named = (*self._static, *(_hook(each, self._reach) for each in self._subscribed))
            self.hooks = {hook.endpoint: hook for hook in named}

    def routes(self, event: Event) -> tuple[str, ...]:
        """The outbox rows that an event gets, read from memory."""
        off = self.silenced
        return tuple(name for name, hook in self.hooks.items() if name not in off and hook.wants(event))

    def find(self, name: str) -> Hook:
        """The receiver of that name. Raises NotFoundError."""
        found = self.hooks.get(_PREFIX + name)
        if found is None:
            raise NotFoundError("no webhook or subscription is called that")
        return found

    # -- changes --------------------------------------------------------------------------------------------------

    def subscribe(self, terms: Terms, secret: Secret | None) -> tuple[Hook, bool, Secret | None]:
        """Register a receiver, or change the one with the same URL and events: it keeps its id, and is switched on.

        True when it is new; and the secret, when it was made here. Raises RefusedError for a URL out of reach.
        """
        complaint = self._reach.complaint(terms.url)
        if complaint is not None:
            raise RefusedError(f"the URL is refused: {complaint}")
        if terms.expires_at is not None and terms.expires_at <= self._clock.now():
            raise RefusedError("a subscription must expire in the future")
        key = _key(terms)
        known = next((each for each in self.store.subscriptions() if each.key == key), None)
        if known is None and len(self._subscribed) >= MOST_SUBSCRIPTIONS:
            raise RefusedError(f"there are {MOST_SUBSCRIPTIONS} subscriptions already; delete one")
        made, now = new_signing_secret(), self._clock.now()
        name = f"sub_{secrets.token_hex(8)}"
        wanted = Subscription(id=name, key=key, terms=terms, secret=secret or made, created_at=now)
        kept, new = self.store.subscribe(wanted, keep_old_until=now + ROTATION if secret is not None else None)
        self.store.unsilence(_PREFIX + kept.id)
        self._changed(_PREFIX + kept.id)
        return _hook(kept, self._reach), new, made if new and secret is None else None

    def unsubscribe(self, name: str) -> None:
        """End a subscription. Raises NotFoundError, and RefusedError for a receiver of the config."""
        hook = self.find(name)
        if hook.static:
            raise RefusedError(f"{name} is in the config; take it out there")
        self.store.unsubscribe(name, hook.endpoint)
        self._changed(hook.endpoint)

    def enable(self, name: str) -> Hook:
        """Switch a receiver on again."""
        hook = self.find(name)
        self.store.unsilence(hook.endpoint)
        self._changed(hook.endpoint)
        return hook

    def send_test(self, name: str, by: str) -> Event:
        """Send a `webhook.test` to one receiver, whatever it subscribed to. Raises RefusedError when it is off."""
        hook = self._sendable(name)
        event = Event(
            id=f"evt_test_{secrets.token_hex(8)}",
            type=EventType.WEBHOOK_TEST,
            subject="agent",
            at=self._clock.now(),
            severity=Severity.INFO,
            because=f"{by} wants to see whether events arrive",
            data={"webhook": name},
        )
        self.store.enqueue(event, hook.endpoint)
        self._changed(hook.endpoint)
        return event

    def replay(self, name: str, event_id: str | None) -> int:
        """Send one event, or all that were given up, anew. Raises NotFoundError for an unknown event."""
        hook = self._sendable(name)
        count = self.store.replay(hook.endpoint, event_id, self._clock.now())
        if event_id is not None and count == 0:
            raise NotFoundError("no event has this id")
        self._changed(hook.endpoint)
        return count

    def _sendable(self, name: str) -> Hook:
        hook = self.find(name)
        off = self.silenced.get(hook.endpoint)
        if off is not None:
            raise RefusedError(f"{name} is switched off: {off.because}")
        return hook

    def _changed(self, endpoint: str) -> None:
        self.refresh()
        for listener in self._listeners:
            listener(endpoint)

    def _let_go(self) -> None:
        """Forget expired subscriptions that have nothing left to be told."""
        now = self._clock.now()
        over = {
            each.id: _PREFIX + each.id
            for each in self._subscribed
            if each.terms.expires_at is not None and each.terms.expires_at <= now
        }
        if over and self.store.drop_expired(now, over):
            self._subscribed = self.store.subscriptions()


def _key(terms: Terms) -> str:
    named = "\n".join([terms.url, *sorted(terms.interest.events)])
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()


def _hook(kept: Subscription, reach: Reach) -> Hook:
    return Hook(
        name=kept.id,
        url=kept.terms.url,
        secret=kept.secret,
        old_secret=kept.old_secret,
        old_secret_until=kept.old_secret_until,
        interest=kept.terms.interest,
        reach=reach,
        header=Secret(kept.terms.header) if kept.terms.header else None,
        once=kept.terms.once,
        expires_at=kept.terms.expires_at,
        created_at=kept.created_at,
        by=kept.terms.by,
    )
