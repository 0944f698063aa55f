"""Whether mail exchangers answer on port 25 and take STARTTLS: a greeting, EHLO, TLS, QUIT, and no mail.

What that means for a domain is `dns_checks.mx`' knowledge; providers are looked at by `agent.probes`.
"""

from dns_checks.mx import Reach, Reached
from mailover.core.observations import Stage
from mailover.resolve import Resolver
from mailover.smtp import Endpoint, Transcript, converse

_PATIENCE = 15.0
"""Seconds; servers that let spammers wait before the greeting take six of them."""


def reaching(*, port: int = 25, deadline: float = _PATIENCE, ca_file: str | None = None) -> Reach:
    """Somebody who connects to mail exchangers, for as long as `deadline` seconds each."""
    resolver = Resolver()  # asked nothing: the address is given

    async def reach(host: str, address: str) -> Reached:
        try:
            endpoint = Endpoint(host=host, port=port, ca_file=ca_file)
        except ValueError:
            return Reached(reached=False, because="its name is none that one can connect to")
        talked = await converse(endpoint, until=Stage.STARTTLS, deadline=deadline, resolver=resolver, address=address)
        return _judge(talked)

    return reach


def _judge(talked: Transcript) -> Reached:
    failure = talked.failure
    if failure is None:
        return Reached(reached=True, starttls=True)
    if talked.capabilities is None:
        return Reached(reached=False, because=failure.text)
    # A server that offers TLS and shows a certificate of its own making is good enough for senders that don't verify.
    taken = talked.capabilities.starttls and failure.code is None
    return Reached(reached=True, starttls=taken, because=failure.text)
