"""One SMTP session in steps: open, log in, deliver messages, take leave. Each step raises SessionError or is done.

One absolute deadline covers all steps until it is extended. Whole dialogues as values are `conversation`'s; how many
sessions there are and who may use one is the relay's.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Mapping, Sequence

from mailover.core.observations import Failure, FailureKind, Stage
from mailover.core.providers import Tls
from mailover.resolve import Outcome, Resolver
from mailover.smtp.auth import ROUNDS_LIMIT, Exchange, NoMechanismError, choose_mechanism
from mailover.smtp.blame import MET_AT_THE_EDGE, NegativeReplyError, SessionError, UnfitError
from mailover.smtp.capabilities import Capabilities, read_capabilities
from mailover.smtp.commands import Verb, command
from mailover.smtp.delivery import Delivery
from mailover.smtp.dial import dial
from mailover.smtp.endpoint import Credentials, Endpoint, Envelope
from mailover.smtp.protocol import Meaning, State
from mailover.smtp.replies import ProtocolError
from mailover.smtp.stream import PeerClosedError, Stream
from mailover.smtp.tls import context_for, facts_of
from mailover.smtp.transcript import RecipientResult, Transcript
from mailover.smtp.wire import Wire

_FAREWELL_SECONDS = 1.0


class Session:
    """A session with one endpoint. After a SessionError only `take_leave` and `close` make sense, and one is needed."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        resolver: Resolver,
        deadline: float,
        credentials: Credentials | None = None,
        address: str | None = None,
        limits: Mapping[Stage, float] | None = None,
        noted: bool = True,
    ) -> None:
        """`deadline` is in seconds from now; `address` is dialled instead of what the name resolves to.

        `limits` are seconds for single stages within it, for whoever would rather go elsewhere than wait. `noted`:
        replies are kept for the transcript.
        """
        self._endpoint = endpoint
        self._resolver = resolver
        self._credentials = credentials
        self._address = address
        self._wire = Wire(deadline, limits, noted=noted)
        if credentials is not None:
            self._wire.record.secrets = (credentials.password.reveal(),)

    @property
    def usable(self) -> bool:
        """Whether another message could be sent."""
        return self._wire.dialogue.state is State.READY

    def is_alive(self) -> bool:
        """Whether a connection that was kept can be used again: the server has neither hung up nor said goodbye.

        Without a word on the wire. That a server closes an idle connection is no failure of it, so ask before `begin`.
        """
        try:
            self._wire.listen()
        except MET_AT_THE_EDGE:
            self.close()
        return self.usable

    def begin(self, deadline: float, limits: Mapping[Stage, float] | None = None, *, kept: bool = True) -> None:
        """The next message on this connection: a new deadline, new limits, and a new record.

        `kept`: what the server said before is long ago. Silence from now on may be that of our own network.
        """
        self._wire.extend(deadline)
        self._wire.limits = limits or {}
        self._wire.record = self._wire.record.following()
        if kept and self._wire.stream is not None:
            self._wire.stream.heard = False

    async def open(self, until: Stage = Stage.STARTTLS) -> None:
        """Resolve, connect, be greeted, say EHLO and be encrypted as the endpoint wants it, or less far."""
        await self._connect()
        if until is Stage.CONNECT:
            return
        if self._endpoint.tls is Tls.IMPLICIT:
            await self._wire.at(Stage.STARTTLS, self._handshake())
        await self._wire.at(Stage.BANNER, self._greeting())
        self._wire.record.succeeded(Stage.BANNER)
        if until is Stage.BANNER:
            return
        await self._hello()
        if until is Stage.EHLO or self._endpoint.tls is not Tls.STARTTLS:
            return
        await self._wire.at(Stage.STARTTLS, self._starttls())
        await self._hello()

    async def login(self) -> None:
        """One attempt with one mechanism; nothing without credentials."""
        if self._credentials is None:
            return
        await self._wire.at(Stage.AUTH, self._authenticate(self._credentials))
        self._wire.record.succeeded(Stage.AUTH)

    async def offer(self, envelope: Envelope) -> None:
        """MAIL and RCPT without DATA, to learn whether this server would take a message."""
        await Delivery(self._wire, envelope).offer()

    async def send(
        self,
        envelope: Envelope,
        message: bytes,
        *,
        patience: float | None = None,
        still: Callable[[], bool] | None = None,
    ) -> None:
        """A message to all recipients that the server takes. An `ambiguous` failure means: perhaps accepted.

        `patience` is how many seconds the reply to the final dot is waited for, instead of what is left of the rest:
        giving up there may deliver twice, so RFC 5321 section 4.5.3.2.6 asks senders for ten minutes. `still` is asked
        right before the dot; a no hangs up instead, so that nothing is delivered: a `local` failure.
        """
        await Delivery(self._wire, envelope).send(message, patience=patience, still=still)

    async def reset(self) -> None:
        """Forget the transaction begun, and see whether the server is still there."""
        await self._wire.at(Stage.MAIL, self._wire.ask(Stage.MAIL, command(Verb.RSET)))

    async def take_leave(self) -> None:
        """RSET if need be, QUIT, close. At most a second, and what the server says to it does not matter."""
        wire = self._wire
        if wire.stream is None or wire.dialogue.awaiting:
            self.close()
            return
        with contextlib.suppress(*MET_AT_THE_EDGE):
            async with asyncio.timeout(min(_FAREWELL_SECONDS, wire.remaining)):
                if wire.dialogue.state is State.ENVELOPE:
                    await wire.ask(Stage.QUIT, command(Verb.RSET))
                if wire.dialogue.state in {State.GREETED, State.READY}:
                    await wire.ask(Stage.QUIT, command(Verb.QUIT))
        self.close()

    def close(self) -> None:
        """At once, without a farewell. Harmless when repeated."""
        self._wire.close()

    @property
    def recipients(self) -> Sequence[RecipientResult]:
        """What was said about each recipient of the last message, as far as anything was."""
        return self._wire.record.recipients

    def transcript(self, failure: Failure | None, *, finished_at: float | None = None) -> Transcript:
        """What happened since the session, or the last message, began."""
        at = time.monotonic() if finished_at is None else finished_at
        return self._wire.record.transcript(failure, finished_at=at, replied=self._wire.replied)

    def finish(self) -> None:
        """Raise SessionError if the server has said more than it was asked: then it was not listening at all."""
        last = self._wire.record.reached or Stage.CONNECT
        try:
            self._wire.dialogue.next_answer()
        except ProtocolError as error:
            self.close()
            raise SessionError(self._wire.failure(last, error)) from None

    async def _connect(self) -> None:
        wire, record = self._wire, self._wire.record
        if self._address is None:
            addresses = await wire.at(Stage.RESOLVE, self._resolve())
            record.succeeded(Stage.RESOLVE)
        else:
            addresses = (self._address,)
        sock, record.address = await wire.at(Stage.CONNECT, dial(addresses, self._endpoint.port, record.tried))
        wire.stream = Stream(sock)
        record.succeeded(Stage.CONNECT)

    async def _resolve(self) -> tuple[str, ...]:
        # half the time is left for dialling a last good address when the name servers are mute
        found = await self._resolver.resolve(self._endpoint.host, within=self._wire.remaining / 2)
        if found.outcome is Outcome.ABSENT:
            raise UnfitError(FailureKind.CONNECTION, found.because)
        if found.outcome is Outcome.TROUBLE:
            raise UnfitError(FailureKind.LOCAL, found.because)
        if found.stale:
            self._wire.record.notes.append(f"dialled the last good address: {found.because}")
        return found.addresses

    async def _greeting(self) -> None:
        answer = await self._wire.hear(Stage.BANNER)
        if answer.meaning is Meaning.NO:
            raise NegativeReplyError(answer.reply)

    async def _hello(self) -> None:
        await self._wire.at(Stage.EHLO, self._ehlo())
        self._wire.record.succeeded(Stage.EHLO)

    async def _ehlo(self) -> None:
        wire, name = self._wire, self._endpoint.ehlo_name
        try:
            answer = await wire.ask(Stage.EHLO, command(Verb.EHLO, name))
        except NegativeReplyError as refused:
            if refused.reply.code < 500:  # noqa: PLR2004 - only a permanent no means that EHLO is not known
                raise
            try:
                await wire.ask(Stage.EHLO, command(Verb.HELO, name))
            except (NegativeReplyError, PeerClosedError, ConnectionError):
                raise refused from None
            wire.record.capabilities = Capabilities()
            return
        wire.record.capabilities = read_capabilities(answer.reply.lines)
        wire.record.notes.extend(wire.record.show(note) for note in wire.record.capabilities.notes)

    async def _starttls(self) -> None:
        self._wire.listen()
        if not self._offered.starttls:
            raise UnfitError(FailureKind.TLS, "the server does not offer STARTTLS: downgrade suspected")
        await self._wire.ask(Stage.STARTTLS, command(Verb.STARTTLS))
        self._wire.listen()  # what follows the reply in the clear is an injection, not TLS
        await self._handshake()
        self._wire.dialogue.secured()

    async def _handshake(self) -> None:
        try:
            context = context_for(self._endpoint.ca_file)
        except OSError as error:
            raise UnfitError(FailureKind.LOCAL, f"ca_file cannot be read: {error.strerror or error}") from None
        stream = self._wire.connected
        try:
            await stream.secure(context, self._endpoint.host.strip("[]").rstrip("."))
        except ssl.SSLError:  # some of them are ValueErrors too
            raise
        except ValueError:
            raise UnfitError(FailureKind.TLS, "the host name cannot be verified, it is no name for TLS") from None
        if stream.tls is not None:
            self._wire.record.tls = facts_of(stream.tls)
        self._wire.record.succeeded(Stage.STARTTLS)

    async def _authenticate(self, credentials: Credentials) -> None:
        wire = self._wire
        wire.listen()
        if wire.record.tls is None and not self._endpoint.allow_plaintext:
            raise UnfitError(FailureKind.TLS, "credentials are not sent without TLS")
        try:
            exchange = Exchange(credentials, choose_mechanism(credentials, self._offered))
        except NoMechanismError as error:
            raise UnfitError(FailureKind.AUTH, str(error)) from None
        wire.record.secrets = exchange.secrets
        try:
            answer = await wire.ask(Stage.AUTH, exchange.first())
            for _ in range(ROUNDS_LIMIT):
                if answer.meaning is Meaning.YES:
                    return
                answer = await wire.ask(Stage.AUTH, exchange.answer(answer.reply.text))
        except NegativeReplyError as refused:
            raise NegativeReplyError(refused.reply, exchange.problem) from None
        if answer.meaning is not Meaning.YES:
            raise ProtocolError(f"more than {ROUNDS_LIMIT} challenges to one AUTH")

    @property
    def _offered(self) -> Capabilities:
        return self._wire.record.capabilities or Capabilities()
