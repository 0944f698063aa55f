"""One dialogue with a loopback server, timed: what most tests of the SMTP client do."""

import asyncio
import ssl
import time
from dataclasses import dataclass
from typing import Any

import trustme

from mailover.core.observations import Stage
from mailover.core.providers import Tls
from mailover.resolve import Resolver
from mailover.secrets import Secret
from mailover.smtp import Credentials, Endpoint, Envelope, Transcript, converse

MESSAGE = b"Subject: hello\r\n\r\nhello\r\n"
ENVELOPE = Envelope(sender="from@example.com", recipients=("to@example.com",))
CREDENTIALS = Credentials(username="user", password=Secret("s3cret-password"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A transcript and how long it took to get it, farewell included."""

    transcript: Transcript
    seconds: float


def talk(
    port: int,
    *,
    until: Stage = Stage.STARTTLS,
    deadline: float = 0.5,
    tls: Tls = Tls.NONE,
    host: str = "localhost",
    ca_file: str | None = None,
    credentials: Credentials | None = None,
    envelope: Envelope = ENVELOPE,
    message: bytes = MESSAGE,
    allow_plaintext: bool = True,
    run: Any = asyncio.run,
) -> Heard:
    """One dialogue with a server on loopback, in an event loop of its own."""
    endpoint = Endpoint(host=host, port=port, tls=tls, ca_file=ca_file, allow_plaintext=allow_plaintext)
    began = time.monotonic()
    transcript = run(
        converse(
            endpoint,
            until=until,
            deadline=deadline,
            resolver=Resolver(),
            credentials=credentials,
            envelope=envelope,
            message=message,
            address="127.0.0.1",
        )
    )
    return Heard(transcript=transcript, seconds=time.monotonic() - began)


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
