"""`GET /metrics`: how things are and what has happened, in Prometheus' words, on a registry of its own."""

from collections.abc import Callable

from flask import Response, current_app, request
from flask_openapi.blueprint import APIBlueprint
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from mailover.service import Service
from webhooks.counters import Counters
from webhooks.gauges import FleetGauges, StoreGauges

EXTENSION = "mailover.metrics"

blueprint = APIBlueprint("metrics", __name__)


_TEXT = {"schema": {"type": "string"}}


@blueprint.get("/metrics", responses={200: {"content": {"text/plain": _TEXT, "application/openmetrics-text": _TEXT}}})
def metrics() -> Response:
    """What the fleet says, for Prometheus."""
    registry = current_app.extensions[EXTENSION]
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), content_type=content_type)


def registry_of(
    service: Service, seated: Callable[[], int], channel_of: Callable[[str], str | None] = str
) -> tuple[CollectorRegistry, Counters]:
    """A registry that reads the service when it is asked, and what counts all that happens from now on."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    registry.register(FleetGauges(service, seated))
    registry.register(StoreGauges(service, channel_of))
    counters = Counters(registry)
    counters.prepare(service.snapshot)
    service.listen(counters.hear_decision)
    service.witness(counters.hear_observations)
    return registry, counters
