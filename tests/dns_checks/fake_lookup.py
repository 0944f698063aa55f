"""A `Lookup` that answers from a dictionary and counts what it is asked."""

from collections.abc import Mapping, Sequence
from typing import Any

from dns_checks.answers import Absent, Answer, Found, Kind, R, Unknown


class FakeLookup:
    """`{"example.com TXT": ["v=spf1 -all"]}`; a value may be an answer. Other names do not exist."""

    def __init__(self, records: Mapping[str, Sequence[Any] | Unknown | Absent]) -> None:
        self._records = records
        self._names = {key.split(" ")[0] for key in records}
        self.asked: list[str] = []

    async def ask(self, name: str, kind: Kind[R]) -> Answer[R]:
        name = name.removesuffix(".").lower()
        question = f"{name} {kind.name}"
        self.asked.append(question)
        known = self._records.get(question)
        if isinstance(known, Unknown | Absent):
            return known
        if not known:
            return Absent(exists=name in self._names)
        return Found(records=tuple(known), ttl=300.0)
