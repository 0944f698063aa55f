"""`GET /v1/observations`: the health log, every probe and every report as it was heard."""

from flask_openapi.blueprint import APIBlueprint

from mailover.core.events import rfc3339
from mailover.core.observations import Observation
from webhooks.asked import ObservationQuery
from webhooks.parts import parts
from webhooks.portraits import failure_body, stage_seconds
from webhooks.provider_schemas import Observations

blueprint = APIBlueprint("observations", __name__, url_prefix="/v1")


@blueprint.get("/observations", responses={200: Observations})
def list_observations(query: ObservationQuery) -> dict[str, object]:
    """The health log."""
    page = parts().store.observations(
        after=query.after, limit=query.limit, provider=query.provider, kind=query.kind, newest_first=query.newest
    )
    return {"items": [_body(each) for each in page.items], "next": page.next}


def _body(seen: Observation) -> dict[str, object]:
    return {
        "provider": seen.provider,
        "purpose": str(seen.purpose),
        "kind": "report" if seen.probe is None else str(seen.probe),
        "depth": seen.depth.word,
        "ok": seen.ok,
        "failure": seen.failure and failure_body(seen.failure),
        "started_at": rfc3339(seen.started_at),
        "finished_at": rfc3339(seen.finished_at),
        "seconds": seen.seconds,
        "reporter": seen.reporter,
        "count": seen.count,
        "recipient_domain": seen.recipient_domain,
        "stages": stage_seconds(seen),
        "facts": dict(seen.facts),
    }
