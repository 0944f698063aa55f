"""`/v1/dns`: what the DNS checks found, how records changed, and a check by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_openapi.blueprint import APIBlueprint

from mailover.core.events import rfc3339
from mailover.core.fleet import DnsStanding
from webhooks.dns_schemas import DnsCheck, DnsQuery, DnsReport, DnsStatus
from webhooks.parts import parts
from webhooks.portraits import instant

blueprint = APIBlueprint("dns", __name__, url_prefix="/v1")


@blueprint.get("/dns", responses={200: DnsStatus})
def show_dns(query: DnsQuery) -> dict[str, object]:
    """The latest report, what holds of each domain and provider, and with `history` each record as it changed."""
    service = parts().service
    latest = service.dns.latest() or {"checked_at": None, "cells": [], "domains": [], "addresses": []}
    wanted = query.domain
    history = service.dns.history() if query.history else {}
    return {
        "checked_at": latest["checked_at"],
        **_about(latest, wanted),
        "standings": [
            _standing(key, standing)
            for key, standing in service.snapshot.fleet.dns.items()
            if wanted is None or key.partition("/")[0] == wanted
        ],
        "history": [
            {"name": name, "type": kind, "changes": list(changes)}
            for (name, _, kind), changes in ((key.rpartition(" "), each) for key, each in history.items())
            if wanted is None or f".{name}".endswith(f".{wanted}")
        ],
    }


@blueprint.post("/dns/check", responses={200: DnsReport})
def check_dns(body: DnsCheck) -> Mapping[str, object]:
    """Ask now; takes as long as the name servers do. What is found counts like any other check."""
    domains: Sequence[str] = [domain.lower() for domain in body.domains]
    return parts().service.dns.check(list(dict.fromkeys(domains)))


def _about(report: Mapping[str, Any], domain: str | None) -> dict[str, object]:
    """The report's parts, or what of them is about one domain."""
    return {
        part: [each for each in report[part] if domain is None or each.get("domain") == domain]
        for part in ("cells", "domains", "addresses")
    }


def _standing(key: str, standing: DnsStanding) -> dict[str, object]:
    domain, _, provider = key.partition("/")
    return {
        "domain": domain,
        "provider": provider or None,
        "verdict": standing.verdict,
        "because": standing.because,
        "known_at": instant(standing.known_at),
        "heard_at": rfc3339(standing.heard_at),
        "silent_since": instant(standing.silent_since),
        "broken": standing.broken,
    }
