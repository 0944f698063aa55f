"""`/v1/providers`: what is known about each provider, a check by hand, and taking one out or back in."""

from datetime import timedelta

from flask_openapi.blueprint import APIBlueprint

from mailover.core.commands import DisableProvider, EnableProvider
from mailover.core.observations import Observation
from mailover.core.scoring import Figures
from mailover.errors import NotFoundError
from mailover.storage.store import Tally
from webhooks.asked import Check, Listing, ProviderPatch, ProviderPath
from webhooks.listing import piece
from webhooks.parts import caller, parts
from webhooks.portraits import failure_body, figures, portrait, stage_seconds
from webhooks.provider_schemas import CheckBody, ProviderBody, Providers

blueprint = APIBlueprint("providers", __name__, url_prefix="/v1")

_DAY = timedelta(hours=24)
_WEEK = timedelta(days=7)


@blueprint.get("/providers", responses={200: Providers})
def list_providers(query: Listing) -> dict[str, object]:
    """Every provider, in the order of the config."""
    snapshot = parts().service.snapshot
    names, following = piece((name for name in snapshot.policy.providers if name in snapshot.fleet.breakers), query)
    return {"items": _shown(*names), "next": following}


@blueprint.get("/providers/<provider>", responses={200: ProviderBody})
def show_provider(path: ProviderPath) -> dict[str, object]:
    """One provider: health, breaker, runs, last failures, latency, metrics, score."""
    return _known(path.provider)


@blueprint.patch("/providers/<provider>", responses={200: ProviderBody})
def change_provider(path: ProviderPath, body: ProviderPatch) -> dict[str, object]:
    """Take a provider out, or let it work again."""
    command = EnableProvider if body.enabled else DisableProvider
    parts().service.order(command(provider=path.provider, by=caller().name))
    return _known(path.provider)


@blueprint.post("/providers/<provider>/check", responses={200: CheckBody})
def check_provider(path: ProviderPath, body: Check) -> dict[str, object]:
    """Probe now ("Test connection"); takes as long as the probes do."""
    seen = parts().service.check(path.provider, list(dict.fromkeys(body.kinds)))
    return {"provider": path.provider, "results": [_result(each) for each in seen]}


def _known(name: str) -> dict[str, object]:
    snapshot = parts().service.snapshot
    if name not in snapshot.policy.providers or name not in snapshot.fleet.breakers:
        raise NotFoundError(f"no provider is called {name!r}")
    return _shown(name)[0]


def _shown(*names: str) -> list[dict[str, object]]:
    """Portraits of providers that exist, each with the figures of the last day and week."""
    here = parts()
    snapshot, now = here.service.snapshot, here.service.clock.now()
    counted = {span: here.store.tallies(now - span) for span in (_DAY, _WEEK)}

    def achieved(name: str, span: timedelta) -> Figures:
        tally = counted[span].get(name, Tally(provider=name))
        return figures(tally, snapshot.fleet.breakers[name], span, now)

    return [
        portrait(
            snapshot.policy.providers[name],
            snapshot.fleet.breakers[name],
            achieved(name, _DAY),
            achieved(name, _WEEK),
        )
        for name in names
    ]


def _result(seen: Observation) -> dict[str, object]:
    return {
        "kind": seen.probe and str(seen.probe),
        "ok": seen.ok,
        "seconds": seen.seconds,
        "stages": stage_seconds(seen),
        "failure": seen.failure and failure_body(seen.failure),
        "facts": dict(seen.facts),
    }
