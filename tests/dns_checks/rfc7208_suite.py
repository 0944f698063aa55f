"""The RFC 7208 test suite (tests/data/rfc7208): its cases, and its zones as a name server answers from them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.TXT
import dns.rrset
import yaml

SUITE = Path(__file__).parents[1] / "data" / "rfc7208" / "rfc7208-tests.yml"
_MOST_ALIASES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test of the suite."""

    id: str
    scenario: int
    host: str
    mailfrom: str
    helo: str
    results: tuple[str, ...]
    explanation: str | None
    """None where the suite does not say; "DEFAULT" where the domain's owner gives none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A group of cases that see the same DNS."""

    description: str
    cases: tuple[Case, ...]
    zones: "Zones"


class Zones:
    """What a scenario's name server knows."""

    def __init__(self, data: Mapping[str, list[Any]]) -> None:
        self._names = {_labels(dns.name.Name(_raw(name))): entries for name, entries in data.items()}

    def silent_about(self, name: dns.name.Name, kind: str) -> bool:
        """Whether the suite wants no answer at all to this question."""
        entries = self._names.get(_labels(name), [])
        return "TIMEOUT" in entries and not list(_values(entries, kind))

    def answer(self, question: dns.message.Message) -> dns.message.Message:
        """As a recursive resolver answers: aliases followed, or a loop of them shown."""
        reply = dns.message.make_response(question)
        reply.flags |= dns.flags.RA
        asked = question.question[0]
        name, kind = asked.name, dns.rdatatype.to_text(asked.rdtype)
        for _ in range(_MOST_ALIASES):
            entries = self._names.get(_labels(name))
            if entries is None:
                reply.set_rcode(dns.rcode.NXDOMAIN)
                return reply
            alias = next(_values(entries, "CNAME"), None)
            if alias is None or kind == "CNAME":
                _add(reply, name, kind, list(_values(entries, kind)))
                return reply
            _add(reply, name, "CNAME", [alias])
            name = dns.name.Name(_raw(alias))
        return reply


def load_suite() -> list[Scenario]:
    """Every scenario, in the suite's order."""
    with SUITE.open(encoding="utf-8") as file:
        return [
            Scenario(
                description=document["description"],
                cases=tuple(_case(number, id_, case) for id_, case in document["tests"].items()),
                zones=Zones(document["zonedata"]),
            )
            for number, document in enumerate(yaml.safe_load_all(file))
        ]


def _case(scenario: int, id_: str, case: Mapping[str, Any]) -> Case:
    result = case["result"]
    return Case(
        id=id_,
        scenario=scenario,
        host=case["host"],
        mailfrom=case["mailfrom"],
        helo=case["helo"],
        results=(result,) if isinstance(result, str) else tuple(result),
        explanation=case.get("explanation"),
    )


def _values(entries: list[Any], kind: str) -> Iterator[Any]:
    """The values of a type. A name's SPF entries are its TXT records too, unless it says which TXT it has."""
    pairs = [pair for entry in entries if isinstance(entry, dict) for pair in entry.items()]
    kinds = {kind, "SPF"} if kind == "TXT" and "TXT" not in dict(pairs) else {kind}
    return (value for each, value in pairs if each in kinds and value != "NONE")


def _add(reply: dns.message.Message, name: dns.name.Name, kind: str, values: list[Any]) -> None:
    if values:
        rdatas = [_rdata(kind, value) for value in values]
        reply.answer.append(dns.rrset.from_rdata_list(name, 300, rdatas))


def _rdata(kind: str, value: Any) -> dns.rdata.Rdata:
    rdclass, rdtype = dns.rdataclass.IN, dns.rdatatype.from_text(kind)
    if kind == "TXT":
        strings = [text.encode("latin-1") for text in ([value] if isinstance(value, str) else value)]
        if not strings:
            return dns.rdata.GenericRdata(rdclass, rdtype, b"")
        return dns.rdtypes.ANY.TXT.TXT(rdclass, rdtype, [each for text in strings for each in _cut(text)])
    if kind == "MX":
        return dns.rdtypes.ANY.MX.MX(rdclass, rdtype, value[0], dns.name.Name(_raw(value[1])))
    if kind in {"CNAME", "PTR"}:
        return dns.rdata.from_text(rdclass, rdtype, dns.name.Name(_raw(value)).to_text())
    return dns.rdata.from_text(rdclass, rdtype, str(value))


def _cut(text: bytes) -> list[bytes]:
    return [text[at : at + 255] for at in range(0, len(text), 255)] or [b""]


def _raw(name: str) -> list[bytes]:
    labels = [label.encode("latin-1") for label in name.removesuffix(".").split(".") if label]
    return [*labels, b""]


def _labels(name: dns.name.Name) -> tuple[bytes, ...]:
    return tuple(label.lower() for label in name.labels)
