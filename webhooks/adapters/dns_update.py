"""One DNS record that names the active provider's host, by RFC 2136 with TSIG.

Compare-and-set: the update is made on the condition that the record still says what was read, and a record that says
something foreign is left alone. So of several agents one writes, and an operator's own entry is safe.
"""

import dns.exception
import dns.flags
import dns.inet
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.update

from mailover.config.adapters import DnsRecord, DnsUpdateSettings
from mailover.core.providers import Provider
from mailover.service import Snapshot
from webhooks.adapters.upkeep import UpkeepError

_SECONDS = 5.0
"""For one question, and for one update."""
_WEIGHT = "0 0"
"""An SRV record's priority and weight."""


class DnsUpdate:
    """Keeps the record."""

    def __init__(self, settings: DnsUpdateSettings) -> None:
        """Nothing is asked yet."""
        self._settings = settings
        self._zone = dns.name.from_text(settings.domain)
        self._name = dns.name.from_text(settings.name)
        self._kind = dns.rdatatype.from_text(settings.record)
        self._keys = dns.tsigkeyring.from_text({settings.key_name: settings.key.reveal()})

    def bring(self, snapshot: Snapshot) -> None:
        """Let the record name the stream's provider; while mail is held it stays as it is. Raises UpkeepError."""
        stream = self._settings.stream or snapshot.default_stream
        published = snapshot.flags.get(stream)
        active = snapshot.policy.providers.get((published.flag.provider if published is not None else None) or "")
        if active is None:
            return
        if dns.inet.is_address(active.host):
            raise UpkeepError(f"{active.name}'s host is an address, which no {self._settings.record} can name")
        try:
            said = self._read()
            wanted = self._text(active)
            if said == wanted:
                return
            providers = snapshot.policy.providers.values()
            if said is not None and said not in {self._text(each) for each in providers}:
                raise UpkeepError(f"{self._settings.name} names none of the providers, and is left alone")
            self._write(said, wanted)
        except (OSError, EOFError, dns.exception.DNSException) as error:
            raise UpkeepError(f"{self._settings.server}: {_words(error)}") from error

    def _text(self, provider: Provider) -> str:
        host = dns.name.from_text(provider.host).to_text().lower()
        return host if self._settings.record is DnsRecord.CNAME else f"{_WEIGHT} {provider.port} {host}"

    def _read(self) -> str | None:
        """What the record says at its primary; None when there is none."""
        question = dns.message.make_query(self._name, self._kind)
        question.flags &= ~dns.flags.RD
        answer = dns.query.tcp(question, self._settings.server.host, _SECONDS, port=self._settings.server.port)
        if answer.rcode() not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
            raise UpkeepError(f"{self._settings.server} answers {dns.rcode.to_text(answer.rcode())}")
        found = answer.get_rrset(dns.message.ANSWER, self._name, dns.rdataclass.IN, self._kind)
        return None if found is None else " ; ".join(sorted(each.to_text().lower() for each in found))

    def _write(self, said: str | None, wanted: str) -> None:
        update = dns.update.UpdateMessage(self._zone, keyring=self._keys, keyalgorithm=dns.tsig.HMAC_SHA256)
        if said is None and self._settings.record is DnsRecord.CNAME:
            update.absent(
                self._name
            )  # beside other records a server passes over a CNAME in silence (RFC 2136, 3.4.2.2)
        elif said is None:
            update.absent(self._name, self._settings.record)
        else:
            update.present(self._name, self._settings.record, said)
        update.replace(self._name, int(self._settings.ttl.total_seconds()), self._settings.record, wanted)
        answer = dns.query.tcp(update, self._settings.server.host, _SECONDS, port=self._settings.server.port)
        if answer.rcode() == dns.rcode.YXDOMAIN:
            raise UpkeepError(f"{self._settings.name} has records of another type, and is left alone")
        if answer.rcode() in {dns.rcode.NXRRSET, dns.rcode.YXRRSET}:
            raise UpkeepError(f"{self._settings.name} was changed by somebody else in the same moment")
        if answer.rcode() != dns.rcode.NOERROR:
            raise UpkeepError(f"{self._settings.server} answers {dns.rcode.to_text(answer.rcode())}")


def _words(error: Exception) -> str:
    """The kind of trouble; its text may be empty, and long."""
    return f"{type(error).__name__} {str(error)[:200]}".strip()
