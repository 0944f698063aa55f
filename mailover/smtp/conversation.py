"""One whole dialogue as one value: how far it was to go, and the transcript of how far it came."""

from mailover.core.observations import Stage
from mailover.resolve import Resolver
from mailover.smtp.endpoint import Credentials, Endpoint, Envelope
from mailover.smtp.transcript import Transcript


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
    raise NotImplementedError
