"""`/v1/streams`: each stream's flag, order and overrides, and the orders that change them."""

from datetime import UTC, datetime, timedelta

from flask_openapi.blueprint import APIBlueprint
from werkzeug.exceptions import UnprocessableEntity

from mailover.core.commands import Command, FailBack, PauseFailback, PinProvider, ReorderStream, ResumeFailback, Unpin
from mailover.core.events import rfc3339
from mailover.core.fleet import StreamState
from mailover.core.orders import order_of
from mailover.errors import NotFoundError
from mailover.service import Snapshot
from webhooks.asked import LONGEST_PIN_MINUTES, Listing, Order, PinRequest, StreamPath, Until
from webhooks.flag_schemas import StreamBody, Streams
from webhooks.listing import piece
from webhooks.parts import caller, parts
from webhooks.portraits import instant

blueprint = APIBlueprint("streams", __name__, url_prefix="/v1")


@blueprint.get("/streams", responses={200: Streams})
def list_streams(query: Listing) -> dict[str, object]:
    """Every stream."""
    snapshot = parts().service.snapshot
    streams = snapshot.fleet.streams
    names, following = piece(streams, query)
    return {"items": [_body(snapshot, name, streams[name]) for name in names], "next": following}


@blueprint.get("/streams/<stream>", responses={200: StreamBody})
def show_stream(path: StreamPath) -> dict[str, object]:
    """One stream."""
    return _shown(path.stream)


@blueprint.put("/streams/<stream>/order", responses={200: StreamBody})
def reorder(path: StreamPath, body: Order) -> dict[str, object]:
    """Give a stream another order; it outlives restarts until the config's own order changes."""
    return _order(path, ReorderStream(stream=path.stream, providers=tuple(body.providers), by=caller().name))


@blueprint.put("/streams/<stream>/pin", responses={200: StreamBody})
def pin(path: StreamPath, body: PinRequest) -> dict[str, object]:
    """Hold a stream on one provider until an instant, at most seven days away."""
    command = PinProvider(
        stream=path.stream, provider=body.provider, until=_end(body), reason=body.reason, by=caller().name
    )
    return _order(path, command)


@blueprint.delete("/streams/<stream>/pin", responses={200: StreamBody})
def unpin(path: StreamPath) -> dict[str, object]:
    """End the pin now."""
    return _order(path, Unpin(stream=path.stream, by=caller().name))


@blueprint.post("/streams/<stream>/failback", responses={200: StreamBody})
def fail_back(path: StreamPath) -> dict[str, object]:
    """Return to the best provider now, without waiting for its hold."""
    return _order(path, FailBack(stream=path.stream, by=caller().name))


@blueprint.put("/streams/<stream>/failback-pause", responses={200: StreamBody})
def pause_failback(path: StreamPath, body: Until) -> dict[str, object]:
    """No automatic fail-back until an instant, at most seven days away."""
    return _order(path, PauseFailback(stream=path.stream, until=_end(body), by=caller().name))


@blueprint.delete("/streams/<stream>/failback-pause", responses={200: StreamBody})
def resume_failback(path: StreamPath) -> dict[str, object]:
    """End the fail-back pause now."""
    return _order(path, ResumeFailback(stream=path.stream, by=caller().name))


def _order(path: StreamPath, command: Command) -> dict[str, object]:
    parts().service.order(command)
    return _shown(path.stream)


def _end(asked: Until) -> datetime:
    """When an override ends, in UTC. Raises 422 for an end in the past, too far away, or told in both ways."""
    if (asked.until is None) == (asked.minutes is None):
        raise UnprocessableEntity("Give exactly one of until and minutes.")
    now = parts().service.clock.now()
    if asked.minutes is not None:
        return now + timedelta(minutes=asked.minutes)
    assert asked.until is not None  # noqa: S101 - one of the two is there
    if not now < asked.until <= now + timedelta(minutes=LONGEST_PIN_MINUTES):
        raise UnprocessableEntity("until must lie within the next seven days.")
    return asked.until.astimezone(UTC)


def _shown(name: str) -> dict[str, object]:
    snapshot = parts().service.snapshot
    state = snapshot.fleet.streams.get(name)
    if state is None:
        raise NotFoundError(f"no stream is called {name!r}")
    return _body(snapshot, name, state)


def _body(snapshot: Snapshot, name: str, state: StreamState) -> dict[str, object]:
    configured, held = snapshot.policy.streams.get(name), state.pin
    return {
        "stream": name,
        "default": name == snapshot.default_stream,
        "flag": state.flag.body(),
        "order": list(
            order_of(state, configured, parts().service.clock.now()) if configured else state.configured_order
        ),
        "configured_order": list(state.configured_order),
        "pin": held and {"provider": held.provider, "until": rfc3339(held.until), "reason": held.reason, "by": held.by},
        "failback": configured and str(configured.failback),
        "failback_paused_until": instant(state.failback_paused_until),
        "mode": configured and str(configured.mode),
        "when_exhausted": configured and str(configured.when_exhausted),
        "require_dns": configured and configured.require_dns,
        "exhausted_since": instant(state.exhausted_since),
    }
