"""`/v1/providers`: what is known about each provider, a check by hand, and taking one out or back in."""

from datetime import timedelta

from flask_openapi.blueprint import APIBlueprint

from mailover.core.commands import DisableProvider, EnableProvider
from mailover.core.observations import Observation
from mailover.errors import NotFoundError
from mailover.storage.store import Tally
from webhooks.asked import Check, ProviderPatch, ProviderPath
from webhooks.parts import caller, parts
from webhooks.portraits import failure_body, portrait, stage_seconds
from webhooks.schemas import CheckBody, ProviderBody, Providers

blueprint = APIBlueprint("providers", __name__, url_prefix="/v1")

_SPAN = timedelta(hours=24)


@blueprint.get("/providers", responses={200: Providers})
def list_providers() -> dict[str, object]:
    """Every provider, in the order of the config."""
    here = parts()
    now = here.service.clock.now()
    snapshot, tallies = here.service.snapshot, here.store.tallies(now - _SPAN)
    shown = [
        portrait(provider, snapshot.fleet.breakers[name], tallies.get(name, Tally(provider=name)), _SPAN)
        for name, provider in snapshot.policy.providers.items()
        if name in snapshot.fleet.breakers
    ]
    return {"items": shown, "next": None}


@blueprint.get("/providers/<provider>", responses={200: ProviderBody})
def show_provider(path: ProviderPath) -> dict[str, object]:
    """One provider: health, breaker, runs, last failures, latency, metrics, score."""
    return _shown(path.provider)


@blueprint.patch("/providers/<provider>", responses={200: ProviderBody})
def change_provider(path: ProviderPath, body: ProviderPatch) -> dict[str, object]:
    """Take a provider out, or let it work again."""
    command = EnableProvider if body.enabled else DisableProvider
    parts().service.order(command(provider=path.provider, by=caller().name))
    return _shown(path.provider)


@blueprint.post("/providers/<provider>/check", responses={200: CheckBody})
def check_provider(path: ProviderPath, body: Check) -> dict[str, object]:
    """Probe now ("Test connection"); takes as long as the probes do."""
    seen = parts().service.check(path.provider, list(dict.fromkeys(body.kinds)))
    return {"provider": path.provider, "results": [_result(each) for each in seen]}


def _shown(name: str) -> dict[str, object]:
    here = parts()
    snapshot = here.service.snapshot
    provider, breaker = snapshot.policy.providers.get(name), snapshot.fleet.breakers.get(name)
    if provider is None or breaker is None:
        raise NotFoundError(f"no provider is called {name!r}")
    tallies = here.store.tallies(here.service.clock.now() - _SPAN)
    return portrait(provider, breaker, tallies.get(name, Tally(provider=name)), _SPAN)


def _result(seen: Observation) -> dict[str, object]:
    return {
        "kind": seen.probe and str(seen.probe),
        "ok": seen.ok,
        "seconds": seen.seconds,
        "stages": stage_seconds(seen),
        "failure": seen.failure and failure_body(seen.failure),
        "facts": dict(seen.facts),
    }
