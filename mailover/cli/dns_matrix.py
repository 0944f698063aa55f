"""`mailover dns check`: every domain with every provider, as a matrix, with what to do about it."""

import asyncio
import contextlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from dns_checks.alignment import Passes
from dns_checks.catalogue import find_entry, similar_words
from dns_checks.conventions import ProviderDns, conventions_of
from dns_checks.dkim import Selector
from dns_checks.findings import Check, Finding, printable, worst
from dns_checks.lookup import DnsLookup
from dns_checks.mx import Reach
from dns_checks.remembered import Remembered
from dns_checks.report import Also, Report, check_all
from dns_checks.servers import Server
from dns_checks.tls_policies import Fetch
from dns_checks.zone_servers import Asking
from mailover.cli.nameservers import nameserver, timeout
from mailover.cli.session import OK, UNHEALTHY, Session, as_json, console, guarded, pass_session, print_json
from mailover.core.events import Severity
from mailover.errors import ConfigError, NotFoundError, RefusedError

_COLOURS = {
    Passes.BOTH: "green",
    Passes.DKIM_ONLY: "green",
    Passes.SPF_ONLY: "yellow",
    Passes.NONE: "bold red",
    Passes.UNKNOWN: "dim",
}
_SEVERITIES = {None: "green", Severity.INFO: "dim", Severity.WARNING: "yellow", Severity.CRITICAL: "red"}
_NO_DOMAIN = "dns.domains: is missing; name a domain, as in `mailover dns check example.com --provider postmark`"
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})+")
_RUN_SECONDS = 3600.0
"""Longer than any run: within one nothing is asked twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What to check."""

    domains: tuple[str, ...]
    providers: tuple[ProviderDns, ...]
    also: Also


@click.command()
@click.argument("domains", nargs=-1, metavar="[DOMAIN]...")
@click.option("--provider", "names", multiple=True, help="A provider of the config or the catalogue; may be repeated.")
@click.option(
    "--selector", "selectors", multiple=True, metavar="PROVIDER=NAME", help="A DKIM selector; may be repeated."
)
@click.option(
    "--return-path", "paths", multiple=True, metavar="PROVIDER=DOMAIN", help="The domain in the envelope of its mail."
)
@click.option(
    "--also",
    "more",
    multiple=True,
    type=click.Choice(["mx", "authority", "tls"]),
    help="Look at MX, at every authoritative name server, at MTA-STS, TLS-RPT and DANE as well.",
)
@click.option("--reach", is_flag=True, help="Look at MX, and connect to each on port 25; no mail is sent.")
@click.option("--all", "every", is_flag=True, help="Show what is as it should be, too.")
@nameserver
@timeout
@as_json
@pass_session
@guarded
def check(
    session: Session,
    domains: tuple[str, ...],
    names: tuple[str, ...],
    selectors: tuple[str, ...],
    paths: tuple[str, ...],
    more: tuple[str, ...],
    reach: bool,
    every: bool,
    nameservers: tuple[Server, ...],
    timeout: float,
    json_: bool,
) -> None:
    """Say whether mail will pass DMARC, and by what. For each domain and provider.

    They are those of the config, unless named; then no config is needed. Exit code 1 when mail fails.
    """
    wanted = _wanted(session, domains, names, more)
    told = _pairs(selectors, "--selector"), _pairs(paths, "--return-path")
    wanted = replace(wanted, providers=tuple(_with(dns, *told) for dns in wanted.providers))
    unknown = sorted({*told[0], *told[1]} - {dns.provider for dns in wanted.providers})
    if unknown:
        raise NotFoundError(f"{unknown[0]!r} is not among the providers of this check")
    if "authority" in more:
        wanted = replace(wanted, also=replace(wanted.also, asking=_asking(timeout)))
    if "tls" in more:
        wanted = replace(wanted, also=replace(wanted.also, fetch=_fetch(nameservers)))
    if reach:
        wanted = replace(wanted, also=replace(wanted.also, mx=True, reach=_reach()))
    report = asyncio.run(_run(wanted, nameservers, timeout, quiet=json_))
    if json_:
        print_json({"broken": report.broken, **report.body()})
    else:
        _show(report, wanted, every=every)
    raise SystemExit(UNHEALTHY if report.broken else OK)


def _wanted(session: Session, domains: tuple[str, ...], names: tuple[str, ...], more: tuple[str, ...]) -> _Wanted:
    """What is named, filled up from the config where there is one and something is missing."""
    named = tuple(dict.fromkeys(map(_domain, domains)))
    try:
        configured, watched, exchangers = _configured(session)
    except ConfigError:
        if session.option is not None or not (named and names):
            raise
        configured, watched, exchangers = {}, (), ()
    also = Also(mx="mx" in more, exchangers=exchangers, tls="tls" in more)
    named = named or watched
    if not named:
        raise ConfigError([_NO_DOMAIN])
    providers = tuple(configured.get(name) or _known(name) for name in names) or tuple(configured.values())
    return _Wanted(domains=named, providers=providers, also=also)


def _domain(text: str) -> str:
    """A domain as the DNS knows it: lower case, no final dot, other scripts as A-labels."""
    domain = text.lower().removesuffix(".")
    with contextlib.suppress(UnicodeError):
        domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    if not _DOMAIN.fullmatch(domain):
        raise RefusedError(f"{text!r} is not a domain, such as example.com")
    return domain


def _configured(session: Session) -> tuple[Mapping[str, ProviderDns], tuple[str, ...], tuple[str, ...]]:
    """The config's providers, domains and mail exchangers; nothing when there is no config."""
    from mailover.config.dns_needs import provider_needs  # noqa: PLC0415 - only where a config is wanted

    if session.path is None:
        return {}, (), ()
    settings = session.settings
    watched = settings.dns
    return provider_needs(settings), watched.domains if watched else (), watched.mx if watched else ()


def _known(name: str) -> ProviderDns:
    entry = find_entry(name)
    if entry is None:
        similar = similar_words(name)
        raise NotFoundError(f"no provider is called {name!r}" + (f"; did you mean {similar[0]!r}?" if similar else ""))
    return conventions_of(entry, provider=name)


def _pairs(texts: Sequence[str], option: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise RefusedError(f"{option} takes PROVIDER=VALUE, as in postmark=pm")
        found.setdefault(name, []).append(value)
    return found


def _with(dns: ProviderDns, selectors: Mapping[str, list[str]], paths: Mapping[str, list[str]]) -> ProviderDns:
    """The provider with what was said of the account."""
    if dns.provider in selectors:
        dns = replace(dns, selectors=tuple(Selector(name=name) for name in selectors[dns.provider]))
    if dns.provider in paths:
        dns = replace(dns, return_path=paths[dns.provider][-1], envelope_verified=True)
    return dns


def _asking(seconds: float) -> Asking:
    return lambda address: DnsLookup([Server(address)], lifetime=seconds, recursive=False)


def _fetch(servers: Sequence[Server]) -> Fetch:
    from agent.sts_policy import fetching  # noqa: PLC0415 - only where it is wanted
    from mailover.resolve import Resolver  # noqa: PLC0415 - as above

    return fetching(Resolver(nameservers=[str(server) for server in servers]))


def _reach() -> Reach:
    from agent.mail_exchangers import reaching  # noqa: PLC0415 - only where it is wanted

    return reaching()


async def _run(wanted: _Wanted, servers: Sequence[Server], seconds: float, *, quiet: bool) -> Report:
    lookup = Remembered(DnsLookup(servers or None, lifetime=seconds), at_least=_RUN_SECONDS)
    bar = Progress(
        TextColumn("asking"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=quiet or not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task("asking", total=len(wanted.domains) * (len(wanted.providers) + 1))
        return await check_all(
            wanted.domains, wanted.providers, lookup, also=wanted.also, told=lambda: bar.advance(task)
        )


def _show(report: Report, wanted: _Wanted, *, every: bool) -> None:
    screen = console()
    if wanted.providers:
        screen.print(_matrix(report, wanted))
    for line in _words(report, every=every):
        screen.print(line)


def _matrix(report: Report, wanted: _Wanted) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("domain", overflow="fold")
    for dns in wanted.providers:
        table.add_column(dns.provider, overflow="fold")
    verdicts = {(cell.domain, cell.provider): cell.verdict for cell in report.cells}
    for domain in wanted.domains:
        found = (verdicts[domain, dns.provider] for dns in wanted.providers)
        table.add_row(printable(domain), *(Text(str(verdict), style=_COLOURS[verdict]) for verdict in found))
    return table


def _words(report: Report, *, every: bool) -> Iterator[Text]:
    """What there is to say, the pairs first; a pair whose mail passes by both has nothing to add."""
    groups = [(f"{cell.domain} with {cell.provider}", cell.findings) for cell in report.cells]
    groups += [(domain, findings) for domain, findings in report.findings.items()]
    groups += [(finding.domain, (finding,)) for finding in report.listed]
    for headline, findings in groups:
        shown = [each for each in findings if every or each.severity is not None]
        if not shown:
            continue
        yield Text()
        yield Text(printable(headline), style=f"bold {_SEVERITIES[worst(findings)]}")
        for finding in shown:
            yield from _told(finding)


def _told(finding: Finding) -> Iterator[Text]:
    verdict = (f"{finding.check} {finding.verdict}", _SEVERITIES[finding.severity])
    because = finding.because.partition("; ")[0] if finding.check is Check.ALIGNMENT else finding.because
    yield Text.assemble("  ", verdict, f": {printable(because)}")  # what alignment rests on has its own lines
    if finding.advice:
        yield Text(f"      {printable(finding.advice)}", style="cyan")
