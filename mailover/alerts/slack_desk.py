"""The desk behind Slack's buttons and command: who may, what is ordered, and what the person is told.

Interactions are taken at once and served by a thread of their own, because Slack wants its answer within 3 s. Every
order goes through the service; the message is rewritten by the events that come of it.
"""

import logging
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from contextlib import suppress

from mailover.alerts.slack_buttons import Press
from mailover.alerts.slack_presses import Interaction
from mailover.alerts.slack_status import HELP, status
from mailover.errors import NotFoundError, RefusedError, StorageError
from mailover.service import Service
from mailover.storage.store import Remembered

_log = logging.getLogger("mailover.alerts.slack")

_MOST_WAITING = 100
_PATIENCE = 5.0
"""Seconds, twice: the end of the house waits for no Slack that hangs."""
_REMEMBERED = 1000
_DESK = ":slack"
"""Whose keys they are, among those of the API's callers; no token can have this name."""

Reply = Callable[[str, str], None]
"""Tells one person a text, at the address Slack gave for it. Never raises."""


class SlackDesk:
    """Serves interactions, one after another, each once."""

    def __init__(self, service: Service, operators: Collection[str], reply: Reply) -> None:
        """`operators` are the Slack ids of those who may; nothing is served before `start`."""
        self._service = service
        self._operators = frozenset(operators)
        self._reply = reply
        self._waiting: queue.Queue[Interaction | None] = queue.Queue(_MOST_WAITING)
        self._known: OrderedDict[str, None] = OrderedDict()
        self._thread = threading.Thread(target=self._run, name="mailover-slack-desk", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Serve what was taken, as far as that takes no more than some seconds, then end."""
        if self._thread.ident is not None:
            with suppress(queue.Full):
                self._waiting.put(None, timeout=_PATIENCE)
            self._thread.join(timeout=_PATIENCE)

    def take(self, interaction: Interaction) -> bool:
        """Take an interaction and return at once; False when too many wait, and Slack has to tell it again."""
        try:
            self._waiting.put_nowait(interaction)
        except queue.Full:
            _log.warning("slack: too many presses at once; one from %s was not taken", interaction.user)
            return False
        return True

    def serve(self, interaction: Interaction) -> None:
        """Do what is asked, unless it was done before. Never raises."""
        try:
            if not self._new(interaction.key):
                _log.info("slack: told again by Slack and not done twice: %s", _named(interaction.wish))
                return
            said = self._answer(interaction)
        except Exception:  # noqa: BLE001 - one press must not end the desk
            _log.exception("slack: a press could not be served")
            said = "That went wrong; mailover's log has the details."
        if said:
            self._reply(interaction.answer_to, said)

    def _run(self) -> None:
        while (interaction := self._waiting.get()) is not None:
            self.serve(interaction)

    def _answer(self, interaction: Interaction) -> str:
        wish = interaction.wish
        if interaction.user not in self._operators:
            _log.warning("slack: %s is no operator and may not: %s", interaction.user, _named(wish))
            return "You may not do this. Those who may are listed in mailover's config, [slack] operators."
        _log.info("slack: %s asks for: %s", interaction.user, _named(wish))
        return self._carry_out(wish, f"slack:{interaction.user}") if isinstance(wish, Press) else self._tell(wish)

    def _tell(self, typed: str) -> str:
        if typed.lower() != "status":
            return HELP
        return status(self._service.snapshot, self._service.stale_seconds(), self._service.clock.now())

    def _carry_out(self, press: Press, by: str) -> str:
        """Order it. Empty when its events say all there is to say."""
        try:
            decision = self._service.order(press.command(by, self._service.clock.now()))
        except (RefusedError, NotFoundError) as error:
            return f"That cannot be done: {error}."
        except TimeoutError:
            return "It is not known whether that was done: mailover took too long. Ask `/mailover status`."
        return "" if decision.events else "That is so already; nothing was changed."

    def _new(self, key: str) -> bool:
        """Whether this was never served, by any agent on the same store, as far as the store can tell."""
        if key in self._known:
            return False
        self._known[key] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        store, now = self._service.store, self._service.clock.now()
        try:
            if store.recall(key, _DESK, now) is not None:
                return False
            store.remember(key, _DESK, Remembered(digest="", status=200, body=b""), now)
        except StorageError as error:
            _log.warning("slack: that a press was served could not be written down: %s", error)
        return True


def _named(wish: Press | str) -> str:
    return " ".join(filter(None, (wish.verb, wish.stream, wish.provider))) if isinstance(wish, Press) else repr(wish)
