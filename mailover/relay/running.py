"""The relay while it runs, in one event loop: the door and the intake, the queue's writer, the carrier, the pools.

Put together from the settings; nothing is decided here. Its thread, and what becomes of it after a defect, is `life`'s.
"""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from mailover.config import Settings
from mailover.config.relay import RelaySettings
from mailover.core.carriage import StreamMail
from mailover.core.decide import Decision
from mailover.core.events import EventType
from mailover.core.fleet import Flag
from mailover.core.mail import Mail, QueueDepth, Suppression
from mailover.core.observations import Failure, FailureKind, Stage
from mailover.core.queues import QueueSeen
from mailover.core.routing import Letter, Route, Spent, route
from mailover.errors import StorageError
from mailover.relay.accounts import accounts, haste, patience
from mailover.relay.delivery.accounts import Account
from mailover.relay.delivery.attempt import Attempt
from mailover.relay.delivery.awaited import newly_named
from mailover.relay.delivery.carrier import Carrier
from mailover.relay.delivery.means import Means
from mailover.relay.delivery.outcomes import Outcomes
from mailover.relay.delivery.pool import Pool
from mailover.relay.delivery.quota import Quota
from mailover.relay.figures import Figures
from mailover.relay.identity import dress
from mailover.relay.intake import Coming, Intake, SenderOf
from mailover.relay.intake_plan import plan_of
from mailover.relay.pulse import Pulse
from mailover.relay.submission import Door, inlet
from mailover.relay.writing import QueueWriter
from mailover.resolve import Resolver
from mailover.service import Service, Snapshot
from mailover.storage.mail import MailQueue

_log = logging.getLogger("mailover.relay")

LEASE = timedelta(seconds=30)
"""How long mail of a relay that died without a word waits for another one."""
_LOOK_EVERY = 2
"""Seconds between two looks at how much waits."""
_EXCHANGE_EVERY = 5
_TIDY_EVERY = 600
_NO_TERMS = StreamMail()
_HANGS = Failure(
    kind=FailureKind.TIMEOUT, stage=Stage.END_DATA, text="no answer to a whole message for 10 s", replied=True
)
_TIDYING = 200
"""Steps of one run of forgetting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the relay stands on; the same over reloads and restarts."""

    service: Service
    queue: MailQueue
    sender_of: SenderOf
    figures: Figures
    keep: Callable[[], timedelta]
    """How long it is known what became of mail, where its stream does not say."""
    pulse: Pulse
    """Beaten by whichever life of the relay there is."""
    alone: bool
    """Whether no other relay can be alive on this store, so that what is held there is nobody's."""


class Running:
    """One life of the relay."""

    def __init__(self, settings: Settings, relay: RelaySettings, ground: Ground) -> None:
        """The ports are taken; nobody is answered yet. Raises ConfigError when that is impossible."""
        self._ground = ground
        self._service = ground.service
        self._settings = settings
        self._relay = relay
        now = ground.service.clock.now
        instance = settings.server.instance
        self._writer = QueueWriter(
            ground.queue, holder=f"{instance}-{secrets.token_hex(4)}", lease=LEASE, clock=ground.service.clock
        )
        self._resolver = Resolver(nameservers=[str(server) for server in settings.resolver.nameservers])
        self._pools: dict[str, Pool] = {}
        self._metered: Collection[str] = ()
        """Providers that a rule about amounts may ask for."""
        self._outcomes = Outcomes(ground.service.hear, now)
        self._quota = Quota(self._writer, now)
        self._carrier = Carrier(
            self._writer,
            self._means(),
            lease=LEASE,
            slots=relay.delivery.at_once,
            most_bytes=relay.delivery.memory_bytes,
        )
        self._door = Door(
            writer=self._writer,
            accepted=self._carrier.accept,
            streams=self._streams(),
            clock=ground.service.clock,
            hostname=relay.hostname,
            largest=relay.limits.message_bytes,
            traced=relay.trace_clients,
        )
        self._intake = Intake(plan_of(settings, relay), self._door, ground.sender_of)
        self._flags: Mapping[str, Flag] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = asyncio.Event()
        self._beats = 0
        self._came = Coming()
        self._signatures: set[tuple[str, str, str]] = set()
        """Whose signatures were broken, by stream and provider."""

    @property
    def ports(self) -> tuple[int, ...]:
        """Where it listens."""
        return self._intake.ports

    # -- life ---------------------------------------------------------------------------------------------------------

    async def run(self, ready: Callable[[], None]) -> None:
        """Until `end`; `ready` is called when mail is taken. Whatever happens, what is held is given back."""
        self._use_accounts(accounts(self._settings))
        self._writer.start()
        if self._ground.alone:
            await self._inherit()
        await self._recount()
        carrying = asyncio.create_task(self._carrier.run())
        self._flags = {name: published.flag for name, published in self._service.snapshot.flags.items()}
        self._begin(self._carrier.hasten(newly_named({}, self._flags), recovered=False))
        try:
            await self._intake.start()
            loop = asyncio.get_running_loop()
            self._service.mail.offer(inlet(self._door, loop), partial(_wake, loop, self._woken))
            self._service.offer_spent(self._spent)
            ready()
            await self._beat_until_the_end(carrying)
        finally:
            self._service.mail.offer(None)
            await self._stop(carrying)

    def end(self) -> None:
        """Stop gracefully."""
        self._ending.set()

    def check(self, settings: Settings, relay: RelaySettings) -> None:
        """Raise ConfigError where it cannot go on with this config. From any thread."""
        self._intake.check(plan_of(settings, relay))

    async def use(self, settings: Settings, relay: RelaySettings) -> None:
        """Go on with another config. Raises ConfigError and stays as it was."""
        self._intake.reload(plan_of(settings, relay))
        self._settings, self._relay = settings, relay
        self._use_accounts(accounts(settings))
        self._door.use(
            self._streams(),
            hostname=relay.hostname,
            largest=relay.limits.message_bytes,
            traced=relay.trace_clients,
        )
        self._carrier.use(self._means(), slots=relay.delivery.at_once, most_bytes=relay.delivery.memory_bytes)

    async def _stop(self, carrying: asyncio.Task[None]) -> None:
        await self._intake.stop()
        await self._carrier.stop(self._relay.delivery.stopping.total_seconds())
        await asyncio.wait([carrying])
        self._outcomes.flush()
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))
        await self._recount()
        await self._writer.stop()

    async def _recount(self) -> None:
        """What the providers were given today has to be known before anything is sent, and told at the end."""
        try:
            await self._quota.exchange()
        except StorageError as error:
            _log.warning("what the providers were given today is not exchanged with the store: %s", error)

    async def _beat_until_the_end(self, carrying: asyncio.Task[None]) -> None:
        ending = asyncio.create_task(self._ending.wait())
        try:
            while not self._ending.is_set():
                self._beats += 1
                try:
                    await self._beat()
                except StorageError as error:
                    _log.warning("the queue could not be looked at: %s", error)
                self._ground.pulse.beat()
                await asyncio.wait([ending, carrying], timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                if carrying.done() and not self._ending.is_set():
                    carrying.result()
                    raise RuntimeError("the deliveries have ended by themselves")
        finally:
            ending.cancel()

    async def _beat(self) -> None:
        """What is done each second, and now and then."""
        self._outcomes.flush()
        now = asyncio.get_running_loop().time()
        for pool in self._pools.values():
            pool.reap(now)
        self._ground.figures.under_way(self._carrier.under_way)
        came, self._came = self._came, self._intake.figures
        self._ground.figures.came(self._came, since=came)
        if self._beats % _LOOK_EVERY == 1:
            await self._look()
        if self._beats % _EXCHANGE_EVERY == 1:
            await self._quota.exchange()
        if self._beats % _TIDY_EVERY == 0:
            self._begin(self._tidy())

    async def _look(self) -> None:
        depths = await self._writer.ask(self._ground.queue.depths)
        now = self._service.clock.now()
        self._ground.figures.waiting(depths, self._streams(), now)
        self._carrier.pause({name for name, depth in depths.items() if depth.paused})
        known = self._service.snapshot.fleet.queues
        seen = [depths.get(name, QueueDepth(stream=name)) for name in {*depths, *known}]
        self._service.hear(*(QueueSeen(depth=depth, at=now) for depth in seen))

    async def _inherit(self) -> None:
        """What the last life held is ours, without waiting for its leases to end."""
        try:
            number = await self._writer.ask(self._ground.queue.inherit)
        except StorageError as error:
            _log.warning("what the last life of the relay held waits for its lease to end: %s", error)
            return
        if number:
            _log.warning("%d mails were under way when the relay last ended; they may be sent twice", number)

    async def _tidy(self) -> None:
        keep = {name: mail.retention for name, mail in self._streams().items() if mail.retention is not None}
        try:
            for _ in range(_TIDYING):
                now, usual = self._service.clock.now(), self._ground.keep()
                if not await self._writer.ask(lambda now=now, usual=usual: self._ground.queue.tidy(now, keep, usual)):  # type: ignore[misc]
                    return
        except StorageError as error:
            _log.warning("what is old in the queue is forgotten later: %s", error)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- what is heard ------------------------------------------------------------------------------------------------

    def hear(self, snapshot: Snapshot, decision: Decision) -> None:
        """A decision: what waited for a provider that is back, or for a flag that moved, is tried."""
        back = {str(e.data["provider"]) for e in decision.events if e.type is EventType.PROVIDER_CLOSED}
        flags = {name: published.flag for name, published in snapshot.flags.items()}
        moved = newly_named(self._flags, flags)
        changed = any(self._flags.get(name) is not flag for name, flag in flags.items())
        self._flags = flags
        if back:
            self._begin(self._carrier.hasten(back, recovered=True))
        elif moved:
            self._begin(self._carrier.hasten(moved, recovered=False))
        elif changed:
            self._carrier.look()

    def _woken(self) -> None:
        """Somebody changed what waits."""
        self._begin(self._look_again())

    async def _look_again(self) -> None:
        try:
            await self._look()
        except StorageError as error:
            _log.warning("the queue could not be looked at: %s", error)
        self._carrier.look()

    # -- parts --------------------------------------------------------------------------------------------------------

    def _streams(self) -> Mapping[str, StreamMail]:
        return {name: stream.mail for name, stream in self._service.snapshot.policy.streams.items()}

    def _terms(self, stream: str) -> StreamMail:
        known = self._service.snapshot.policy.streams.get(stream)
        return known.mail if known is not None else _NO_TERMS

    def _use_accounts(self, wanted: Mapping[str, Account]) -> None:
        """Keep the pools whose account is the same; the others finish what they have, and are left."""
        for name in [name for name, pool in self._pools.items() if wanted.get(name) != pool.account]:
            self._begin(self._pools.pop(name).close())
        for name, account in wanted.items():
            if name not in self._pools:
                self._pools[name] = Pool(account, self._resolver)
        warm = any(stream.warm_share for stream in self._settings.streams.values())
        self._metered = {
            name for name, each in self._settings.providers.items() if warm or each.daily_quota is not None
        }
        self._quota.use({name: each.quota_resets for name, each in self._settings.providers.items()})

    def _means(self) -> Means:
        return Means(
            pools=lambda: self._pools,
            route=self._route,
            room=self._room,
            dress=self._dress,
            terms=self._terms,
            now=self._service.clock.now,
            dice=random.random,
            tell=self._tell,
            hang=partial(self._outcomes.tell, failure=_HANGS),
            expired=self._ground.figures.expired,
            suppressed=self._writer.suppressed,
            remember=self._remember,
            haste=haste(self._relay.delivery),
            patience=patience(self._relay.delivery),
        )

    async def _route(self, letter: Letter) -> Route:
        snapshot = self._service.snapshot
        if self._terms(letter.stream).selector:  # a plug-in may take its time
            return await asyncio.to_thread(self._service.route, letter, self._spent())
        return route(snapshot.fleet, snapshot.policy, letter, self._service.clock.now(), self._spent())

    def _spent(self) -> Mapping[str, Spent]:
        """What each provider was given lately, as far as a route may ask for it; also asked from other threads."""
        now = time.monotonic()
        spent: dict[str, Spent] = {}
        for name, pool in tuple(self._pools.items()):
            closed = pool.standing.closed_for(now) > 0
            if name in self._metered:
                spent[name] = Spent(today=self._quota.today(name), most=self._quota.most(name), closed_to_us=closed)
            elif closed:
                spent[name] = Spent(closed_to_us=True)
        return spent

    def _room(self, provider: str) -> int | None:
        account = self._settings.providers.get(provider)
        if account is None or account.daily_quota is None:
            return None
        return account.daily_quota - self._quota.today(provider)

    def _dress(self, mail: Mail, provider: str, content: bytes) -> tuple[str, bytes]:
        identity = self._terms(mail.stream).identities.get(provider)
        if identity is None:
            return mail.sender, content
        dressed = dress(content, mail.sender, identity)
        for domain in dressed.broken:
            self._tell_of_signature(mail.stream, provider, domain)
        return dressed.sender, dressed.content

    def _tell_of_signature(self, stream: str, provider: str, domain: str) -> None:
        """Once in a life of the relay: it is so for every message."""
        if (stream, provider, domain) not in self._signatures:
            self._signatures.add((stream, provider, domain))
            _log.warning(
                "the DKIM signature of %s does not survive what is changed for %s in mail of %s, and was taken out",
                domain,
                provider,
                stream,
            )

    def _tell(self, mail: Mail, done: Attempt, addresses: Sequence[str]) -> None:
        now = self._service.clock.now()
        taken = 0
        self._outcomes.attempted(done, addresses)
        for address in addresses:
            failure = done.of(address)
            taken += failure is None
            self._ground.figures.attempted(mail, done.provider, address, failure, now)
        if taken:
            self._quota.count(done.provider, taken)

    def _remember(self, suppressions: Sequence[Suppression]) -> None:
        async def keep() -> None:
            try:
                await self._writer.ask(lambda: self._ground.queue.suppress(suppressions))
            except StorageError as error:
                _log.warning("an address that does not exist is not remembered: %s", error)

        self._begin(keep())


def _wake(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # its loop has just ended
        loop.call_soon_threadsafe(what)
