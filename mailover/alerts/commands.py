"""Hook commands: a program of the operator's, run for each event it asks for. Its exit status is the receipt.

When it is run and run again is the courier's business, as for every other way of telling.
"""

import json
import logging
from collections.abc import Mapping

from mailover.alerts.transport import DeliveryError
from mailover.config.adapters import HookSettings
from mailover.core.events import Event
from mailover.programs import run

_log = logging.getLogger("mailover.alerts")


class HookCommand:
    """A transport to one program."""

    def __init__(self, name: str, settings: HookSettings, source: str) -> None:
        """`source` is what events name as theirs."""
        self._name = name
        self._settings = settings
        self._source = source

    def __call__(self, event: Event) -> None:
        """Run it for one event. Raises DeliveryError with its exit status and last words."""
        body = json.dumps(event.body(self._source), separators=(",", ":"), ensure_ascii=False).encode()
        seconds = self._settings.timeout.total_seconds()
        outcome = run(self._settings.command, seconds, env=variables(event), given=body + b"\n")
        if not outcome.good:
            raise DeliveryError(str(outcome))
        _log.info("hook %s ran for %s in %.2f s: %s", self._name, event.id, outcome.seconds, outcome)


def variables(event: Event) -> Mapping[str, str]:
    """The event as environment variables, for programs that read no JSON: its plain facts, upper-case."""
    told = {"": str(event.type), "_ID": event.id, "_SUBJECT": event.subject, "_SEVERITY": str(event.severity)}
    facts = {**event.data, "because": event.because}
    plain = {f"_{key.upper()}": str(value) for key, value in facts.items() if isinstance(value, str | int | float)}
    return {f"MAILOVER_EVENT{key}": value.replace("\0", " ") for key, value in {**plain, **told}.items()}
