"""The command that looks for itself: check, which probes now."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from agent.probes.prober import Prober
from mailover import lookout
from mailover.cli.session import (
    OK,
    UNHEALTHY,
    Session,
    as_json,
    console,
    guarded,
    pass_session,
    print_json,
)
from mailover.clock import SystemClock
from mailover.core.draft import ProbeOrder
from mailover.core.observations import Observation, ProbeKind, Purpose
from mailover.errors import NotFoundError

_KINDS = [str(kind) for kind in ProbeKind]


@click.command()
@click.argument("names", nargs=-1, metavar="[PROVIDER]...")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(_KINDS),
    help="Which probes; may be repeated. Default: port and login.",
)
@as_json
@pass_session
@guarded
def check(session: Session, names: tuple[str, ...], kinds: tuple[str, ...], json_: bool) -> None:
    """Probe providers now, from this machine. Shows each stage's seconds; all of them when none is named.

    Needs the config, but no running agent. Exit code 1 when a probe failed.
    """
    settings = session.settings
    unknown = [name for name in names if name not in settings.providers]
    if unknown:
        raise NotFoundError(f"no provider is called {unknown[0]!r}; the config has {', '.join(settings.providers)}")
    orders = [
        ProbeOrder(provider=name, probe=ProbeKind(kind), purpose=Purpose.MANUAL)
        for name in names or settings.providers
        for kind in kinds or (ProbeKind.PORT, ProbeKind.LOGIN)
    ]
    seen = asyncio.run(_probe(session, orders, quiet=json_))
    if json_:
        print_json([_as_json(each) for each in seen])
    else:
        screen = console()
        for each in seen:
            _show(screen, each)
    raise SystemExit(OK if all(each.ok for each in seen) else UNHEALTHY)


async def _probe(session: Session, orders: Sequence[ProbeOrder], *, quiet: bool) -> list[Observation]:
    """Run all at once, with a bar on a terminal while they run."""
    settings, clock = session.settings, SystemClock()
    watched = lookout.watched(settings, lookout.resolver(settings), clock.now)
    prober = Prober(
        watched.targets,
        hear=lambda *_: None,
        now=clock.now,
        resolver=watched.resolver,
        deadline=settings.probes.deadline.total_seconds(),
        slow=settings.probes.slow.total_seconds(),
        round_trip=watched.round_trip,
    )
    looks_round = any(order.probe is ProbeKind.ROUND_TRIP for order in orders) and watched.round_trip is not None
    if looks_round and watched.round_trip is not None:
        await watched.round_trip.mailbox.open()
    columns = (TextColumn("probing"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet or not sys.stderr.isatty())
    try:
        with bar:
            task = bar.add_task("probes", total=len(orders))
            running = [asyncio.create_task(_one(prober, order)) for order in orders]
            for done in running:
                done.add_done_callback(lambda _: bar.advance(task))
            return [seen for each in running for seen in await each]
    finally:
        await prober.stop()
        if looks_round and watched.round_trip is not None:
            await watched.round_trip.mailbox.close()


async def _one(prober: Prober, order: ProbeOrder) -> list[Observation]:
    return [seen.observation for seen in await prober.run(order)]


def _as_json(seen: Observation) -> dict[str, Any]:
    failure = seen.failure
    return {
        "provider": seen.provider,
        "kind": seen.probe and str(seen.probe),
        "ok": seen.ok,
        "seconds": round(seen.seconds, 3),
        "stages": [{"stage": str(stage), "seconds": round(seconds, 3)} for stage, seconds in seen.stages],
        "failure": failure
        and {
            "kind": str(failure.kind),
            "owner": str(failure.kind.owner),
            "stage": str(failure.stage),
            "code": failure.code,
            "enhanced": failure.enhanced,
            "text": failure.text,
        },
        "facts": dict(seen.facts),
    }


def _show(screen: Console, seen: Observation) -> None:
    verdict = Text("ok", style="green") if seen.ok else Text("failed", style="red")
    screen.print(Text.assemble((seen.provider, "bold"), f" {seen.probe} ", verdict, f" in {seen.seconds:.3f} s"))
    if seen.stages:
        screen.print(Text("  " + "  ".join(f"{stage} {seconds:.3f}" for stage, seconds in seen.stages), style="dim"))
    if seen.failure is not None:
        failure = seen.failure
        code = f"{failure.code} " if failure.code else ""
        screen.print(Text(f"  {failure.stage}: {code}{failure.text} ({failure.kind}, {failure.kind.owner})"))
    facts = ", ".join(f"{name} {value}" for name, value in seen.facts.items())
    if facts:
        screen.print(Text(f"  {facts}", style="dim"))


COMMANDS = (check,)
