"""Which providers of the catalogue are no spares of each other: one company, or mail that leaves from one cloud.

Read off the facts that are there; what an account rests on besides is the config's `infra`.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations

from dns_checks.catalogue import CatalogueEntry, dns_facts


def kinship(entries: Iterable[CatalogueEntry]) -> Iterator[tuple[CatalogueEntry, CatalogueEntry, str]]:
    """Each two that may fail together, with the reason: "both are Mailgun", "both send from amazonses.com"."""
    for one, other in combinations(dict.fromkeys(entries), 2):
        senders = _senders(one) & _senders(other)
        if _company(one) == _company(other):
            yield one, other, f"both are {_company(one)}"
        elif senders:
            yield one, other, f"both send from {min(senders)}"


def _company(entry: CatalogueEntry) -> str:
    """The name before the brackets, which tell regions of one service apart."""
    return entry.name.partition(" (")[0]


def _senders(entry: CatalogueEntry) -> frozenset[str]:
    return frozenset(dns_facts(entry.id)["spf_include"])
