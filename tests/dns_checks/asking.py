"""Asking a scripted name server one question, and name servers that say what a list says."""

import asyncio
from typing import Any

import dns.message
import dns.rcode
import dns.rrset
from hostile.names import Answering, HostileNames, refusal

from dns_checks.answers import Answer, Kind
from dns_checks.lookup import DnsLookup
from dns_checks.servers import server_from


def asked(answering: Answering, name: str, kind: Kind[Any], *, lifetime: float = 5.0, **tcp: Any) -> Answer[Any]:
    """What one question to such a server brings."""
    with HostileNames(answering, **tcp) as server:
        return asyncio.run(DnsLookup([server_from(server.address)], lifetime=lifetime).ask(name, kind))


def zone(*lines: str, rcode: dns.rcode.Rcode = dns.rcode.NOERROR, ttl: int = 300) -> Answering:
    """A server whose answer section always has these records: "name TYPE value"."""

    def answering(question: dns.message.Message) -> dns.message.Message:
        reply = refusal(question, rcode)
        for line in lines:
            name, kind, value = line.split(" ", 2)
            rrset = dns.rrset.from_text(f"{name}.", ttl, "IN", kind, value)
            found = next((each for each in reply.answer if each.match(rrset.name, 1, rrset.rdtype, 0)), None)
            if found is None:
                reply.answer.append(rrset)
            else:
                found.update(rrset)
        return reply

    return answering
