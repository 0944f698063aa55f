"""`/v1/subscriptions`: who receives events by outgoing webhooks, what waits for them, and what became of it.

Receivers of the config are listed and tested here too, and changed only there. Nothing is sent from this file.
"""

from datetime import datetime, timedelta
from http import HTTPStatus

from flask_openapi.blueprint import APIBlueprint

from mailover.core.events import rfc3339
from mailover.core.interest import Interest
from mailover.errors import RefusedError
from mailover.secrets import Secret
from mailover.storage.hooks import Sending, Terms
from mailover.storage.roster import Hook
from mailover.storage.store import Backlog
from webhooks.asked import DeliveryQuery, Listing, Replay, SubscriptionPatch, SubscriptionPath, SubscriptionRequest
from webhooks.listing import piece
from webhooks.parts import Parts, caller, parts
from webhooks.subscription_schemas import (
    DeletedSubscription,
    Deliveries,
    NewSubscription,
    Replayed,
    SubscriptionBody,
    Subscriptions,
    TestSent,
)

blueprint = APIBlueprint("subscriptions", __name__, url_prefix="/v1")

_STATES = {"buried": "given up"}
_LONGEST = timedelta(days=366)
"""A later end is this one."""


@blueprint.get("/subscriptions", responses={200: Subscriptions})
def list_subscriptions(query: Listing) -> dict[str, object]:
    """Every receiver of outgoing webhooks, those of the config first."""
    here = parts()
    hooks, backlogs = {hook.name: hook for hook in here.roster.hooks.values()}, _backlogs(here)
    names, following = piece(hooks, query)
    return {"items": [_body(here, hooks[name], backlogs) for name in names], "next": following}


@blueprint.post("/subscriptions", responses={200: NewSubscription, 201: NewSubscription})
def subscribe(body: SubscriptionRequest) -> tuple[dict[str, object], HTTPStatus]:
    """Register a receiver. The same URL and events again change the one there is, which is then answered with 200."""
    here = parts()
    latest = here.service.clock.now() + _LONGEST
    terms = Terms(
        url=body.url,
        interest=_interest(here, body),
        header=body.header or "",
        once=body.once,
        expires_at=min(body.expires, latest) if body.expires is not None else None,
        by=caller().name,
    )
    secret = Secret(body.secret) if body.secret is not None else None
    hook, new, made = here.roster.subscribe(terms, secret)
    told = _body(here, hook, _backlogs(here)) | {"secret": made.reveal() if made is not None else None}
    return told, HTTPStatus.CREATED if new else HTTPStatus.OK


@blueprint.get("/subscriptions/<subscription>", responses={200: SubscriptionBody})
def one_subscription(path: SubscriptionPath) -> dict[str, object]:
    """One receiver."""
    return _told(path.subscription)


@blueprint.patch("/subscriptions/<subscription>", responses={200: SubscriptionBody})
def change_subscription(path: SubscriptionPath, body: SubscriptionPatch) -> dict[str, object]:  # noqa: ARG001 - its only value
    """Switch a receiver on again that was switched off because it answered 410; what waited for it is sent."""
    parts().roster.enable(path.subscription)
    return _told(path.subscription)


@blueprint.delete("/subscriptions/<subscription>", responses={200: DeletedSubscription})
def unsubscribe(path: SubscriptionPath) -> dict[str, object]:
    """End a subscription; what waits for it is dropped."""
    parts().roster.unsubscribe(path.subscription)
    return {"id": path.subscription, "deleted": True}


@blueprint.post("/subscriptions/<subscription>/test", responses={202: TestSent})
def send_test(path: SubscriptionPath) -> tuple[dict[str, object], HTTPStatus]:
    """Send a `webhook.test`, whatever the receiver subscribed to; the delivery log tells what became of it."""
    return {"event": parts().roster.send_test(path.subscription, caller().name).id}, HTTPStatus.ACCEPTED


@blueprint.post("/subscriptions/<subscription>/replay", responses={200: Replayed})
def replay(path: SubscriptionPath, body: Replay) -> dict[str, object]:
    """Send one event anew, under its old id, or all that were given up."""
    return {"queued": parts().roster.replay(path.subscription, body.event)}


@blueprint.get("/subscriptions/<subscription>/deliveries", responses={200: Deliveries})
def list_deliveries(path: SubscriptionPath, query: DeliveryQuery) -> dict[str, object]:
    """What was sent to a receiver and what became of it, newest first."""
    here = parts()
    endpoint = here.roster.find(path.subscription).endpoint
    page = here.roster.store.sendings(endpoint, after=query.after, limit=query.limit)
    return {"items": [delivery_line(each) for each in page.items], "next": page.next}


def _interest(here: Parts, body: SubscriptionRequest) -> Interest:
    """What is asked for. A name that nothing has would wait for ever in silence, so it is refused."""
    wanted, fleet = body.filter, here.service.snapshot.fleet
    for kind, name, known in (("stream", wanted.stream, fleet.streams), ("provider", wanted.provider, fleet.breakers)):
        if name is not None and name not in known:
            raise RefusedError(f"no {kind} is called {name!r}")
    return Interest(
        events=tuple(dict.fromkeys(body.events)),
        streams=(wanted.stream,) if wanted.stream is not None else (),
        providers=(wanted.provider,) if wanted.provider is not None else (),
        severity=wanted.severity,
    )


def _told(name: str) -> dict[str, object]:
    here = parts()
    return _body(here, here.roster.find(name), _backlogs(here))


def _backlogs(here: Parts) -> dict[str, Backlog]:
    return {each.endpoint: each for each in here.store.backlogs()}


def _body(here: Parts, hook: Hook, backlogs: dict[str, Backlog]) -> dict[str, object]:
    waiting, off = backlogs.get(hook.endpoint), here.roster.silenced.get(hook.endpoint)
    return {
        "id": hook.name,
        "configured": hook.static,
        "url": hook.url,
        "events": [str(each) for each in hook.interest.events],
        "filter": {
            "streams": list(hook.interest.streams),
            "providers": list(hook.interest.providers),
            "severity": str(hook.interest.severity) if hook.interest.severity is not None else None,
        },
        "header": hook.header.reveal().partition(":")[0] if hook.header is not None else None,
        "once": hook.once,
        "expires": _instant(hook.expires_at),
        "created": _instant(hook.created_at),
        "by": hook.by or None,
        "enabled": off is None,
        "disabled_at": _instant(off.at if off is not None else None),
        "disabled_because": off.because if off is not None else None,
        "pending": waiting.pending if waiting is not None else 0,
        "given_up": waiting.buried if waiting is not None else 0,
        "oldest_pending": _instant(waiting.oldest_at if waiting is not None else None),
    }


def delivery_line(sending: Sending) -> dict[str, object]:
    """One line of an endpoint's delivery log."""
    return {
        "event": sending.event,
        "type": sending.type,
        "time": rfc3339(sending.happened_at),
        "state": _STATES.get(sending.state, sending.state),
        "failures": sending.attempts,
        "status": sending.status,
        "tried": _instant(sending.tried_at),
        "next_try": _instant(sending.due_at) if sending.state == "pending" else None,
        "last_error": sending.last_error,
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)
