"""What calls and answers look like: one example for each shape that people meet first, shown in the description.

All of one small story: `postmark` fails, mail goes through `sendgrid`. Tests hold them against the shapes.
"""

from collections.abc import Mapping
from typing import Any

_NOON = "2026-11-21T12:00:00Z"
_WHY = "postmark is out: 3 port probes failed in a row (banner: 421 too busy)"
_FLAG = {
    "stream": "transactional",
    "provider": "sendgrid",
    "host": "smtp.sendgrid.net",
    "port": 587,
    "tls": "starttls",
    "from": "noreply@example.com",
    "fallbacks": ["ses"],
    "weights": {"sendgrid": 1.0},
    "mode": "failover",
    "sending": True,
    "because": f"sendgrid is the first choice left: {_WHY}",
    "epoch": 42,
    "since": _NOON,
    "valid_for_seconds": 60,
}
_EVENT = {
    "specversion": "1.0",
    "id": "evt_b6f2c0_000000017",
    "source": "mailover/mailover",
    "type": "failover.happened",
    "time": _NOON,
    "timestamp": _NOON,
    "subject": "stream/transactional",
    "data": {
        "severity": "warning",
        "because": _FLAG["because"],
        "stream": "transactional",
        "provider": "sendgrid",
        "from": "postmark",
        "to": "sendgrid",
        "epoch": 42,
        "incident": "inc_b6f2c0_000003",
        "failure_kind": "transient",
        "seconds_to_detect": 4.1,
    },
}
_INCIDENT = {
    "id": "inc_b6f2c0_000003",
    "subject": "provider/postmark",
    "severity": "warning",
    "opened_at": "2026-11-21T11:59:56Z",
    "detected_at": _NOON,
    "closed_at": None,
    "because": _WHY,
    "failure_kind": "transient",
    "streams": ["transactional"],
    "acknowledged_at": "2026-11-21T12:03:00Z",
    "acknowledged_by": "n8n",
}
_STREAM = {
    "stream": "transactional",
    "default": True,
    "flag": _FLAG,
    "order": ["postmark", "sendgrid", "ses"],
    "configured_order": ["postmark", "sendgrid", "ses"],
    "pin": None,
    "failback": "auto",
    "failback_paused_until": None,
    "mode": "failover",
    "when_exhausted": "least_bad",
    "require_dns": False,
    "exhausted_since": None,
}
_SUBSCRIPTION = {
    "id": "sub_5f0c9b2e",
    "configured": False,
    "url": "https://n8n.example.com/webhook/7c1f",
    "events": ["failover.happened", "failback.happened"],
    "filter": {"streams": ["transactional"], "providers": [], "severity": None},
    "header": None,
    "once": False,
    "expires": None,
    "created": _NOON,
    "by": "n8n",
    "enabled": True,
    "disabled_at": None,
    "disabled_because": None,
    "pending": 0,
    "given_up": 0,
    "oldest_pending": None,
}

EXAMPLES: Mapping[str, Any] = {
    "FlagBody": _FLAG,
    "StreamBody": _STREAM,
    "EventBody": _EVENT,
    "IncidentBody": _INCIDENT,
    "SubscriptionBody": _SUBSCRIPTION,
    "NewSubscription": {**_SUBSCRIPTION, "secret": "whsec_ZXhhbXBsZS1vbmx5LW1ha2UteW91ci1vd24h"},
    "FailoverBody": {
        "event": "evt_b6f2c0_000000017",
        "time": _NOON,
        "stream": "transactional",
        "from": "postmark",
        "to": "sendgrid",
        "reason": _FLAG["because"],
        "status": "failed over",
        "seconds": 4.1,
    },
    "Problem": {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "nothing better than sendgrid is healthy",
    },
    "TestSent": {"event": "evt_b6f2c0_000000018"},
    "Reports": {
        "reports": [
            {"provider": "sendgrid", "ok": True, "count": 20},
            {"provider": "postmark", "ok": False, "stage": "auth", "code": 535, "text": "5.7.8 bad credentials"},
        ]
    },
    "Check": {"kinds": ["port", "login"]},
    "ProviderPatch": {"enabled": False},
    "Order": {"providers": ["sendgrid", "postmark", "ses"]},
    "PinRequest": {"provider": "sendgrid", "minutes": 60, "reason": "postmark announced maintenance"},
    "Until": {"minutes": 60},
    "Arrival": {"nonce": "k3v9q2", "folder": "INBOX", "headers": {"Subject": "mailover probe"}},
    "ProviderWords": {"RecordType": "Bounce", "Type": "HardBounce", "ID": 42, "Email": "john@example.com"},
    "SubscriptionRequest": {
        "url": "https://n8n.example.com/webhook/7c1f",
        "events": ["failover.happened", "failback.happened"],
        "filter": {"stream": "transactional"},
    },
    "SubscriptionPatch": {"enabled": True},
    "Replay": {"event": "evt_b6f2c0_000000017"},
    "MessageRequest": {
        "from": {"address": "noreply@example.com", "name": "Example"},
        "to": [{"address": "ann@example.net"}],
        "subject": "Your receipt",
        "text": "Thank you. The receipt is below.",
    },
    "SuppressionRequest": {"address": "ann@example.net", "text": "asked to get no more mail"},
    "DnsCheck": {"domains": ["example.com"]},
}
"""By the name of the shape."""
