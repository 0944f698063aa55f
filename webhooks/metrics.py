"""`GET /metrics`: the snapshot in Prometheus' words, on a registry of its own. Labels come from the config only."""

from collections.abc import Callable, Iterator

from flask import Response, current_app, request
from flask_openapi.blueprint import APIBlueprint
from prometheus_client import CollectorRegistry, Counter, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric, StateSetMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from mailover.core.breaker import BreakerState
from mailover.core.decide import Decision
from mailover.core.events import EventType
from mailover.service import Service, Snapshot

EXTENSION = "mailover.metrics"

blueprint = APIBlueprint("metrics", __name__)

_FLIPS = {EventType.FAILOVER_HAPPENED: "failover", EventType.FAILBACK_HAPPENED: "failback"}


@blueprint.get("/metrics", responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
def metrics() -> Response:
    """What the fleet says, for Prometheus."""
    registry = current_app.extensions[EXTENSION]
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), content_type=content_type)


def registry_of(service: Service, seated: Callable[[], int]) -> CollectorRegistry:
    """A registry that reads the service's snapshot when it is asked, and counts flips from now on."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    registry.register(_FleetCollector(service, seated))
    flips = Counter(
        "mailover_failovers",
        "Changes of a stream's provider since the process started.",
        ["stream", "direction"],
        registry=registry,
    )
    for stream in service.snapshot.fleet.streams:
        for direction in _FLIPS.values():
            flips.labels(stream, direction)

    def count(_snapshot: Snapshot, decision: Decision) -> None:
        for event in decision.events:
            if event.type in _FLIPS:
                flips.labels(str(event.data.get("stream")), _FLIPS[event.type]).inc()

    service.listen(count)
    return registry


class _FleetCollector(Collector):
    def __init__(self, service: Service, seated: Callable[[], int]) -> None:
        self._service = service
        self._seated = seated

    def collect(self) -> Iterator[Metric]:
        snapshot = self._service.snapshot
        up = GaugeMetricFamily("mailover_provider_up", "1 while mail may go through.", labels=["provider"])
        state = StateSetMetricFamily(
            "mailover_provider_circuit_state", "The state of the provider's breaker.", labels=["provider"]
        )
        for name, breaker in snapshot.fleet.breakers.items():
            up.add_metric([name], float(breaker.closed))
            state.add_metric([name], {str(each): breaker.state is each for each in BreakerState})
        active = GaugeMetricFamily(
            "mailover_provider_active", "1 for the provider a stream's flag names.", labels=["provider", "stream"]
        )
        epoch = GaugeMetricFamily("mailover_flag_epoch", "The flag's version.", labels=["stream"])
        for name, stream in snapshot.fleet.streams.items():
            epoch.add_metric([name], stream.flag.epoch)
            for provider in snapshot.fleet.breakers:
                active.add_metric([provider, name], float(stream.flag.provider == provider))
        decided = GaugeMetricFamily(
            "mailover_agent_stale_seconds",
            "Since when nothing is decided or recorded; 0 while all is well.",
            value=float(self._service.stale_seconds() or 0),
        )
        waiting = GaugeMetricFamily(
            "mailover_waiting_clients", "Readers that wait for a change, streams included.", value=float(self._seated())
        )
        yield from (up, state, active, epoch, decided, waiting)
