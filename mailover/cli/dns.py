"""Commands that ask the DNS. They need neither a config nor a running agent, and import neither unless wanted."""

import asyncio
import ipaddress

import click
from rich.text import Text

from dns_checks.lookup import DnsLookup
from dns_checks.remembered import Remembered
from dns_checks.servers import Server
from dns_checks.spf.evaluation import Result, check_host
from dns_checks.spf.record import Verdict
from mailover.cli.dns_matrix import check
from mailover.cli.nameservers import nameserver, timeout
from mailover.cli.session import as_json, console, print_json

_COLOURS = {
    Verdict.PASS: "green",
    Verdict.FAIL: "red",
    Verdict.SOFTFAIL: "yellow",
    Verdict.TEMPERROR: "yellow",
    Verdict.PERMERROR: "red",
}


@click.group()
def dns() -> None:
    """Look at the DNS that mail depends on."""


@dns.command()
@click.option("--ip", required=True, help="The address that connects.")
@click.option("--sender", required=True, help="The envelope sender (MAIL FROM); empty for a bounce.")
@click.option("--helo", required=True, help="The name it gives in HELO or EHLO.")
@nameserver
@timeout
@as_json
def spf(ip: str, sender: str, helo: str, nameservers: tuple[Server, ...], timeout: float, json_: bool) -> None:
    """Say what SPF says of mail from SENDER, and why. RFC 7208, in full.

    The exit code is 0 whatever the verdict is.
    """
    try:
        address = ipaddress.ip_address(ip)
    except ValueError as exc:
        raise click.BadParameter("must be an IPv4 or IPv6 address", param_hint="--ip") from exc

    async def check() -> Result:
        lookup = Remembered(DnsLookup(nameservers or None, lifetime=timeout), at_least=60)
        return await check_host(address, sender, helo, lookup)

    result = asyncio.run(check())
    if json_:
        print_json({"result": result.result, "explanation": result.explanation})
    else:
        _show(result)


def _show(result: Result) -> None:
    screen = console()
    verdict = (str(result.result), _COLOURS.get(result.result, "dim"))
    screen.print(Text.assemble(verdict, f": {_printable(result.because)}"))
    if result.explanation:
        screen.print(Text(f"the domain says: {result.explanation}"))
    for step in result.trace:
        text = _printable(f"{step.domain}  {step.term}  {step.outcome}")
        screen.print(Text("  " * (step.depth + 1) + text, style="dim"))
    screen.print(Text(f"{result.lookups} of 10 lookups, {result.voids} of 2 that found nothing", style="dim"))


def _printable(text: str) -> str:
    """What others wrote in their DNS, without what moves a terminal's cursor."""
    return "".join(char if char.isprintable() else "?" for char in text)


dns.add_command(check)

COMMANDS = (dns,)
