"""The connections to one provider: opened and logged in once, used for many messages, and what was learnt of it.

Who gets one next is `turns`, how fast `pace`, whether at all `standing`. What is sent over it is `attempt`'s business.
"""

import asyncio
from dataclasses import dataclass

from mailover.core.observations import Failure, FailureKind, Owner
from mailover.relay.delivery.accounts import Account, Haste
from mailover.relay.delivery.pace import Pace
from mailover.relay.delivery.standing import Standing
from mailover.relay.delivery.turns import Turns
from mailover.resolve import Resolver
from mailover.smtp import Session


@dataclass(slots=True, kw_only=True)
class Line:
    """An open connection."""

    session: Session
    carried: int = 0
    """Messages so far."""
    idle_since: float = 0.0

    @property
    def fresh(self) -> bool:
        """Whether nothing was sent on it yet."""
        return not self.carried


class Pool:
    """For one event loop."""

    def __init__(self, account: Account, resolver: Resolver) -> None:
        """Nothing is opened before it is needed."""
        self.account = account
        self.turns = Turns(account.connections)
        self.pace = Pace(account.rate)
        self.standing = Standing()
        self.recipients_under_way = 0
        """Whom it is being sent to just now, so that they too count for its quota."""
        self._resolver = resolver
        self._idle: list[Line] = []
        self._leaving: set[asyncio.Task[None]] = set()
        self._closed = False

    def reused(self) -> Line | None:
        """A connection that is open and whose server has not hung up, the one used last; None when there is none."""
        while self._idle:
            line = self._idle.pop()
            if line.session.is_alive():
                return line
            line.session.close()
        return None

    async def opened(self, haste: Haste) -> Line:
        """A new connection, logged in. Raises SessionError."""
        session = Session(
            self.account.endpoint,
            resolver=self._resolver,
            deadline=haste.whole(),
            credentials=self.account.credentials,
            limits=haste.limits(),
            noted=False,
        )
        try:
            await session.open()
            await session.login()
        except BaseException:
            session.close()
            raise
        return Line(session=session)

    def put(self, line: Line, now: float) -> None:
        """The message on it is done: keep the connection for the next one, or take leave."""
        line.carried += 1
        if self._closed or not line.session.usable or line.carried >= self.account.messages:
            self._leave(line)
            return
        line.idle_since = now
        self._idle.append(line)

    def reap(self, now: float) -> None:
        """Take leave where nothing was sent for long."""
        old = [line for line in self._idle if now - line.idle_since >= self.account.idle]
        self._idle = [line for line in self._idle if now - line.idle_since < self.account.idle]
        for line in old:
            self._leave(line)

    def learn(self, failure: Failure | None, now: float) -> None:
        """What a message has just met here; None: the provider took it, or refused only what was wrong with it."""
        if failure is None or failure.kind.owner is Owner.NOBODY:
            self.standing.succeeded()
            self.turns.widen()
        elif failure.kind.moves_breaker:
            self.standing.failed(failure, now)
            self.turns.narrow()
            if failure.kind is FailureKind.RATE_LIMIT:
                self.pace.ease(now)

    def recovered(self) -> None:
        """The agent has seen it work again: begin slowly."""
        self.standing.recovered()
        self.turns.restart()

    async def close(self) -> None:
        """Take leave everywhere; what is under way finishes, and is not kept."""
        self._closed = True
        self.reap(float("inf"))
        if self._leaving:
            await asyncio.wait(self._leaving)

    def _leave(self, line: Line) -> None:
        task = asyncio.get_running_loop().create_task(line.session.take_leave())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
