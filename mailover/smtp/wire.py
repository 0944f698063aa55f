"""Commands out, answers in: a dialogue held over a stream, each step under the session's one deadline.

Every foreign exception ends here and becomes a `SessionError`. Which steps make a session is `session`'s business.
"""

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from mailover.core.observations import Failure, Stage
from mailover.smtp.blame import MET_AT_THE_EDGE, NegativeReplyError, SessionError, blame
from mailover.smtp.commands import Command
from mailover.smtp.protocol import Answer, Dialogue, Meaning, State
from mailover.smtp.record import Record
from mailover.smtp.replies import ProtocolError
from mailover.smtp.stream import PeerClosedError, Stream

T = TypeVar("T")


class Wire:
    """The stream, the dialogue on it and the record of it. `deadline` is in seconds from now, for everything.

    `limits` are seconds that a stage may take each time it is waited for, within the deadline.
    """

    def __init__(self, deadline: float, limits: Mapping[Stage, float] | None = None, *, noted: bool = True) -> None:
        self.dialogue = Dialogue()
        self.record = Record(noted=noted)
        self.stream: Stream | None = None
        self.limits = limits or {}
        self.extend(deadline)

    def extend(self, deadline: float) -> None:
        """A new absolute deadline, `deadline` seconds from now."""
        self._seconds = deadline
        self._ends_at = asyncio.get_running_loop().time() + deadline

    @property
    def remaining(self) -> float:
        """Seconds until the deadline, never negative."""
        return max(0.0, self._ends_at - asyncio.get_running_loop().time())

    @property
    def replied(self) -> bool:
        """Whether the peer has said anything at all."""
        return self.stream is not None and self.stream.heard

    async def at(self, stage: Stage, work: Coroutine[Any, Any, T]) -> T:
        """Do a piece of work that belongs to a stage, within the deadline. Raises SessionError."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout_at(self._limit(stage)):
                return await work
        except MET_AT_THE_EDGE as error:
            # the foreign exception may quote a secret, so it is not kept as the cause
            raise SessionError(self._settle(stage, error)) from None
        finally:
            self.record.spent(stage, time.perf_counter() - began)

    def failure(self, stage: Stage, error: Exception) -> Failure:
        """The failure that an exception amounts to."""
        seconds = min(self._seconds, self.limits.get(stage, self._seconds))
        return blame(stage, error, replied=self.replied, seconds=seconds, show=self.record.show)

    def _limit(self, stage: Stage) -> float:
        limit = self.limits.get(stage)
        if limit is None:
            return self._ends_at
        return min(self._ends_at, asyncio.get_running_loop().time() + limit)

    async def say(self, *commands: Command) -> None:
        """Send commands as one group. Raises if the server said something before it was asked."""
        self.listen()
        await self.connected.write(self.dialogue.say(commands))

    async def hear(self, stage: Stage) -> Answer:
        """The next answer, recorded as soon as it is complete."""
        while (answer := self.dialogue.next_answer()) is None:
            if self.dialogue.state is State.CLOSED:
                raise PeerClosedError
            self.dialogue.hear(await self.connected.read())
        self.record.heard(stage, answer.reply)
        return answer

    def heard_already(self, stage: Stage) -> Answer | None:
        """The next answer if it came together with the one before: then nobody waits. Raises ProtocolError."""
        answer = self.dialogue.next_answer()
        if answer is not None:
            self.record.heard(stage, answer.reply)
        return answer

    async def ask(self, stage: Stage, *commands: Command) -> Answer:
        """Say something and hear its (last) answer. Raises NegativeReplyError for a no."""
        await self.say(*commands)
        answer = await self.hear(stage)
        if answer.meaning is Meaning.NO:
            raise NegativeReplyError(answer.reply)
        return answer

    def listen(self) -> None:
        """Look at what has come without being asked for: a goodbye, or data that nobody may send yet."""
        answer = self.dialogue.next_answer()
        if answer is None and (data := self.connected.arrived()):
            self.dialogue.hear(data)
            answer = self.dialogue.next_answer()
        if answer is not None:
            raise NegativeReplyError(answer.reply)

    def _settle(self, stage: Stage, error: Exception) -> Failure:
        """The failure that ended a step; the session goes on only after a plain refusal."""
        if isinstance(error, NegativeReplyError):
            return self.failure(stage, error)
        if stage is Stage.DATA and self._dotted and isinstance(error, TimeoutError) and error.errno is None:
            stage = Stage.END_DATA  # our own time ended while the final dot was written: it may have left
        if self.stream is not None and isinstance(error, OSError | PeerClosedError):
            refused = self._last_words(stage)
            if refused is not None:
                error = refused
            elif stage is Stage.END_DATA and self.stream.unsent():
                stage = Stage.DATA  # the final dot is still here: nothing was accepted, and now nothing can be
        if self.stream is not None and stage is Stage.DATA:
            self.stream.abort()
        self.close()
        return self.failure(stage, error)

    @property
    def _dotted(self) -> bool:
        """Whether the final dot was said and nothing came back."""
        return self.dialogue.state is State.BODY and self.dialogue.awaiting

    def _last_words(self, stage: Stage) -> NegativeReplyError | None:
        """The refusal that a server sent before it hung up or stopped reading, if there was one."""
        with contextlib.suppress(OSError, PeerClosedError, ProtocolError):
            while True:
                while (answer := self.dialogue.next_answer()) is not None:
                    self.record.heard(stage, answer.reply)
                    if answer.meaning is Meaning.NO:
                        return NegativeReplyError(answer.reply)
                if not (data := self.connected.arrived()):
                    return None
                self.dialogue.hear(data)
        return None

    @property
    def connected(self) -> Stream:
        """The stream, once there is one."""
        if self.stream is None:
            raise PeerClosedError
        return self.stream

    def close(self) -> None:
        """At once. Harmless when repeated."""
        self.dialogue.state = State.CLOSED
        if self.stream is not None:
            self.stream.close()


def in_groups(commands: Sequence[Command], size: int) -> list[Sequence[Command]]:
    """Commands as they may be sent together; small enough that their replies never fill the way back."""
    return [commands[start : start + size] for start in range(0, len(commands), size)]
