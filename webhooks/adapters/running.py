"""Which adapters run: begun and ended as the config says, each by itself, and listening before anybody is told READY.

The adapters of the HTTP API need no starting: their paths ask the config.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from mailover.config.adapters import AdaptersSettings
from mailover.config.fields import Address, Table
from mailover.config.listening import not_listening
from mailover.errors import ConfigError
from mailover.service import Service, Snapshot
from webhooks.adapters import exim, haproxy, socketmap
from webhooks.adapters.files import FlagFiles
from webhooks.adapters.lines import Dialogue, LineServer
from webhooks.adapters.questions import OneQuestion
from webhooks.adapters.upkeep import Upkeep
from webhooks.adapters.wonder import Wonder


class Adapter(Protocol):
    """What runs."""

    def start(self) -> None:
        """Raises OSError when its address is taken."""

    def stop(self) -> None:
        """End it; harmless when it never began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One adapter as the config has it."""

    name: str
    settings: tuple[Table | None, ...]
    """All that it depends on: one whose settings stay the same goes on as it is."""
    make: Callable[[], Adapter]
    listen: Address | None = None


class Adapters:
    """All that run at this moment."""

    def __init__(self, service: Service) -> None:
        """None yet."""
        self._service = service
        self._running: dict[str, tuple[Planned, Adapter]] = {}

    def use(self, settings: AdaptersSettings) -> None:
        """Run these from now on, and no others; those that stay the same are not touched.

        Raises ConfigError when one cannot begin, and then all is as it was.
        """
        before = [planned for planned, _ in self._running.values()]
        try:
            self._become(list(_planned(settings, self._service)))
        except ConfigError:
            self._become(before)
            raise

    def stop(self) -> None:
        """End them all."""
        self._become([])

    def port(self, name: str) -> int:
        """Where a listening one listens."""
        adapter = self._running[name][1]
        assert isinstance(adapter, LineServer)  # noqa: S101 - no other listens
        return adapter.port

    def _become(self, plan: list[Planned]) -> None:
        staying = {each.name: each.settings for each in plan}
        for name, (planned, adapter) in list(self._running.items()):
            if staying.get(name) != planned.settings:
                del self._running[name]
                adapter.stop()
        for planned in plan:
            if planned.name not in self._running:
                self._running[planned.name] = (planned, _started(planned))


def _started(planned: Planned) -> Adapter:
    adapter = planned.make()
    try:
        adapter.start()
    except OSError as error:
        raise not_listening(f"adapters.{planned.name}.listen", planned.listen, error) from error
    return adapter


def _planned(settings: AdaptersSettings, service: Service) -> Iterator[Planned]:
    def snapshot() -> Snapshot:
        return service.snapshot

    if (postfix := settings.socketmap) is not None:
        answers = socketmap.Answers(postfix, snapshot, service.clock)
        yield _listening("socketmap", postfix, postfix.listen, partial(socketmap.Conversation, answers))
    if (proxy := settings.haproxy) is not None:
        yield _listening("haproxy", proxy, proxy.listen, partial(OneQuestion, haproxy.agent(snapshot)))
    if (mta := settings.exim) is not None:
        wonder = Wonder("exim asks for what is no stream")
        router = partial(OneQuestion, lambda asked: exim.hosts(snapshot(), service.clock.now(), asked, wonder))
        yield _listening("exim", mta, mta.listen, router)
    if (files := settings.files) is not None:
        yield Planned(
            name="files",
            settings=(files, settings.socketmap),
            make=lambda: Upkeep("files", service, FlagFiles(files, settings.socketmap).bring),
        )
    if (record := settings.dns_update) is not None:
        from webhooks.adapters.dns_update import DnsUpdate  # noqa: PLC0415 - of dnspython's updates few houses need any

        yield Planned(
            name="dns_update",
            settings=(record,),
            make=lambda: Upkeep("dns-update", service, DnsUpdate(record).bring),
        )


def _listening(name: str, settings: Table, listen: Address, dialogue: Callable[[], Dialogue]) -> Planned:
    return Planned(name=name, settings=(settings,), make=lambda: LineServer(name, listen, dialogue), listen=listen)
