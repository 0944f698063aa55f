"""The validated names of an address (RFC 7208 section 5.5), for `ptr` and the `p` macro. Asked once per check."""

import asyncio
from ipaddress import IPv4Address, IPv6Address, ip_address

from dns_checks.answers import AAAA, PTR, A, Answer, Found, Kind, Lookup

_MOST_NAMES = 10


class Pointers:
    """One address's names, asked for when first wanted."""

    def __init__(self, address: IPv4Address | IPv6Address, lookup: Lookup) -> None:
        self._address = address
        self._lookup = lookup
        self._family: Kind[str] = A if isinstance(address, IPv4Address) else AAAA
        self._answer: Answer[str] | None = None
        self._validated: tuple[str, ...] | None = None

    async def answer(self) -> Answer[str]:
        """What the address's own owner says that it is called."""
        if self._answer is None:
            self._answer = await self._lookup.ask(self._address.reverse_pointer, PTR)
        return self._answer

    async def validated(self) -> tuple[str, ...]:
        """Those of the first ten names that lead back to the address, in lower case; an error skips a name."""
        if self._validated is None:
            answer = await self.answer()
            names = [name.lower() for name in answer.records[:_MOST_NAMES]] if isinstance(answer, Found) else []
            back = await asyncio.gather(*(self._leads_back(name) for name in names))
            self._validated = tuple(name for name, leads in zip(names, back, strict=True) if leads)
        return self._validated

    async def best(self, domain: str) -> str:
        """The `p` macro (section 7.3): the domain itself, else a name below it, else any, else "unknown"."""
        domain = domain.lower()
        names = await self.validated()
        below = (name for name in names if name.endswith(f".{domain}"))
        return domain if domain in names else next(below, names[0] if names else "unknown")

    async def _leads_back(self, name: str) -> bool:
        answer = await self._lookup.ask(name, self._family)
        return isinstance(answer, Found) and any(ip_address(each) == self._address for each in answer.records)
