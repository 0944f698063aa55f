"""One message, or only its envelope, put to a server: MAIL, RCPT, DATA, the body and the final dot.

In groups where the server offers PIPELINING (RFC 2920). What was said about each recipient is recorded as it comes.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from mailover.core.observations import Failure, FailureKind, Stage
from mailover.smtp.blame import NegativeReplyError, SessionError, UnfitError
from mailover.smtp.capabilities import Capabilities
from mailover.smtp.commands import AddressError, Command, Verb, body, command, mail_from, needs_utf8, rcpt_to
from mailover.smtp.endpoint import Envelope
from mailover.smtp.protocol import Answer, Meaning, State
from mailover.smtp.replies import ProtocolError
from mailover.smtp.transcript import RecipientResult
from mailover.smtp.wire import Wire, in_groups

_GROUP = 50
_BODY_PIECE = 64 * 1024
_STAGES: Mapping[Verb, Stage] = {Verb.MAIL: Stage.MAIL, Verb.RCPT: Stage.RCPT, Verb.DATA: Stage.DATA}


class Delivery:
    """One transaction on a wire that is ready for it."""

    def __init__(self, wire: Wire, envelope: Envelope) -> None:
        self._wire = wire
        self._envelope = envelope
        self._utf8 = self._offered.utf8 and (envelope.utf8 or needs_utf8(envelope.sender, *envelope.recipients))
        self._asked: list[str] = []
        """Recipients whose RCPT is unanswered, in order."""
        self._taken = False
        """Whether any recipient was taken."""
        self._refused: Failure | None = None
        """Why the first one that was not taken was not."""

    async def offer(self) -> None:
        """MAIL and RCPT. Raises SessionError when no recipient is taken."""
        await self._transact([self._mail(size=None, eight_bit=False), *self._rcpts()])

    async def send(
        self, message: bytes, *, patience: float | None = None, still: Callable[[], bool] | None = None
    ) -> None:
        """The whole transaction. Raises SessionError when nothing was accepted, or nobody knows."""
        data = body(message)
        eight_bit = not data.isascii()
        self._check(size=len(data), eight_bit=eight_bit)
        mail = self._mail(size=len(data) if "SIZE" in self._offered.keywords else None, eight_bit=eight_bit)
        await self._transact([mail, *self._rcpts(), command(Verb.DATA)])
        await self._wire.at(Stage.DATA, self._body(data, still))
        self._wire.record.succeeded(Stage.DATA)
        if patience is not None:
            self._wire.extend(patience)
        await self._wire.at(Stage.END_DATA, self._verdict())
        self._wire.record.succeeded(Stage.END_DATA)

    def _check(self, *, size: int, eight_bit: bool) -> None:
        """What is known to be refused is not sent."""
        most = self._offered.size
        if most is not None and size > most:
            raise self._unfit(f"the message has {size} bytes, the server takes {most}")
        if eight_bit and not self._offered.eight_bit:
            raise self._unfit("the message is not 7-bit and the server does not offer 8BITMIME")
        if self._envelope.utf8 and not self._offered.utf8:
            raise self._unfit("the message needs SMTPUTF8 and the server does not offer it")

    def _mail(self, *, size: int | None, eight_bit: bool) -> Command:
        try:
            return mail_from(self._envelope.sender, size=size, eight_bit=eight_bit, utf8=self._utf8)
        except AddressError as error:
            raise self._unfit(f"sender: {error}") from None

    def _rcpts(self) -> list[Command]:
        """A RCPT for each address that can be put into one; the others are refused here, and blame nobody."""
        commands = []
        for address in self._envelope.recipients:
            try:
                commands.append(rcpt_to(address, utf8=self._utf8))
                self._asked.append(address)
            except AddressError as error:
                failure = self._wire.failure(Stage.RCPT, UnfitError(FailureKind.RECIPIENT, str(error)))
                self._wire.record.recipients.append(RecipientResult(address=address, failure=failure))
                self._refused = self._refused or failure
        if not commands and self._refused is not None:
            raise SessionError(self._refused)
        return commands

    async def _transact(self, commands: list[Command]) -> None:
        """Say all commands; every one before DATA must be answered before it is known whether DATA may go on."""
        wire = self._wire
        for group in in_groups(commands, _GROUP if self._offered.pipelining else 1):
            if group[0].verb is Verb.DATA:
                self._need_a_recipient()
            stage = _STAGES[group[0].verb]
            await self._judge(group[0].verb, await wire.at(stage, self._put(stage, group)))
            for said in group[1:]:
                await self._judge(said.verb, await self._answer(_STAGES[said.verb]))
        if not self._taken:
            self._need_a_recipient()

    async def _put(self, stage: Stage, group: Sequence[Command]) -> Answer:
        """Say a group, and hear the answer to its first command."""
        await self._wire.say(*group)
        return await self._wire.hear(stage)

    async def _answer(self, stage: Stage) -> Answer:
        answer = self._heard_already(stage)
        return answer if answer is not None else await self._wire.at(stage, self._wire.hear(stage))

    async def _judge(self, verb: Verb, answer: Answer) -> None:
        stage = _STAGES[verb]
        refused = answer.meaning is Meaning.NO
        if verb is Verb.RCPT:
            self._note_recipient(answer)
            if self._wire.dialogue.state is not State.CLOSED:
                return
        elif verb is Verb.DATA and not self._taken:
            self._need_a_recipient()
        if refused:
            await self._rest()
            raise SessionError(self._wire.failure(stage, NegativeReplyError(answer.reply)))
        self._wire.record.succeeded(stage)

    def _heard_already(self, stage: Stage) -> Answer | None:
        """In a group the answers mostly come together."""
        try:
            return self._wire.heard_already(stage)
        except ProtocolError as error:
            self._wire.close()
            raise SessionError(self._wire.failure(stage, error)) from None

    def _note_recipient(self, answer: Answer) -> None:
        record = self._wire.record
        taken = answer.meaning is Meaning.YES
        record.recipient(self._asked.pop(0), answer.reply, taken=taken)
        if taken:
            self._taken = True
            record.succeeded(Stage.RCPT)
        else:
            self._refused = self._refused or record.recipients[-1].failure

    async def _rest(self) -> None:
        """Hear the answers to what was sent behind a command that was refused, so that the session stays usable."""
        wire = self._wire
        while wire.dialogue.awaiting:
            try:
                await wire.at(Stage.MAIL, wire.hear(Stage.MAIL))
            except SessionError:
                return

    def _need_a_recipient(self) -> None:
        if self._taken or self._refused is None:
            return
        if self._wire.dialogue.state is State.BODY:
            # the server waits for a message for nobody; only hanging up is sure to deliver nothing
            self._wire.close()
        raise SessionError(self._refused)

    async def _body(self, data: bytes, still: Callable[[], bool] | None) -> None:
        """Up to and including the final dot. Whatever fails here was surely not accepted."""
        wire = self._wire
        for start in range(0, len(data), _BODY_PIECE):
            wire.listen()
            await wire.connected.write(data[start : start + _BODY_PIECE])
        await asyncio.sleep(0)  # a server that hangs up now is noticed before the dot makes its hanging up ambiguous
        if still is not None and not still():
            raise UnfitError(FailureKind.LOCAL, "the message was not ours to send any more")
        await wire.say(Command(verb=Verb.END_DATA, wire=b".\r\n"))

    async def _verdict(self) -> None:
        answer = await self._wire.hear(Stage.END_DATA)
        if answer.meaning is Meaning.NO:
            raise NegativeReplyError(answer.reply)

    def _unfit(self, text: str) -> SessionError:
        return SessionError(self._wire.failure(Stage.MAIL, UnfitError(FailureKind.MESSAGE, text)))

    @property
    def _offered(self) -> Capabilities:
        return self._wire.record.capabilities or Capabilities()
