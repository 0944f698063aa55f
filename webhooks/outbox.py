"""`/v1/outbox` and `/v1/suppressions`: how much mail waits, whether it may go, and who gets none any more."""

from flask_openapi.blueprint import APIBlueprint

from mailover.core.mail import QueueDepth, Suppression
from mailover.errors import NotFoundError
from webhooks.asked import Listing
from webhooks.listing import piece
from webhooks.mail_asked import AddressPath, OutboxPath, SuppressionQuery, SuppressionRequest
from webhooks.mail_schemas import Erased, Outbox, OutboxBody, SuppressionBody, Suppressions, Unsuppressed
from webhooks.parts import caller, parts
from webhooks.portraits import instant

blueprint = APIBlueprint("outbox", __name__, url_prefix="/v1")


@blueprint.get("/outbox", responses={200: Outbox})
def list_outbox(query: Listing) -> dict[str, object]:
    """Every stream's queue."""
    depths = parts().store.mail.depths()
    names, following = piece(dict.fromkeys((*parts().service.snapshot.fleet.streams, *depths)), query)
    return {"items": [_body(depths.get(name, QueueDepth(stream=name))) for name in names], "next": following}


@blueprint.put("/outbox/<stream>/pause", responses={200: OutboxBody})
def pause(path: OutboxPath) -> dict[str, object]:
    """Keep a stream's mail: it is accepted and not sent, until the pause ends."""
    return _paused(path.stream, paused=True)


@blueprint.delete("/outbox/<stream>/pause", responses={200: OutboxBody})
def resume(path: OutboxPath) -> dict[str, object]:
    """End the pause; what waits is sent."""
    return _paused(path.stream, paused=False)


@blueprint.get("/suppressions", responses={200: Suppressions})
def list_suppressions(query: SuppressionQuery) -> dict[str, object]:
    """Addresses that get no mail any more, by address."""
    page = parts().store.mail.suppressions(after=query.after, limit=query.limit)
    return {"items": [_suppression(each) for each in page.items], "next": page.next}


@blueprint.post("/suppressions", responses={200: SuppressionBody})
def suppress(body: SuppressionRequest) -> dict[str, object]:
    """Send no more mail to an address, whichever provider would carry it; an earlier reason stays."""
    here, address = parts(), body.address.lower()
    text = body.text or f"by {caller().name}"
    wanted = Suppression(address=address, reason="operator", text=text, at=here.service.clock.now())
    here.store.mail.suppress([wanted])
    return _suppression(here.store.mail.suppressed([address]).get(address, wanted))


@blueprint.delete("/suppressions/<path:address>", responses={200: Unsuppressed})
def unsuppress(path: AddressPath) -> dict[str, object]:
    """Let an address have mail again."""
    if not parts().store.mail.unsuppress(path.address.lower()):
        raise NotFoundError("this address is not suppressed")
    return {"address": path.address.lower(), "deleted": True}


@blueprint.delete("/recipients/<path:address>", responses={200: Erased})
def erase(path: AddressPath) -> dict[str, object]:
    """Forget a person: what was sent to them, what waits for them, their address in the logs of mail."""
    return {"address": path.address, "messages": parts().store.mail.erase(path.address)}


def _paused(stream: str, *, paused: bool) -> dict[str, object]:
    here = parts()
    if stream not in here.service.snapshot.fleet.streams:
        raise NotFoundError(f"no stream is called {stream!r}")
    here.service.mail.pause(stream, paused=paused)
    return _body(here.store.mail.depths().get(stream, QueueDepth(stream=stream, paused=paused)))


def _body(depth: QueueDepth) -> dict[str, object]:
    age = None
    if depth.oldest_at is not None:
        age = round(max(0.0, (parts().service.clock.now() - depth.oldest_at).total_seconds()), 3)
    return {
        "stream": depth.stream,
        "queued": depth.queued,
        "bytes": depth.bytes,
        "oldest": instant(depth.oldest_at),
        "oldest_age_seconds": age,
        "ambiguous": depth.ambiguous,
        "failed": depth.failed,
        "paused": depth.paused,
    }


def _suppression(suppression: Suppression) -> dict[str, object]:
    return {
        "address": suppression.address,
        "reason": suppression.reason,
        "provider": suppression.provider or None,
        "stream": suppression.stream or None,
        "text": suppression.text,
        "since": instant(suppression.at),
    }
