"""Counting the health log: what the API's figures are made from. What is good or bad is not judged here."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from mailover.core.observations import ProbeKind
from mailover.storage.logs import REPORT
from mailover.storage.store import Tally
from mailover.storage.tables import observations

_NINETY_FIFTH = 0.95


def tallies(connection: sa.Connection, since: datetime) -> Mapping[str, Tally]:
    """What was counted since then, by provider."""
    o = observations.c
    sends = sa.case((o.kind == REPORT, o.count), else_=0)
    checks = sa.case((o.scheduled, 1), else_=0)
    counted = connection.execute(
        sa.select(
            o.provider,
            sa.func.sum(sends).label("sends"),
            sa.func.sum(sa.case((o.ok, sends), else_=0)).label("sends_ok"),
            sa.func.sum(checks).label("checks"),
            sa.func.sum(sa.case((o.ok, checks), else_=0)).label("checks_ok"),
        )
        .where(o.at >= since)
        .group_by(o.provider)
    )
    seconds = _seconds(connection, since)
    return {
        row.provider: Tally(
            provider=row.provider,
            sends=int(row.sends),
            sends_ok=int(row.sends_ok),
            checks=int(row.checks),
            checks_ok=int(row.checks_ok),
            seconds_average=seconds.get(row.provider, (None, None))[0],
            seconds_p95=seconds.get(row.provider, (None, None))[1],
        )
        for row in counted
    }


def _seconds(connection: sa.Connection, since: datetime) -> Mapping[str, tuple[float, float]]:
    """Average and 95th percentile (the nearest rank) of successful scheduled port probes."""
    o = observations.c
    ranked = (
        sa.select(
            o.provider,
            o.seconds,
            sa.func.cume_dist().over(partition_by=o.provider, order_by=o.seconds).label("rank"),
        )
        .where(o.at >= since, o.scheduled, o.ok, o.kind == ProbeKind.PORT.value)
        .subquery()
    )
    slowest_twentieth = sa.case((ranked.c.rank >= _NINETY_FIFTH, ranked.c.seconds))
    rows = connection.execute(
        sa.select(
            ranked.c.provider,
            sa.func.avg(ranked.c.seconds).label("average"),
            sa.func.min(slowest_twentieth).label("p95"),
        ).group_by(ranked.c.provider)
    )
    return {row.provider: (row.average, row.p95) for row in rows}
