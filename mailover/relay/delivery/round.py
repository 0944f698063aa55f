"""One mail, once over its providers: whoever fails before the final dot is followed by the next one at once.

What it comes to is one `Settlement`, also where it was cut off or met a defect half-way: what was sent stays sent. What
a failure means is `copies`', when a round is due others decide.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import timedelta
from functools import partial
from operator import itemgetter

from mailover.core import retry
from mailover.core.mail import Fate, Leased, Settlement
from mailover.core.routing import Letter, Route
from mailover.core.sentences import failure_words, listed, veiled
from mailover.relay.delivery.attempt import Attempt, attempt
from mailover.relay.delivery.copies import Copies, Left, Reason
from mailover.relay.delivery.means import Means
from mailover.relay.delivery.pool import Pool
from mailover.relay.delivery.rehearsal import log_headers
from mailover.relay.delivery.standing import Readiness
from mailover.relay.delivery.stay import Stay
from mailover.relay.tags import read_tags
from mailover.smtp import Envelope

_log = logging.getLogger("mailover.relay")

DEFECT = "the relay itself failed at it; its log says why"
_ANY = "any"
_TURN_WITHIN = 0.3
"""Seconds to wait for a provider that is merely busy while there is another one."""
_LAST_TURN_WITHIN = 3.0
_PATIENT_AT_LAST = 4.0
"""Times the usual haste, where nobody is left to move on to."""
_PATIENT_LATER = 2.0
"""Times more in each later round, lest a provider that is only slow is never waited for."""
_PATIENT_MOST = 8.0
"""Times the usual haste, while there is somebody to move on to: mail that was held for days moves on too."""
_LOOK_AGAIN = timedelta(minutes=5)
"""When mail that is held is looked at, though nothing was heard that would free it."""
_SOON = timedelta(seconds=1)
_APART = timedelta(seconds=5)
"""Until mail that may go nowhere else is tried again at a busy provider; its stream does not wait with it."""
_GLANCE = 0.1
_LONGEST_BUSY = 30.0
"""Seconds for which a stream waits in memory at most: what has a deadline there has to be looked at."""


class Round:
    """For one mail, once."""

    def __init__(self, leased: Leased, means: Means, *, ours: Callable[[], bool], free: Callable[[], None]) -> None:
        """`ours`: whether the lease still holds. `free` is called when others need not wait for this any more."""
        self._mail = leased.mail
        self._tags = read_tags(leased.content)
        self._content = self._tags.content
        self._means = means
        self._ours = ours
        self._free = free
        expires_in = retry.expires_at(leased.mail.accepted_at, leased.mail.deadline_at) - means.now()
        self._expires_at = time.monotonic() + expires_in.total_seconds()
        self._copies = Copies(leased.mail, means.terms(leased.mail.stream), means.now, means.dice)
        self._busy: list[float] = []
        self.fruitless = False
        """Whether every provider failed, and had failed before: the next mail will hardly fare better."""

    async def run(self) -> Settlement | float:
        """What it came to; a number when nobody could be tried: the seconds after which to try again.

        Cancelled, or at a defect of ours, it ends so only where there is nothing to tell of.
        """
        try:
            await self._leave_out_suppressed()
            await _together([self._carry(route, addresses) for route, addresses in await self._routes()])
        except asyncio.CancelledError:
            if not self._copies.touched:
                raise
        except Exception:
            if not self._copies.touched:
                raise
            _log.exception("%s met a defect of the relay half-way; the rest of it is tried again later", self._mail.id)
            self._wait(DEFECT, retry.after_putting_off(self._mail.attempts, self._means.dice()))
        if self._copies.suppressions:
            self._means.remember(self._copies.suppressions)
        if self._busy and not self._copies.touched:
            return min(self._busy)
        for seconds in self._busy:
            self._wait("its providers are busy", timedelta(seconds=seconds))
        return self._copies.settlement()

    # -- where to ---------------------------------------------------------------------------------------------------

    async def _leave_out_suppressed(self) -> None:
        if not self._means.terms(self._mail.stream).suppress:
            return
        pending = [each.address for each in self._copies.pending]
        unwanted = await self._means.suppressed(pending)
        self._copies.settle([each for each in pending if each.lower() in unwanted], Fate.SUPPRESSED)

    async def _routes(self) -> Collection[tuple[Route, list[str]]]:
        """The pending recipients by the providers they share, or by what they wait for."""
        groups: dict[object, tuple[Route, list[str]]] = {}
        for recipient in self._copies.pending:
            routine = self._mail.attempts == 0
            letter = Letter(
                stream=self._mail.stream,
                recipient=recipient.address,
                key=self._tags.key or self._mail.id,
                region=self._tags.region,
                routine=routine,
            )
            route = await self._means.route(letter)
            groups.setdefault(route.providers or route.because, (route, []))[1].append(recipient.address)
        return groups.values()

    async def _carry(self, route: Route, addresses: list[str]) -> None:
        if self._expired:
            self._expire(addresses)
        elif route.test:
            log_headers(self._mail, self._content, route.because)
            self._copies.settle(addresses, Fate.LOGGED)
        elif not route.providers:
            due_at = route.wake_at or self._means.now() + _LOOK_AGAIN
            self._copies.wait(Reason(because=route.because, due_at=due_at, waiting_for=route.waiting_for))
        else:
            await self._try_all(route, addresses)

    async def _try_all(self, route: Route, left: list[str]) -> None:
        pools = [pool for name in route.providers if (pool := self._means.pools().get(name)) is not None]
        tried: list[Pool] = []
        order = _in_order(pools)
        for pool, ready in order:
            alone = pool is order[-1][0]
            if not left or self._expired or not self._ours():
                break
            if await self._turn(pool, ready, alone=alone):
                tried.append(pool)
                left = await self._use(pool, left, alone=alone)
        if pools and not route.absent:
            left = self._copies.give_up_unfit(left, len(pools))
        if left and self._expired:
            self._expire(left)
        elif left and tried:
            self._put_off(left, tried, pools, route)
        elif left:
            self._ask_later(pools, route)

    def _put_off(self, left: Sequence[str], tried: Sequence[Pool], pools: Sequence[Pool], route: Route) -> None:
        """Nobody took it who could be asked: soon again if one was only too busy, else after a pause."""
        pause = retry.after_failing_providers(self._mail.attempts, self._means.dice())
        if len(self._copies.unfit(left, len(pools))) == len(left):
            pause = _LOOK_AGAIN  # only who is absent can help; the others have said no for good
        elif any(pool not in tried and not pool.standing.doubted for pool in pools):
            pause = min(pause, _SOON)
        self.fruitless |= not route.apart and all(pool.standing.doubted for pool in pools)
        names = [pool.account.provider for pool in tried]
        failure = self._copies.failure_of(left[0])
        said = f": {veiled(failure_words(failure))}" if failure is not None else ""
        alone = len(pools) == 1 and not route.absent
        self._wait(f"{listed(names)} did not take it{said}", pause, names[0] if alone else _ANY)

    def _ask_later(self, pools: Sequence[Pool], route: Route) -> None:
        """Nobody could be asked now. Mail of its stream waits with it, but not for what only this mail is bound to."""
        seconds = _until_free(pools)
        if not route.apart:
            self._busy.append(min(seconds, _LONGEST_BUSY))
            return
        names = [pool.account.provider for pool in pools]
        because = f"it may go through {listed(names)} only, which cannot be asked just now"
        pause = min(max(timedelta(seconds=seconds), _APART), _LOOK_AGAIN)
        self._wait(because, pause, names[0] if len(names) == 1 else _ANY, counted=False)

    def _wait(self, because: str, pause: timedelta, waiting_for: str = "", *, counted: bool = True) -> None:
        due_at = self._means.now() + pause
        self._copies.wait(Reason(because=because, due_at=due_at, waiting_for=waiting_for, counted=counted))

    def _expire(self, addresses: Sequence[str]) -> None:
        self._copies.settle(addresses, Fate.EXPIRED)
        self._means.expired(self._mail.stream, len(addresses))

    @property
    def _expired(self) -> bool:
        return time.monotonic() >= self._expires_at

    # -- one provider -------------------------------------------------------------------------------------------------

    async def _turn(self, pool: Pool, ready: Readiness, *, alone: bool) -> bool:
        """Wait until this provider may be given another message; False when that takes too long, or it fails now."""
        now, within = time.monotonic(), _LAST_TURN_WITHIN if alone else _TURN_WITHIN
        if pool.standing.doubted and (pool.standing.tested or not pool.turns.free):
            return False
        wait = pool.pace.wait(now)
        if wait > within:
            return False
        pool.pace.take(now + wait)
        if wait:
            await asyncio.sleep(wait)
        if not await pool.turns.take(self._mail.priority, within):
            return False
        if pool.standing.readiness(time.monotonic()) > ready or (pool.standing.doubted and pool.standing.tested):
            pool.turns.give()
            return False
        if self._room(pool) == 0:  # what is under way uses it up
            pool.turns.give()
            return False
        return True

    def _room(self, pool: Pool) -> int | None:
        """How many more recipients it may be given today; None: any number."""
        room = self._means.room(pool.account.provider)
        return None if room is None else max(0, room - pool.recipients_under_way)

    async def _use(self, pool: Pool, recipients: Sequence[str], *, alone: bool) -> list[str]:
        """Give it the message for these recipients; those who have to go elsewhere. Ends the turn."""
        hang = partial(self._means.hang, pool.account.provider)
        stay = Stay(pool, self._means.patience, slow=self._free, overdue=hang)
        most = self._room(pool)
        now, elsewhere = list(recipients[:most]), list(recipients[len(recipients) if most is None else most :])
        pool.recipients_under_way += len(now)
        try:
            size = pool.account.recipients
            for start in range(0, len(now), size):
                elsewhere += await self._give(stay, now[start : start + size], alone=alone)
        finally:
            pool.recipients_under_way -= len(now)
            stay.end()
        return elsewhere

    async def _give(self, stay: Stay, recipients: Sequence[str], *, alone: bool) -> list[str]:
        """As many transactions as the provider wants for them, while each takes somebody."""
        left = Left(here=list(recipients))
        elsewhere: list[str] = []
        while left.here:
            asked = left.here
            if not self._ours():
                return elsewhere + asked
            done = await self._attempt(stay, asked, alone=alone)
            left = self._copies.judge(done, asked)
            if not (done.cut_short or left.alone):
                self._learn(stay, done)
                self._means.tell(self._mail, done, asked)
            elsewhere += left.elsewhere
            for address in left.alone:
                elsewhere += await self._give(stay, [address], alone=alone)
            if len(left.here) == len(asked):
                return elsewhere + asked
        return elsewhere

    def _learn(self, stay: Stay, done: Attempt) -> None:
        """What it says of the provider; that an answer was overdue was learnt when it was."""
        if done.failure is None or not stay.was_overdue:
            stay.pool.learn(done.failure, time.monotonic())

    async def _attempt(self, stay: Stay, recipients: Sequence[str], *, alone: bool) -> Attempt:
        means, mail, pool = self._means, self._mail, stay.pool
        await self._in_pace(stay)
        times = 1 + _PATIENT_LATER * mail.attempts
        at_least_once = means.terms(mail.stream).at_least_once
        sender, content = means.dress(mail, pool.account.provider, self._content)
        done = await attempt(
            pool,
            Envelope(sender=sender, recipients=tuple(recipients), utf8=mail.utf8),
            content,
            haste=means.haste.patient(max(times, _PATIENT_AT_LAST) if alone else min(times, _PATIENT_MOST)),
            patience=means.patience.at_least_once if at_least_once else means.patience.usual,
            still=partial(self._about_to_send, stay),
        )
        stay.answered()
        return done

    async def _in_pace(self, stay: Stay) -> None:
        """The turn had its wait; what follows in it waits as well."""
        first, stay.begun = not stay.begun, True
        if first:
            return
        now = time.monotonic()
        wait = stay.pool.pace.wait(now)
        stay.pool.pace.take(now + wait)
        if wait:
            await asyncio.sleep(wait)

    def _about_to_send(self, stay: Stay) -> bool:
        """The last moment at which nothing has happened yet."""
        if self._expired or not self._ours():
            return False
        stay.dotted()
        return True


async def _together(works: Sequence[Coroutine[None, None, None]]) -> None:
    """All at once, each to its end, so that nobody waits for the providers of others. Raises what one of them did."""
    if len(works) == 1:
        await works[0]
        return
    tasks = [asyncio.get_running_loop().create_task(work) for work in works]
    try:
        if tasks:
            await asyncio.wait(tasks)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise
    for error in [task.exception() for task in tasks]:
        if error is not None:
            raise error


def _in_order(pools: Sequence[Pool]) -> list[tuple[Pool, Readiness]]:
    """Those last that have just failed, and without those that told us to wait."""
    now = time.monotonic()
    fit = [(pool, ready) for pool in pools if (ready := pool.standing.readiness(now)) is not Readiness.CLOSED]
    return sorted(fit, key=itemgetter(1))


def _until_free(pools: Sequence[Pool]) -> float:
    """Seconds until one of them may be asked; that of a test is not known, it is over soon."""
    now = time.monotonic()
    waits = (max(pool.standing.closed_for(now), pool.pace.wait(now), _GLANCE) for pool in pools)
    return min(waits, default=_LOOK_AGAIN.total_seconds())
