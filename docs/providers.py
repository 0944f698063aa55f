"""docs/providers.md, made from the provider catalogue; run as a script it writes the page anew."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dns_checks.catalogue import CatalogueEntry, catalogue, dns_facts
from dns_checks.kinship import kinship

PAGE = Path(__file__).with_name("providers.md")
_ENVELOPE = {
    "from": "the MAIL FROM that you submit",
    "custom": "a return path below your domain",
    "provider": "the provider's own domain",
    "domain": "the domain you registered there",
}
_MARK = "<!-- what follows is made by docs/providers.py -->"


def page() -> str:
    """The whole page: its words as they are, and what the catalogue says now."""
    prose = PAGE.read_text(encoding="utf-8").partition(_MARK)[0]
    entries = list(catalogue().values())
    kin: dict[str, list[str]] = {entry.id: [] for entry in entries}
    for one, other, why in kinship(entries):
        kin[one.id].append(f"`{other.id}` ({why})")
        kin[other.id].append(f"`{one.id}` ({why})")
    sections = ["\n".join(_section(entry, kin[entry.id])) for entry in entries]
    return "\n".join([prose + _MARK + "\n", *sections])


def _section(entry: CatalogueEntry, kin: list[str]) -> Iterator[str]:
    facts = dns_facts(entry.id)
    yield f"## {entry.name}\n"
    also = f" (also {', '.join(f'`{alias}`' for alias in entry.aliases)})" if entry.aliases else ""
    yield f'`preset = "{entry.id}"`{also}\n'
    for place in entry.smtp:
        if place.host:
            ports = [*(f"{port} STARTTLS" for port in place.starttls), *(f"{port} TLS" for port in place.implicit)]
            yield f"* `{place.host}`: {', '.join(ports)}"
    if not entry.smtp:
        yield "* Takes no mail over SMTP; its DNS can be checked."
    if entry.username:
        yield f"* Everybody logs in as `{entry.username}`."
    yield from _records(facts)
    if "page" in facts["status"]:
        yield f"* Status: <{facts['status']['page']}>"
    if kin:
        yield f"* No spare for {', '.join(kin)}."
    if "notes" in facts:
        yield f"* {facts['notes'][:1].upper()}{facts['notes'][1:]}."
    if facts["unverified"]:
        yield f"* *Hints:* {', '.join(facts['unverified'])}."
    yield ""


def _records(facts: Mapping[str, Any]) -> Iterator[str]:
    envelope = facts["envelope"]
    best = "" if envelope["best"] == envelope["default"] else f"; better {_ENVELOPE[envelope['best']]}"
    yield f"* Envelope: {_ENVELOPE[envelope['default']]}{best}."
    for include in facts["spf_include"]:
        yield f"* Sends from what `include:{include}` authorises."
    for path in facts["return_path"]:
        yield f"* Return path: `{path['host']}` {path['type']} `{path['target']}`."
    for key in facts["dkim"]:
        target = f" `{key['target']}`" if key["target"] else ""
        yield f"* DKIM: `{key['selector']}._domainkey` {key['type']}{target}."


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE} is written\n")
