"""The one door for mail, by SMTP and by HTTP: from what was handed over to a mail that is kept.

What can never be taken is refused with its reason; when a mail cannot be kept now, nothing of why is told outside.
Once wished has begun it is not broken off, whoever goes away meanwhile. Who may send is the intake's business, who
gets it and through whom the delivery's.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from datetime import datetime
from typing import Protocol

from mailover.clock import Clock
from mailover.core.carriage import StreamMail
from mailover.core.mail import Mail, Recipient, Submission
from mailover.errors import RefusedError, StorageError, StorageFullError, TooLargeError, UnavailableError
from mailover.mail_desk import Inlet
from mailover.relay.headers import completed, read_header, trace
from mailover.smtp.commands import AddressError, needs_utf8, wire_address
from mailover.smtp.server import Said, only_crlf, said

_log = logging.getLogger("mailover.relay")

MOST_HOPS = 30
"""Received fields; a message with more goes in circles (RFC 5321 section 6.3)."""
_LOOP = Said(554, "5.4.6", "Too many hops: the message goes in circles")
_NO_RECIPIENT = Said(554, "5.5.1", "No recipient")
_BAD_ADDRESS = Said(553, "5.1.3", "Not an address with a domain")
_NO_STREAM = Said(550, "5.7.1", "No such stream")
LATER = Said(451, "4.3.0", "Cannot keep the message now, try again later")
_FULL = Said(452, "4.3.1", "No room to keep the message, try again later")
_INLET_SECONDS = 60.0


class UnacceptableError(RefusedError):
    """A message that can never be taken; `said` is how SMTP puts it."""

    def __init__(self, reply: Said) -> None:
        """Nothing of the message is in it."""
        super().__init__(reply.text)
        self.said = reply


class NotNowError(UnavailableError):
    """A message that cannot be kept at the moment; `said` is how SMTP puts it. The cause is for the log alone."""

    def __init__(self, reply: Said) -> None:
        """Nothing of the trouble is in it."""
        super().__init__(reply.text)
        self.said = reply


class Writer(Protocol):
    """Where mail is kept."""

    async def put(self, mail: Mail, content: bytes, digest: str) -> str:
        """Durable when this returns, with the id under which it is kept: an earlier one's, had it come before."""


class Door:
    """Takes mail. `accepted` hears of each new mail when it is durable, and may not block."""

    def __init__(
        self,
        *,
        writer: Writer,
        accepted: Callable[[Mail, bytes], None],
        streams: Mapping[str, StreamMail],
        clock: Clock,
        hostname: str,
        largest: int,
        traced: bool = False,
    ) -> None:
        """`traced`: Received tells the client's address and what it called itself."""
        self._writer = writer
        self._accepted = accepted
        self._clock = clock
        self.use(streams, hostname=hostname, largest=largest, traced=traced)

    def use(self, streams: Mapping[str, StreamMail], *, hostname: str, largest: int, traced: bool = False) -> None:
        """From now on by these rules."""
        self._streams = streams
        self._hostname = hostname
        self._largest = largest
        self._traced = traced

    def check(self, submission: Submission) -> None:
        """What an SMTP dialogue has seen to already, for who comes without one. Raises RefusedError."""
        if len(submission.content) > self._largest:
            raise TooLargeError(f"the message has {len(submission.content)} bytes, and {self._largest} are taken")
        if not only_crlf(submission.content):
            raise UnacceptableError(said.BARE_ENDS)
        if not submission.recipients:
            raise UnacceptableError(_NO_RECIPIENT)
        try:
            for address in (*filter(None, [submission.sender]), *submission.recipients):
                wire_address(address, utf8=True)
        except AddressError:
            raise UnacceptableError(_BAD_ADDRESS) from None

    async def take(self, submission: Submission) -> str:
        """Keep a message; its id. Raises UnacceptableError for never, NotNowError for not now."""
        mail, content, digest = self._mail(submission)
        try:
            kept = await self._writer.put(mail, content, digest)
        except StorageFullError as error:
            _log.error("a message was not taken: %s", error)
            raise NotNowError(_FULL) from error
        except (StorageError, UnavailableError) as error:
            _log.error("a message was not taken: %s", error)
            raise NotNowError(LATER) from error
        except Exception as error:
            _log.exception("a message was not taken")
            raise NotNowError(LATER) from error
        if kept == mail.id:
            self._hand_over(mail, content)
        else:
            _log.info("%s had been taken before; it is not kept twice", kept)
        return kept

    def _hand_over(self, mail: Mail, content: bytes) -> None:
        """The mail is kept: whatever goes wrong now, it is found in the queue."""
        try:
            self._accepted(mail, content)
        except Exception:  # noqa: BLE001 - the client must hear that it is kept, and nothing else
            _log.exception("%s is kept, but could not be handed to the delivery at once", mail.id)

    def _mail(self, submission: Submission) -> tuple[Mail, bytes, str]:
        content = submission.content
        wished = self._streams.get(submission.stream)
        if wished is None:
            raise UnacceptableError(_NO_STREAM)
        header = read_header(content)
        if header.received > MOST_HOPS:
            raise UnacceptableError(_LOOP)
        now, wall = self._clock.now(), self._clock.wall()
        mail_id = new_id(wall)
        made = f"<{mail_id}@{_domain(submission.sender) or self._hostname}>"
        message_id = header.message_id if header.named else made
        content = completed(
            content, header, trace=self._trace(submission, mail_id, wall), message_id=message_id, date=wall
        )
        mail = Mail(
            id=mail_id,
            stream=submission.stream,
            sender=submission.sender,
            recipients=tuple(Recipient(address=each) for each in dict.fromkeys(submission.recipients)),
            size=len(content),
            accepted_at=now,
            deadline_at=None if wished.deadline is None else now + wished.deadline,
            priority=wished.priority,
            by=submission.by,
            message_id=message_id,
            utf8=submission.utf8 or needs_utf8(submission.sender, *submission.recipients),
            eight_bit=not content.isascii(),
        )
        return mail, content, _digest(submission, header.message_id) or mail_id

    def _trace(self, submission: Submission, mail_id: str, date: datetime) -> str:
        return trace(
            hostname=self._hostname,
            client=submission.client if self._traced else "",
            hello=submission.hello,
            protocol=submission.protocol,
            mail_id=mail_id,
            date=date,
        )


def inlet(door: Door, loop: asyncio.AbstractEventLoop) -> Inlet:
    """The door for who comes from another thread than its loop's, and without an SMTP dialogue."""

    def take(submission: Submission) -> str:
        door.check(submission)
        taking = door.take(submission)
        try:
            return asyncio.run_coroutine_threadsafe(taking, loop).result(_INLET_SECONDS)
        except (TimeoutError, CancelledError):
            # it goes on being kept, and is found again by its name when it comes once more
            raise NotNowError(LATER) from None
        except RuntimeError:  # the relay's loop has just ended
            taking.close()
            raise NotNowError(LATER) from None

    return take


def new_id(at: datetime) -> str:
    """`msg_`, milliseconds and dice in hexadecimal: ids sort by time as texts do."""
    return f"msg_{int(at.timestamp() * 1000):012x}{secrets.randbits(64):016x}"


def _digest(submission: Submission, message_id: str) -> str:
    """Who submitted what to whom: the same message for somebody else is another one. Empty where that cannot be told.

    The content of a call's repeat is not looked at: composed twice, a message has other boundaries.
    """
    if submission.call:
        return hashlib.sha256(f"\0{submission.by}\0{submission.call}".encode("utf-8", "surrogatepass")).hexdigest()
    if not message_id:
        return ""
    said_by = (submission.by, submission.stream, submission.sender, message_id, *sorted(submission.recipients))
    found = hashlib.sha256("\0".join(said_by).encode("utf-8", "surrogatepass"))
    found.update(b"\0\0")
    found.update(submission.content)
    return found.hexdigest()


def _domain(sender: str) -> str:
    return sender.rpartition("@")[2] if sender.isascii() else ""
