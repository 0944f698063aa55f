"""Plug-ins of the operator's that choose an order: found among the installed distributions, asked, and never trusted.

Each runs in a thread of its own with plain values that are made for it. One that raises, takes long, answers garbage or
is not there has no opinion; its stream goes on by the built-in rules, and the log says so once a minute.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from importlib.metadata import entry_points
from typing import Any

from mailover.core.fleet import Fleet
from mailover.core.letters import Letter
from mailover.core.orders import usual_order_of
from mailover.core.policy import Policy

GROUP = "mailover.selectors"

Selector = Callable[[dict[str, Any]], Any]
"""What a plug-in is: a function of one dictionary (docs/routing.md) to names of providers, best first, or None."""

_log = logging.getLogger("mailover.selectors")

_PATIENCE = 0.1
"""Seconds; the longest a message waits for a plug-in, and how far it may fall behind in all."""
_FAIR = 0.01
"""Seconds; what one answer may take again and again."""
_REST = 60.0
"""Seconds for which one that is too slow is not asked."""
_COMPLAIN_EVERY = 60.0
_LONGEST_ANSWER = 100


def installed(name: str) -> Selector:
    """The plug-in of that name. Raises LookupError when no distribution has it, and whatever its import raises."""
    for found in entry_points(group=GROUP, name=name):
        loaded = found.load()
        if not callable(loaded):
            raise TypeError(f"{found.value} is no function")
        return loaded  # type: ignore[no-any-return]
    raise LookupError(f"no installed package has an entry point {name!r} in the group {GROUP}")


def known() -> frozenset[str]:
    """The names of all that are installed."""
    return frozenset(found.name for found in entry_points(group=GROUP))


class Selectors:
    """All plug-ins that streams name. Thread-safe; nothing here ever raises for what a plug-in does."""

    def __init__(
        self,
        find: Callable[[str], Selector] = installed,
        *,
        patience: float = _PATIENCE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`find` loads a plug-in, in its own thread, when it is first asked for."""
        self._find = find
        self._patience = patience
        self._monotonic = monotonic
        self._known: dict[str, _Asked] = {}
        self._making = threading.Lock()

    def order(self, fleet: Fleet, policy: Policy, stream: str, now: datetime) -> tuple[str, ...]:
        """What a stream's plug-in wants the flag's order to be; empty when it has nothing to say."""
        configured, state = policy.streams.get(stream), fleet.streams.get(stream)
        if configured is None or state is None or not configured.mail.selector:
            return ()
        usual = usual_order_of(state, configured, now)
        return self._ask(configured.mail.selector, _question(fleet, policy, stream, usual, now))

    def message(
        self, fleet: Fleet, policy: Policy, letter: Letter, may_carry: tuple[str, ...], now: datetime
    ) -> tuple[str, ...]:
        """What it wants for one message, among those that may carry it."""
        configured = policy.streams.get(letter.stream)
        if configured is None or not configured.mail.selector or not may_carry:
            return ()
        question = _question(fleet, policy, letter.stream, may_carry, now)
        question["message"] = {"recipient": letter.recipient, "key": letter.key, "region": letter.region}
        return self._ask(configured.mail.selector, question)

    def _ask(self, name: str, question: dict[str, Any]) -> tuple[str, ...]:
        asked = self._known.get(name)
        if asked is None:
            with self._making:
                asked = self._known.setdefault(name, _Asked(name, self._find, self._patience, self._monotonic))
        return asked.ask(question)


class _Asked:
    """One plug-in, its thread, and how much of our patience it has used up."""

    def __init__(
        self, name: str, find: Callable[[str], Selector], patience: float, monotonic: Callable[[], float]
    ) -> None:
        self._name, self._find, self._patience, self._monotonic = name, find, patience, monotonic
        self._inbox: queue.SimpleQueue[tuple[dict[str, Any], Future[tuple[str, ...]]]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._pending: Future[tuple[str, ...]] | None = None
        self._debt = 0.0
        self._resting_until = 0.0
        self._complained_at = -_COMPLAIN_EVERY
        self._loaded = threading.Event()
        self._loading_patience = patience
        threading.Thread(target=self._work, name=f"mailover-selector-{name}", daemon=True).start()

    def ask(self, question: dict[str, Any]) -> tuple[str, ...]:
        """Its answer, or nothing."""
        if not self._loaded.wait(self._loading_patience):
            self._loading_patience = 0.0  # nobody waits a second time
            return ()
        if not self._lock.acquire(timeout=self._patience):
            return ()
        try:
            if self._monotonic() < self._resting_until or (self._pending is not None and not self._pending.done()):
                return ()
            return self._wait_for(question)
        finally:
            self._lock.release()

    def _wait_for(self, question: dict[str, Any]) -> tuple[str, ...]:
        self._pending = Future()
        self._inbox.put((question, self._pending))
        try:
            answer = self._pending.result(self._patience)
        except TimeoutError:
            self._rest(f"has not answered within {self._patience:g} s")
            return ()
        except BaseException as error:  # noqa: BLE001 - a plug-in may raise what it likes
            self._complain(f"failed: {type(error).__name__}: {str(error)[:200]}")
            answer = ()
        if self._debt >= self._patience:
            self._rest("takes too long for its answers")
        return answer

    def _rest(self, why: str) -> None:
        self._debt = 0.0
        self._resting_until = self._monotonic() + _REST
        self._complain(f"{why}; it is not asked for {_REST:g} s")

    def _complain(self, what: str) -> None:
        if self._monotonic() >= self._complained_at + _COMPLAIN_EVERY:
            self._complained_at = self._monotonic()
            _log.warning("the selector %s %s; the built-in order is used", self._name, what)

    # -- its thread -----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        selector = self._load()
        self._loaded.set()
        while True:
            question, answer = self._inbox.get()
            began = self._monotonic()
            try:
                names, error = _names(selector(question)), None
            except BaseException as raised:  # noqa: BLE001 - also SystemExit, which would end this thread unseen
                names, error = (), raised
            self._debt = max(0.0, self._debt + self._monotonic() - began - _FAIR)
            answer.set_exception(error) if error is not None else answer.set_result(names)

    def _load(self) -> Selector:
        try:
            return self._find(self._name)
        except BaseException as error:  # noqa: BLE001 - importing foreign code
            failed = RuntimeError(f"it cannot be used: {type(error).__name__}: {error}")

        def absent(_question: dict[str, Any]) -> None:
            raise failed

        return absent


def _names(answer: object) -> tuple[str, ...]:
    """The names in an answer. Raises TypeError for one that is no list of names."""
    if answer is None:
        return ()
    if not isinstance(answer, list | tuple) or len(answer) > _LONGEST_ANSWER:
        raise TypeError("the answer is no list of names")
    names = tuple(answer)
    if not all(type(name) is str for name in names):
        raise TypeError("the answer is no list of names")
    return names


def _question(fleet: Fleet, policy: Policy, stream: str, usual: tuple[str, ...], now: datetime) -> dict[str, Any]:
    """Made anew for each question, so that nothing of ours can be changed through it."""
    known = [name for name in usual if name in policy.providers and name in fleet.breakers]
    flag = fleet.streams[stream].flag
    return {
        "stream": stream,
        "now": now,
        "providers": list(usual),
        "active": flag.provider,
        "mode": str(flag.mode),
        "health": {name: _health(fleet, policy, name) for name in known},
        "message": None,
    }


def _health(fleet: Fleet, policy: Policy, name: str) -> dict[str, Any]:
    breaker = fleet.breakers[name]
    return {
        "breaker": str(breaker.state),
        "slow": breaker.slow,
        "failing": bool(breaker.runs),
        "degraded": breaker.watch.degraded,
        "seconds": breaker.seconds,
        "dns": breaker.dns,
        "regions": list(policy.providers[name].regions),
    }
