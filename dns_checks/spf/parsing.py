"""Text to an SPF record, by the grammar of RFC 7208 sections 4.6.1 and 5 to 7, strictly.

Nothing is asked, and nothing but PermError is raised, whatever the text.
"""

import re
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network

from dns_checks.spf.macros import MacroString, read_domain, read_macros
from dns_checks.spf.permerror import PermError
from dns_checks.spf.record import (
    QUALIFIERS,
    Address,
    All,
    Directive,
    Exchangers,
    Exists,
    Include,
    Mechanism,
    Network,
    Pointer,
    Record,
    Verdict,
)

_VERSION = re.compile(r"v=spf1(?: |\Z)", re.IGNORECASE)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)
_DIRECTIVE = re.compile(r"([+~?-]?)([A-Za-z][A-Za-z0-9_.-]*)(.*)", re.DOTALL)
_LENGTH = "(0|[1-9][0-9]{0,2})"
_DUAL_LENGTH = re.compile(rf"(?:/{_LENGTH})?(?://{_LENGTH})?\Z")
_DUAL_LONGEST = len("/999//999")
_ADDRESS4 = re.compile(f":([0-9.]+)(?:/{_LENGTH})?")
_ADDRESS6 = re.compile(f":([0-9A-Fa-f:.]+)(?:/{_LENGTH})?")
_BITS4, _BITS6 = 32, 128


def is_spf(text: str) -> bool:
    """Whether a TXT record is an SPF record, good or bad (section 4.5)."""
    return _VERSION.match(text) is not None


@lru_cache(maxsize=1024)
def parse(text: str) -> Record:
    """The record that the text is. Raises PermError for any mistake anywhere in it (section 4.6)."""
    if not is_spf(text):
        raise PermError("not an SPF record: it does not begin with v=spf1")
    directives: list[Directive] = []
    modifiers: dict[str, MacroString] = {}
    for term in text.split(" ")[1:]:
        if not term:
            continue
        modifier = _MODIFIER.fullmatch(term)
        if modifier is None:
            directives.append(_directive(term))
            continue
        name, value = modifier[1].lower(), modifier[2]
        if name not in {"redirect", "exp"}:
            read_macros(value)
        elif name in modifiers:
            raise PermError(f"{name}= stands there twice")
        else:
            modifiers[name] = read_domain(value)
    return Record(directives=tuple(directives), redirect=modifiers.get("redirect"), explanation=modifiers.get("exp"))


def _directive(term: str) -> Directive:
    found = _DIRECTIVE.fullmatch(term)
    if found is None:
        raise PermError(f"{_shown(term)} is no mechanism")
    qualifier, name, rest = found.groups()
    mechanism = _mechanism(name.lower(), rest, term)
    return Directive(text=term, verdict=QUALIFIERS.get(qualifier, Verdict.PASS), mechanism=mechanism)


def _mechanism(name: str, rest: str, term: str) -> Mechanism:
    match name:
        case "all" if not rest:
            return All()
        case "include":
            return Include(domain=_domain(rest, term))
        case "exists":
            return Exists(domain=_domain(rest, term))
        case "ptr":
            return Pointer(domain=_domain(rest, term) if rest else None)
        case "a":
            domain, bits4, bits6 = _domain_and_lengths(rest, term)
            return Address(domain=domain, bits4=bits4, bits6=bits6)
        case "mx":
            domain, bits4, bits6 = _domain_and_lengths(rest, term)
            return Exchangers(domain=domain, bits4=bits4, bits6=bits6)
        case "ip4":
            return _network(_ADDRESS4.fullmatch(rest), IPv4Network, _BITS4, term)
        case "ip6":
            return _network(_ADDRESS6.fullmatch(rest), IPv6Network, _BITS6, term)
        case _:
            raise PermError(f"{_shown(term)} is no mechanism")


def _domain(rest: str, term: str) -> MacroString:
    if not rest.startswith(":"):
        raise PermError(f"{_shown(term)} needs a colon and a domain")
    return read_domain(rest[1:])


def _domain_and_lengths(rest: str, term: str) -> tuple[MacroString | None, int, int]:
    """`[":" domain-spec] ["/" length4] ["//" length6]`; a domain may have slashes of its own."""
    found = _DUAL_LENGTH.search(rest, max(0, len(rest) - _DUAL_LONGEST))
    if found is None:  # the pattern matches nothing at all at the very end, so this is for the type checker's peace
        raise PermError(f"{_shown(term)} is no mechanism")
    domain = _domain(rest[: found.start()], term) if found.start() else None
    return domain, _bits(found[1], _BITS4, term), _bits(found[2], _BITS6, term)


def _network(found: re.Match[str] | None, kind: type[IPv4Network] | type[IPv6Network], most: int, term: str) -> Network:
    if found is None:
        raise PermError(f"{_shown(term)} is no address or range")
    try:
        return Network(network=kind((found[1], _bits(found[2], most, term)), strict=False))
    except ValueError as exc:
        raise PermError(f"{_shown(term)} is no address or range") from exc


def _bits(text: str | None, most: int, term: str) -> int:
    bits = most if text is None else int(text)
    if bits > most:
        raise PermError(f"{_shown(term)}: a prefix has at most {most} bits")
    return bits


def _shown(term: str) -> str:
    return repr(term if len(term) < 60 else term[:57] + "...")  # noqa: PLR2004 - fits a line
