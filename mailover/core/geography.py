"""Which providers a message may go through, or had better, by where its recipient is. Rules in, names out."""

import unicodedata
from collections.abc import Mapping

from mailover.core.carriage import Geography
from mailover.core.providers import Provider


def domain_of(address: str) -> str:
    """The domain behind the last @ as rules are written: lower case, A-labels (RFC 5890), no dot at the end."""
    domain = address.rpartition("@")[2]
    if domain.isascii():
        return domain.rstrip(".").lower()
    plain = unicodedata.normalize("NFKC", domain).replace("\u3002", ".").rstrip(".").lower()
    try:
        return plain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return plain  # no such domain exists; what it ends with is still to be seen


def about(rule: Geography, domain: str, tag: str) -> bool:
    """Whether a rule is about a message. One that names nothing is about every message."""
    if not (rule.domains or rule.suffixes or rule.tags):
        return True
    if tag and tag in rule.tags:
        return True
    return bool(domain) and (domain in rule.domains or (bool(rule.suffixes) and domain.endswith(rule.suffixes)))


def admits(rule: Geography, provider: Provider) -> bool:
    """Whether a rule leads to a provider."""
    return provider.name in rule.providers or not rule.regions.isdisjoint(provider.regions)


def bound(rules: tuple[Geography, ...], domain: str, tag: str) -> tuple[Geography, ...]:
    """Every rule that nobody may break for this message."""
    return tuple(rule for rule in rules if rule.only and about(rule, domain, tag))


def preferred(rules: tuple[Geography, ...], domain: str, tag: str) -> Geography | None:
    """The first rule that says who comes first for this message, and no more."""
    return next((rule for rule in rules if not rule.only and about(rule, domain, tag)), None)


def admitted(
    rules: tuple[Geography, ...], names: tuple[str, ...], providers: Mapping[str, Provider]
) -> tuple[str, ...]:
    """Those of the names that every one of these rules leads to."""
    return tuple(name for name in names if name in providers and all(admits(rule, providers[name]) for rule in rules))
