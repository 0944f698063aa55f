"""One whole dialogue as one value: how far it was to go, and the transcript of how far it came."""

import time

from mailover.core.observations import Failure, Stage
from mailover.resolve import Resolver
from mailover.smtp.blame import SessionError
from mailover.smtp.endpoint import Credentials, Endpoint, Envelope
from mailover.smtp.session import Session
from mailover.smtp.transcript import Transcript

_BEYOND_PORT = frozenset({Stage.AUTH, Stage.RCPT, Stage.END_DATA})
_GOALS = frozenset({Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS}) | _BEYOND_PORT


async def converse(
    endpoint: Endpoint,
    *,
    until: Stage,
    deadline: float,
    resolver: Resolver,
    credentials: Credentials | None = None,
    envelope: Envelope | None = None,
    message: bytes | None = None,
    address: str | None = None,
) -> Transcript:
    """Talk to a server up to and including the stage `until`, within `deadline` seconds for everything.

    Never raises for anything the network does. `until` is one of `connect`, `banner`, `ehlo`, `starttls` (a port probe;
    with TLS none it ends after EHLO), `auth` (a login), `rcpt` (MAIL, RCPT, RSET, never DATA) and `end_data` (a message
    sent). `rcpt` needs an envelope, `end_data` a message too; without credentials AUTH is left out. `address`
    is dialled instead of what the name resolves to; the certificate is verified for the name all the same.
    """
    if until not in _GOALS:
        raise ValueError(f"a dialogue does not end at {until.value}")
    if until in {Stage.RCPT, Stage.END_DATA} and envelope is None:
        raise ValueError(f"{until.value} needs an envelope")
    if until is Stage.END_DATA and message is None:
        raise ValueError("end_data needs a message")
    session = Session(endpoint, resolver=resolver, deadline=deadline, credentials=credentials, address=address)
    try:
        failure = await _go(session, until, envelope, message)
        finished_at = time.monotonic()
        await session.take_leave()
        return session.transcript(failure, finished_at=finished_at)
    finally:
        session.close()


async def _go(session: Session, until: Stage, envelope: Envelope | None, message: bytes | None) -> Failure | None:
    try:
        await session.open(until)
        if until in _BEYOND_PORT:
            await session.login()
        if envelope is not None and until is Stage.RCPT:
            await session.offer(envelope)
        if envelope is not None and message is not None and until is Stage.END_DATA:
            await session.send(envelope, message)
        else:
            session.finish()
    except SessionError as error:
        return error.failure
    return None
