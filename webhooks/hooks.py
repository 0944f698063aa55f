"""`/v1/hooks`: the commands that are run when something happens, what waits for them, and what became of each run."""

from flask_openapi.blueprint import APIBlueprint

from mailover.config.adapters import hook_endpoint
from mailover.core.events import rfc3339
from mailover.errors import NotFoundError
from webhooks.asked import DeliveryQuery, HookPath, Listing
from webhooks.listing import piece
from webhooks.parts import parts
from webhooks.subscription_schemas import Deliveries, Hooks
from webhooks.subscriptions import delivery_line

blueprint = APIBlueprint("hooks", __name__, url_prefix="/v1")


@blueprint.get("/hooks", responses={200: Hooks})
def list_hooks(query: Listing) -> dict[str, object]:
    """Every hook command of the config."""
    here = parts()
    hooks, backlogs = here.adapters().hooks, {each.endpoint: each for each in here.store.backlogs()}
    names, following = piece(hooks, query)
    items: list[dict[str, object]] = []
    for name in names:
        hook = hooks[name]
        waiting = backlogs.get(hook_endpoint(name))
        items.append(
            {
                "name": name,
                "program": hook.command[0],
                "events": [str(each) for each in hook.events],
                "pending": waiting.pending if waiting is not None else 0,
                "given_up": waiting.buried if waiting is not None else 0,
                "oldest_pending": rfc3339(waiting.oldest_at) if waiting is not None and waiting.oldest_at else None,
            }
        )
    return {"items": items, "next": following}


@blueprint.get("/hooks/<hook>/runs", responses={200: Deliveries})
def list_runs(path: HookPath, query: DeliveryQuery) -> dict[str, object]:
    """For which events a hook command was run, newest first; the last failure has its exit status and last words."""
    here = parts()
    if path.hook not in here.adapters().hooks:
        raise NotFoundError("no hook is called that")
    page = here.store.hooks.sendings(hook_endpoint(path.hook), after=query.after, limit=query.limit)
    return {"items": [delivery_line(each) for each in page.items], "next": page.next}
