"""A relay over a queue that ails, beside a house that has none of its own."""

from typing import Any

from prometheus_client import CollectorRegistry

from mailover.bootstrap import House
from mailover.config import Settings
from mailover.relay.figures import Figures
from mailover.relay.life import Relay
from mailover.relay.pulse import Pulse
from mailover.relay.running import Ground


class Sick:
    """A queue with a defect, once: the end of the first life."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self.failed = False

    def depths(self) -> object:
        if not self.failed:
            self.failed = True
            raise ZeroDivisionError
        return self._queue.depths()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)


def relay_over(
    queue: Any, settings: Settings, house: House, *, service: Any = None, pulse: Pulse | None = None
) -> Relay:
    """Not started yet. `service` and `pulse` take the place of the house's and of a new one."""
    assert settings.relay is not None
    ground = Ground(
        service=service or house.service,
        queue=queue,
        sender_of=lambda _: None,
        figures=Figures(CollectorRegistry()),
        keep=lambda: house.service.keep.history,
        pulse=pulse or Pulse(),
        alone=True,
    )
    return Relay(settings, settings.relay, ground)
