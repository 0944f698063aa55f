"""`GET /v1/route/<stream>`: the flag for one message, by the same function that the relay asks."""

from dataclasses import replace

from flask_openapi.blueprint import APIBlueprint

from mailover.core.fleet import account
from mailover.core.letters import Letter
from mailover.errors import NotFoundError
from webhooks.asked import RouteQuery, StreamPath
from webhooks.flag_schemas import FlagBody
from webhooks.parts import parts

blueprint = APIBlueprint("route", __name__, url_prefix="/v1")


@blueprint.get("/route/<stream>", responses={200: FlagBody})
def route_of(path: StreamPath, query: RouteQuery) -> dict[str, object]:
    """Where one message goes: the stream's flag, as far as it is about this message."""
    service = parts().service
    seen = service.snapshot
    published = seen.flags.get(path.stream)
    if published is None:
        raise NotFoundError(f"no stream is called {path.stream!r}")
    # Nobody tells us of the sends that follow, so they must not use up what warms a backup.
    letter = Letter(stream=path.stream, recipient=query.recipient, key=query.key, region=query.region, routine=False)
    way = service.route(letter)
    first = way.providers[0] if way.providers else None
    told = replace(
        published.flag,
        provider=first,
        fallbacks=way.providers[1:],
        weights={first: 1.0} if first else {},
        sending=first is not None,
        because=way.because,
        **account(seen.policy.providers.get(first or "")),
    )
    return told.body()
