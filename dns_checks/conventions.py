"""What a provider's mail rests on in the DNS: whose domain is in the envelope, which addresses send, which keys sign.

From the catalogue, with the account's own settings on top. Nothing is asked here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dns_checks.catalogue import CatalogueEntry, dns_facts
from dns_checks.dkim import Selector
from dns_checks.ranges import Network

_OWN_HOST = "the provider's own domain"
_PLACEHOLDER = re.compile(r"\*|<[^>]*>|\{[^}]*\}")


class EnvelopeOf(StrEnum):
    """Whose domain is in MAIL FROM, which is what SPF is checked on."""

    SENDER = "from"
    """The MAIL FROM that was submitted."""
    CUSTOM = "custom"
    """A return path below the sender's domain."""
    PROVIDER = "provider"
    """The provider's own: SPF says nothing for the sender's domain."""
    DOMAIN = "domain"
    """The domain that is registered at the provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnPath:
    """One way to give the envelope a domain of one's own."""

    host: str
    """`{d}` stands for the sender's domain, `*` and `<words>` for what differs from account to account."""
    kind: str
    """`CNAME`, `TXT` or `MX+TXT`."""
    target: str
    """What is there; for `MX+TXT` the exchanger with its preference, ` / `, and the SPF record."""
    free: bool = False
    """Whether the account may choose another label, so that its absence says nothing."""

    def at(self, domain: str) -> str | None:
        """The name for a domain; None when it differs from account to account."""
        name = self.host.replace("{d}", domain)
        return None if _PLACEHOLDER.search(name) else name

    def leads_to(self, name: str, domain: str) -> bool:
        """Whether a name is the target of the alias, or of the exchanger."""
        wanted = self.target.partition(" / ")[0].rpartition(" ")[2].replace("{d}", domain).lower()
        parts = (re.escape(part) for part in _PLACEHOLDER.split(wanted))
        return bool(re.fullmatch(".+".join(parts), name.lower()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDns:
    """What one provider needs of a domain's DNS."""

    provider: str
    """The name under which findings are told."""
    envelope: EnvelopeOf
    best: EnvelopeOf
    """What the envelope can become."""
    host: str = _OWN_HOST
    """The envelope's domain where it is the provider's own."""
    includes: tuple[str, ...] = ()
    """Records that authorise where it sends from; any one of them is enough."""
    networks: tuple[Network, ...] = ()
    """Where it sends from, when that was configured: then no include matters."""
    return_paths: tuple[ReturnPath, ...] = ()
    selectors: tuple[Selector, ...] = ()
    return_path: str | None = None
    """The envelope's domain, when that was configured; `{d}` stands for the sender's domain."""
    envelope_verified: bool = True
    includes_verified: bool = True
    """False for hints: what follows from them is no ground for an alert."""


def conventions_of(
    entry: CatalogueEntry | None,
    *,
    provider: str | None = None,
    region: str | None = None,
    return_path: str | None = None,
    selectors: Sequence[str] = (),
    includes: Sequence[str] = (),
    networks: Sequence[Network] = (),
) -> ProviderDns:
    """An entry's conventions, each overridden by what is known of the account; without an entry only the latter."""
    facts: Mapping[str, Any] = dns_facts(entry.id) if entry else {}
    envelope = facts.get("envelope", {})
    default = EnvelopeOf(envelope.get("default", EnvelopeOf.SENDER))
    known = _verified(facts, "dkim", "dkim")
    listed = [
        Selector(name=each["selector"], kind=each["type"], target=each["target"], verified=known)
        for each in facts.get("dkim", ())
    ]
    return ProviderDns(
        provider=provider or (entry.id if entry else "provider"),
        envelope=default,
        best=EnvelopeOf(envelope.get("best", default)),
        host=envelope.get("host", _OWN_HOST),
        includes=tuple(includes) or tuple(facts.get("spf_include", ())),
        networks=tuple(networks),
        return_paths=tuple(_return_path(each, region) for each in facts.get("return_path", ())),
        selectors=tuple(Selector(name=each) for each in selectors) or tuple(listed),
        return_path=return_path,
        envelope_verified=bool(return_path or networks)
        or (_verified(facts, "envelope", "envelope_default") and _verified(facts, "return_path", "return_path")),
        includes_verified=bool(includes) or _verified(facts, "spf_include", "spf_include"),
    )


def _return_path(fact: dict[str, Any], region: str | None) -> ReturnPath:
    target = fact["target"].replace("{region}", region) if region else fact["target"]
    free = any(word in fact.get("when", "") for word in ("free", "adjustable"))
    return ReturnPath(host=fact["host"], kind=fact["type"], target=target, free=free)


def _verified(facts: Mapping[str, Any], key: str, doubt: str) -> bool:
    """Whether a fact has a source and is not named among the doubtful ones; doubts of a target alone do not count."""
    doubted = any(re.match(rf"{doubt}\b(?!\.target|\[)", each) for each in facts.get("unverified", ()))
    return not doubted and (key in facts.get("source", {}) or not facts.get(key))
