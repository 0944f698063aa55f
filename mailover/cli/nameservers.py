"""The options of commands that ask the DNS: which name servers, and for how long."""

import socket

import click

from dns_checks.servers import Server, server_from

_NO_SERVER = "says no address and port of a name server, as 192.0.2.53:53 does"


class _Nameserver(click.ParamType[Server]):
    """`HOST:PORT`, where the host may have a name."""

    name = "HOST:PORT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Server:
        text = str(value)
        try:
            return server_from(text)
        except ValueError:
            host, _, port = text.rpartition(":")
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM) if host else []
            return server_from(f"[{found[0][4][0]}]:{port}")
        except (OSError, ValueError, IndexError):
            self.fail(f"{text!r} {_NO_SERVER}", param, ctx)


nameserver = click.option(
    "--nameserver",
    "nameservers",
    type=_Nameserver(),
    multiple=True,
    help="The name server to ask; may be repeated. Default: those of /etc/resolv.conf.",
)
timeout = click.option(
    "--timeout",
    type=click.FloatRange(0.05, 20),
    default=4.0,
    show_default=True,
    help="Seconds that one question may take.",
)
