"""`GET /v1/failovers`: when which stream went from which provider to which, and why."""

from flask_openapi.blueprint import APIBlueprint

from mailover.core.events import rfc3339
from mailover.storage.store import Failover
from webhooks.asked import FailoverQuery
from webhooks.event_schemas import Failovers
from webhooks.parts import parts

blueprint = APIBlueprint("failovers", __name__, url_prefix="/v1")


@blueprint.get("/failovers", responses={200: Failovers})
def list_failovers(query: FailoverQuery) -> dict[str, object]:
    """The failover log."""
    page = parts().store.failovers(after=query.after, limit=query.limit, stream=query.stream, newest_first=query.newest)
    return {"items": [_body(each) for each in page.items], "next": page.next}


def _body(failover: Failover) -> dict[str, object]:
    return {
        "event": failover.event,
        "time": rfc3339(failover.at),
        "stream": failover.stream,
        "from": failover.from_provider,
        "to": failover.to_provider,
        "reason": failover.reason,
        "status": failover.status,
        "seconds": failover.seconds,
    }
