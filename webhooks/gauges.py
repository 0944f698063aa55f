"""How things are when Prometheus asks: the snapshot, the figures of the last day, and what waits to be sent.

Labels come from the config only. The store is asked at most every half minute; while it fails its figures are absent.
"""

import logging
import platform
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib.metadata import version

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric, StateSetMetricFamily
from prometheus_client.registry import Collector

from mailover.core.breaker import BreakerState
from mailover.core.fleet import Fleet, Mode
from mailover.core.scoring import Figures
from mailover.errors import StorageError
from mailover.service import Service
from mailover.storage.store import Backlog, Tally
from webhooks.portraits import NINETY_FIFTH, figures

_log = logging.getLogger("mailover.api")

_DAY = timedelta(hours=24)
_FRESH = timedelta(seconds=30)
_DNS = {"spf": {"both", "spf_only"}, "dkim": {"both", "dkim_only"}}
_UNCHECKED = "unknown"


class FleetGauges(Collector):
    """What the snapshot says."""

    def __init__(self, service: Service, seated: Callable[[], int]) -> None:
        """Nothing is read before Prometheus asks; `seated` counts waiting readers."""
        self._service = service
        self._seated = seated

    def collect(self) -> Iterator[Metric]:
        """Read one snapshot."""
        fleet = self._service.snapshot.fleet
        yield _info()
        yield from _providers(fleet)
        yield from _streams(fleet)
        yield from self._agent(fleet)

    def _agent(self, fleet: Fleet) -> Iterator[Metric]:
        yield _gauge(
            "mailover_agent_blind", "1 while the agent cannot trust its own view.", fleet.blindness is not None
        )
        yield _gauge(
            "mailover_storage_failing", "1 while the store cannot be written.", fleet.store_failing_since is not None
        )
        yield _gauge("mailover_mailbox_failing", "1 while the test messages' mailbox fails.", fleet.mailbox is not None)
        yield _gauge("mailover_incidents_open", "Incidents that are open.", len(fleet.incidents))
        yield _gauge(
            "mailover_agent_stale_seconds",
            "Since when nothing is decided or recorded; 0 while all is well.",
            self._service.stale_seconds() or 0,
        )
        yield _gauge(
            "mailover_agent_last_tick_timestamp_seconds",
            "When the agent last decided.",
            self._service.ticked_at.timestamp(),
        )
        yield _gauge("mailover_waiting_clients", "Readers that wait for a change, streams included.", self._seated())


class StoreGauges(Collector):
    """What the store has counted: the figures of the last 24 hours, and the outbox."""

    def __init__(self, service: Service, channel_of: Callable[[str], str | None]) -> None:
        """Nothing is read before Prometheus asks.

        `channel_of` names the channel that an endpoint of the outbox belongs to, None when there is no such endpoint
        any more: what waits for one that was taken out of the config is nobody's trouble.
        """
        self._service = service
        self._channel_of = channel_of
        self._turn = threading.Lock()
        self._read: tuple[Metric, ...] = ()
        self._fresh_until = service.clock.now()

    def collect(self) -> Iterator[Metric]:
        """At most half a minute old."""
        with self._turn:
            now = self._service.clock.now()
            if now >= self._fresh_until:
                try:
                    self._read = (*self._figures(), *self._outbox())
                except StorageError as error:
                    _log.warning("no figures for /metrics: %s", error)
                    self._read = ()
                self._fresh_until = now + _FRESH
            yield from self._read

    def _figures(self) -> Iterator[Metric]:
        fleet, now = self._service.snapshot.fleet, self._service.clock.now()
        tallies = self._service.store.tallies(now - _DAY)
        achieved = {
            name: figures(tallies.get(name, Tally(provider=name)), breaker, _DAY, now)
            for name, breaker in fleet.breakers.items()
        }
        for name, text, read in _FIGURES:
            family = GaugeMetricFamily(name, text, labels=["provider"])
            for provider, each in achieved.items():
                value = read(each)
                if value is not None:
                    family.add_metric([provider], value)
            yield family
        samples = GaugeMetricFamily(
            "mailover_reliability_samples", "What the score of 24 hours rests on.", labels=["provider", "kind"]
        )
        for provider, each in achieved.items():
            samples.add_metric([provider, "sends"], each.sends.tries)
            samples.add_metric([provider, "checks"], each.checks.tries)
        yield samples

    def _outbox(self) -> Iterator[Metric]:
        now = self._service.clock.now()
        pending = GaugeMetricFamily("mailover_outbox_pending", "Alerts not yet delivered.", labels=["channel"])
        age = GaugeMetricFamily(
            "mailover_outbox_oldest_age_seconds", "Age of the oldest alert not yet delivered.", labels=["channel"]
        )
        buried = GaugeMetricFamily("mailover_outbox_given_up", "Alerts that were given up.", labels=["channel"])
        by_channel: defaultdict[str | None, list[Backlog]] = defaultdict(list)
        for each in self._service.store.backlogs():
            by_channel[self._channel_of(each.endpoint)].append(each)
        by_channel.pop(None, None)
        for channel, backlogs in by_channel.items():
            assert channel is not None  # noqa: S101 - taken out above
            oldest_at = min((each.oldest_at for each in backlogs if each.oldest_at is not None), default=now)
            pending.add_metric([channel], sum(each.pending for each in backlogs))
            buried.add_metric([channel], sum(each.buried for each in backlogs))
            age.add_metric([channel], max(0.0, (now - oldest_at).total_seconds()))
        yield from (pending, age, buried)


_Reading = Callable[[Figures], float | None]
_FIGURES: tuple[tuple[str, str, _Reading], ...] = (
    ("mailover_reliability_score", "Reliability of 24 hours in percent: 70 % sends, 30 % checks.", lambda f: f.score),
    ("mailover_failures_per_hour", "Failed sends and checks per hour, over 24 hours.", lambda f: f.failures_per_hour),
    ("mailover_send_success_ratio", "Successful sends of all, over 24 hours.", lambda f: f.sends.rate),
    ("mailover_check_success_ratio", "Good scheduled probes of all, over 24 hours.", lambda f: f.checks.rate),
    ("mailover_response_average_seconds", "Of good port probes, over 24 hours.", lambda f: f.spread.average),
    (
        "mailover_response_p95_seconds",
        "Of good port probes, over 24 hours.",
        lambda f: f.spread.percentile(NINETY_FIFTH),
    ),
    ("mailover_failovers_per_day", "How often a stream left it because it failed, in 24 hours.", lambda f: f.failovers),
    ("mailover_uptime_ratio", "The share of 24 hours in which mail could go through.", lambda f: f.uptime),
)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _info() -> Metric:
    told = {"version": version("mailover"), "python": platform.python_version()}
    return InfoMetricFamily("mailover_build", "Which mailover this is.", value=told)


def _providers(fleet: Fleet) -> Iterator[Metric]:
    up = GaugeMetricFamily("mailover_provider_up", "1 while mail may go through.", labels=["provider"])
    enabled = GaugeMetricFamily(
        "mailover_provider_enabled", "0 while an operator has taken it out.", labels=["provider"]
    )
    slow = GaugeMetricFamily("mailover_provider_slow", "1 while it answers slowly.", labels=["provider"])
    state = StateSetMetricFamily(
        "mailover_provider_circuit_state", "The state of the provider's breaker.", labels=["provider"]
    )
    dns = GaugeMetricFamily(
        "mailover_dns_check_ok", "1 where DNS lets the provider send for us.", labels=["provider", "check"]
    )
    for name, breaker in fleet.breakers.items():
        up.add_metric([name], float(breaker.closed))
        enabled.add_metric([name], float(breaker.enabled))
        slow.add_metric([name], float(breaker.slow))
        state.add_metric([name], {str(each): breaker.state is each for each in BreakerState})
        for check, verdicts in _DNS.items() if breaker.dns != _UNCHECKED else ():
            dns.add_metric([name, check], float(breaker.dns in verdicts))
    yield from (up, enabled, slow, state, dns)


def _streams(fleet: Fleet) -> Iterator[Metric]:
    active = GaugeMetricFamily(
        "mailover_provider_active", "1 for the provider a stream's flag names.", labels=["provider", "stream"]
    )
    epoch = GaugeMetricFamily("mailover_flag_epoch", "The flag's version.", labels=["stream"])
    exhausted = GaugeMetricFamily("mailover_stream_exhausted", "1 while no provider is left.", labels=["stream"])
    spares = GaugeMetricFamily("mailover_stream_spares", "Providers that could take over now.", labels=["stream"])
    preferred = GaugeMetricFamily(
        "mailover_stream_on_first", "1 while the stream uses the first provider of its order.", labels=["stream"]
    )
    for name, stream in fleet.streams.items():
        order = stream.order or stream.configured_order
        epoch.add_metric([name], stream.flag.epoch)
        exhausted.add_metric([name], float(stream.flag.mode is Mode.EXHAUSTED))
        spares.add_metric([name], len(stream.flag.fallbacks))
        preferred.add_metric([name], float(bool(order) and stream.flag.provider == order[0]))
        for provider in fleet.breakers:
            active.add_metric([provider, name], float(stream.flag.provider == provider))
    yield from (active, epoch, exhausted, spares, preferred)
