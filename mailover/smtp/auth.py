"""Logging in (RFC 4954): one mechanism, one attempt, a few rounds. Challenges in, answers out; no wire here."""

import base64
import binascii
import json
from collections.abc import Sequence

from mailover.smtp.capabilities import Capabilities
from mailover.smtp.commands import Command, Verb, auth_line, command
from mailover.smtp.endpoint import Credentials, Mechanism
from mailover.smtp.replies import printable

ROUNDS_LIMIT = 5
_CANCEL = "*"
_PREFERRED = (Mechanism.PLAIN, Mechanism.LOGIN)


class NoMechanismError(Exception):
    """The server offers no way to log in that may be used."""


def choose_mechanism(credentials: Credentials, offered: Capabilities) -> Mechanism:
    """The configured mechanism, else the best offered. There is no second choice after a refusal: it would lock out."""
    if credentials.mechanism is not None:
        candidates: Sequence[Mechanism] = (credentials.mechanism,)
    else:
        candidates = _PREFERRED
    for mechanism in candidates:
        if mechanism in offered.mechanisms:
            return mechanism
    if "AUTH" not in offered.keywords:
        raise NoMechanismError("the server does not offer AUTH")
    wanted = " or ".join(candidates)
    raise NoMechanismError(f"the server does not offer AUTH {wanted}, only {printable(' '.join(offered.mechanisms))}")


class Exchange:
    """One attempt to log in with one mechanism."""

    def __init__(self, credentials: Credentials, mechanism: Mechanism) -> None:
        username, password = credentials.username, credentials.password.reveal()
        self._mechanism = mechanism
        self._responses: list[str]
        if mechanism is Mechanism.LOGIN:
            self._initial = ""
            self._responses = [_base64(username), _base64(password)]
        elif mechanism is Mechanism.PLAIN:
            self._initial = _base64(f"\0{username}\0{password}")
            self._responses = [self._initial]  # for a server that wants it only after a challenge
        else:
            self._initial = _base64(f"user={username}\1auth=Bearer {password}\1\1")
            self._responses = []
        self.secrets = (password, _base64(password), *filter(None, [self._initial]))
        """Everything that a reply might echo and nobody may read."""
        self.problem = ""
        """What an XOAUTH2 challenge said was wrong with the token."""

    def first(self) -> Command:
        """The AUTH command."""
        return command(Verb.AUTH, f"{self._mechanism.value} {self._initial}")

    def answer(self, challenge: str) -> Command:
        """The answer to a 334; what cannot be answered is cancelled, and the server then says why."""
        if self._mechanism is Mechanism.XOAUTH2:
            self.problem = self.problem or _problem(challenge)
            return auth_line("")
        return auth_line(self._responses.pop(0) if self._responses else _CANCEL)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _problem(challenge: str) -> str:
    """The status in the JSON of an error challenge, as Google and Microsoft send it; nothing if it is anything else."""
    try:
        told = json.loads(base64.b64decode(challenge, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return ""
    if not isinstance(told, dict):
        return ""
    facts = (f"{key} {told[key]}" for key in ("status", "error", "error_description") if key in told)
    return printable(", ".join(facts), 120)
