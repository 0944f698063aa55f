"""Which name servers there are to ask: their addresses, as people write them and as the system has them."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

_DNS_PORT = 53
_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Server:
    """A name server's address."""

    host: str
    port: int = _DNS_PORT

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def server_from(text: str) -> Server:
    """`address`, `address:port` or `[address]:port`. Raises ValueError."""
    try:
        return Server(str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))))
    except ValueError:
        host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) <= _HIGHEST_PORT):
        raise ValueError(f"not the address of a name server: {text!r}")
    return Server(str(ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))), int(port))


def system_servers(resolv_conf: str = "/etc/resolv.conf") -> tuple[Server, ...]:
    """The name servers this machine asks; none when the file says none."""
    try:
        lines = Path(resolv_conf).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    named = (words[1] for words in map(str.split, lines) if len(words) > 1 and words[0] == "nameserver")
    found = []
    for text in named:
        try:
            found.append(Server(str(ipaddress.ip_address(text))))
        except ValueError:
            continue
    return tuple(found)
