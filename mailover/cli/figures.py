"""The metrics of the trade as a table: what each provider achieved in a day and in a week. Nothing is asked here."""

from typing import Any

from rich.table import Table


def figure_table(providers: list[dict[str, Any]]) -> Table:
    """Two rows per provider, each share with the number of tries that it rests on."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in _COLUMNS:
        table.add_column(column, overflow="fold")
    for each in providers:
        table.add_row(each["name"], "24 h", *_row(each))
        table.add_row("", "7 d", *_row(each["week"]))
    return table


def score(told: dict[str, Any]) -> str:
    """Reliability in percent, and what it does not know."""
    if told["percent"] is None:
        return "-"
    return f"{told['percent']:.1f} %" + ("" if told["sends"] else " (checks only)")


_COLUMNS = ("provider", "over", "score", "sends", "checks", "failures/h", "average", "p95", "uptime", "failovers/day")


def _row(told: dict[str, Any]) -> tuple[str, ...]:
    figures = told["metrics"]
    return (
        score(told["score"]),
        _sample(figures["sends_ok"], figures["sends"]),
        _sample(figures["checks_ok"], figures["checks"]),
        f"{figures['failures_per_hour']:g}",
        _seconds(figures["average_seconds"]),
        _seconds(figures["p95_seconds"]),
        _percent(figures["uptime"]),
        f"{figures['failovers_per_day']:g}",
    )


def _sample(ok: int, tries: int) -> str:
    return f"{_percent(ok / tries)} of {tries}" if tries else "-"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.4g} %"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f} s"
