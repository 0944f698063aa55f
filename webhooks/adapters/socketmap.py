"""Postfix's socketmap (socketmap_table(5)): the ordered list of hops for a recipient, for `transport_maps`.

Postfix tries such a list in order, so it moves on by itself when a hop refuses, before any probe has noticed. It is
never told TEMP, which would refuse all mail, and nothing for `*`, which it would remember for half a minute.
"""

from collections.abc import Callable, Sequence

from mailover.clock import Clock
from mailover.config.adapters import SocketmapSettings
from mailover.core.providers import Provider, Tls
from mailover.service import Snapshot
from webhooks.adapters.choice import places, way_of
from webhooks.adapters.lines import Said
from webhooks.adapters.wonder import Wonder

_LONGEST = 2048
"""Bytes of a question; an address has 320 at most."""
_DIGITS = len(str(_LONGEST))
_DEFAULT_MAP = "transport"
_NOT_FOUND = "NOTFOUND "


class Answers:
    """What Postfix is told."""

    def __init__(self, settings: SocketmapSettings, snapshot: Callable[[], Snapshot], clock: Clock) -> None:
        """`snapshot` gives the present one."""
        self._settings = settings
        self._snapshot = snapshot
        self._clock = clock
        self._wonder = Wonder(f"postfix asks for a map that is no stream and not called {_DEFAULT_MAP}")

    def answer(self, name: str, key: str) -> str:
        """The reply for a key of a map; a map is called `transport`, or as a stream."""
        snapshot = self._snapshot()
        stream = name if name in snapshot.flags else snapshot.default_stream
        if name not in {stream, _DEFAULT_MAP}:
            self._wonder.at(name)  # an error would refuse all mail
            return _NOT_FOUND
        recipient = key.lower()
        _, at, domain = recipient.rpartition("@")
        if not at or not domain or domain in self._settings.local_domains:
            return _NOT_FOUND
        way = way_of(snapshot, self._clock.now(), stream=stream, recipient=recipient)
        return f"OK {next_hops(places(snapshot, way), self._settings)}"


def next_hops(ways: Sequence[Provider], settings: SocketmapSettings) -> str:
    """A service with its hops in order, as transport(5) writes them; those with another kind of TLS are left out."""
    if not ways:
        return settings.hold
    wrapped = ways[0].tls is Tls.IMPLICIT
    alike = (each for each in ways if (each.tls is Tls.IMPLICIT) == wrapped)
    listed = ", ".join(f"[{each.host}]:{each.port}" for each in alike)
    return f"{settings.implicit_transport if wrapped else settings.transport}:{listed}"


class Conversation:
    """One connection: netstrings in, netstrings out."""

    def __init__(self, answers: Answers) -> None:
        """Nothing was heard yet."""
        self._answers = answers
        self._heard = b""

    def hear(self, data: bytes) -> Said:
        """Answer every question that is complete; what is no netstring ends the connection."""
        heard, told, at = self._heard + data, bytearray(), 0
        while at < len(heard):
            colon = heard.find(b":", at, at + _DIGITS + 1)
            length = heard[at:colon] if colon >= 0 else heard[at : at + _DIGITS + 1]
            if len(length) > _DIGITS or not length.isdigit():
                return Said(answer=bytes(told), over=True)
            if colon < 0:
                break
            begin, size = colon + 1, int(length)
            end = begin + size
            if size > _LONGEST or heard[end : end + 1] not in {b"", b","}:
                return Said(answer=bytes(told), over=True)
            if len(heard) <= end:
                break
            told += _netstring(self._reply(heard[begin:end]))
            at = end + 1
        self._heard = heard[at:]
        return Said(answer=bytes(told), complete=bool(told))

    def _reply(self, question: bytes) -> str:
        name, _, key = question.decode("utf-8", "replace").partition(" ")
        return self._answers.answer(name, key)


def _netstring(text: str) -> bytes:
    payload = text.encode("utf-8", "replace")
    return b"%d:%b," % (len(payload), payload)
