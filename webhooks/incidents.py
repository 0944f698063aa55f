"""`/v1/incidents`: what went on from a first failing signal to the recovery, and who is looking at it."""

from flask_openapi.blueprint import APIBlueprint

from mailover.core.commands import AcknowledgeIncident
from mailover.core.fleet import Incident
from mailover.errors import NotFoundError
from webhooks.asked import IncidentPath, IncidentQuery
from webhooks.event_schemas import IncidentBody, Incidents
from webhooks.parts import caller, parts

blueprint = APIBlueprint("incidents", __name__, url_prefix="/v1")


@blueprint.get("/incidents", responses={200: Incidents})
def list_incidents(query: IncidentQuery) -> dict[str, object]:
    """Incidents as they were opened."""
    page = parts().store.incidents(
        open_only=query.open, after=query.after, limit=query.limit, newest_first=query.newest
    )
    return {"items": [incident.body() for incident in page.items], "next": page.next}


@blueprint.post("/incidents/<incident>/acknowledge", responses={200: IncidentBody})
def acknowledge(path: IncidentPath) -> dict[str, object]:
    """Say that somebody is looking at it."""
    parts().service.order(AcknowledgeIncident(incident=path.incident, by=caller().name))
    return _find(path.incident).body()


def _find(incident_id: str) -> Incident:
    here = parts()
    among_open = here.service.snapshot.fleet.incidents.values()
    found = next((each for each in among_open if each.id == incident_id), None) or here.store.incident(incident_id)
    if found is None:
        raise NotFoundError("no incident has this id")
    return found
