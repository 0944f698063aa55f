"""Who is asking, and may they: tokens, their scopes, and the guard of a server without any token.

Every request passes here before it is routed, so that a wrong path tells a stranger nothing. Knows no framework.
"""

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mailover.config.outlets import Scope
from mailover.errors import StorageError
from mailover.storage.store import StoredToken
from webhooks import docs_page
from webhooks.answers import JSON_TYPE, Answer, problem

_log = logging.getLogger("mailover.webhooks")

_LOOPBACK_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
_ORIGIN = re.compile(r"https?://([^/]+)", re.IGNORECASE)
_NO_FORM = frozenset({JSON_TYPE, "message/rfc822"})
"""What a web page cannot send elsewhere without asking first."""


_OPEN = frozenset({"/healthz", "/readyz", "/v1/slack/interactive"})
"""What needs no token: the first two tell nothing, and Slack signs what it sends, as do providers that give feedback.
Nor does the page at `/docs`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is kept: by its SHA-256, which is enough for 256 random bits."""

    name: str
    sha256: bytes
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who was let in. The name is the reporter's name, and the `by` of what is ordered."""

    name: str


ANONYMOUS = Caller(name="anonymous")
"""Everybody, on a server without tokens."""

UNAUTHORIZED = problem(401, "A valid token is needed.", headers=[("WWW-Authenticate", 'Bearer realm="mailover"')])
"""One answer for a missing, a wrong and a malformed token."""


_PERSONAL = ("/v1/subscriptions", "/v1/messages", "/v1/suppressions", "/v1/recipients")
"""What names people or holds secrets: reading it is an operator's business."""


def new_secret() -> str:
    """A fresh token to be shown once: 256 random bits with a prefix that secret scanners can find."""
    return f"mlo_{secrets.token_urlsafe(32)}"


def token(name: str, secret: str, scopes: Iterable[str]) -> Token:
    """The token as it is kept. Raises ValueError for an unknown scope."""
    return Token(name=name, sha256=_digest(secret), scopes=frozenset(Scope(scope) for scope in scopes))


def scope_of(method: str, path: str) -> Scope | None:
    """The scope a request needs, None for those that anybody may make."""
    if path in _OPEN or path in docs_page.PATHS or path.startswith("/v1/feedback/"):
        return None
    if path == "/metrics":
        return Scope.METRICS
    if path == "/v1/reports" or path.startswith("/v1/mailbox/"):
        return Scope.REPORT
    if path.startswith("/ofrep/"):  # evaluating a flag is reading, though OFREP posts its context
        return Scope.READ
    if path == "/v1/messages" and method == "POST":
        return Scope.SEND
    if path.startswith(_PERSONAL):
        return Scope.OPERATE
    return Scope.READ if method in {"GET", "HEAD"} else Scope.OPERATE


class Gate:
    """Lets callers in. The store's tokens are kept in memory, so that a reader of the flag waits for no database."""

    def __init__(
        self, tokens: Sequence[Token] = (), stored: Callable[[], Iterable[StoredToken]] = tuple, *, loopback: bool
    ) -> None:
        """`stored` reads the tokens made at run time; `loopback` says that only this machine can reach the server."""
        self._configured = tuple(tokens)
        self._read_stored = stored
        self._stored: tuple[Token, ...] | None = None
        self._loopback = loopback
        self.refresh()

    def use(self, tokens: Sequence[Token]) -> None:
        """Know these configured tokens from now on, and no others."""
        self._configured = tuple(tokens)

    def refresh(self) -> None:
        """Read the store's tokens again; while it cannot be read the old ones stay."""
        try:
            found = tuple(self._read_stored())
        except StorageError as error:
            _log.debug("the tokens could not be read: %s", error)
            return
        self._stored = tuple(_as_token(each) for each in found)

    def holder(self, secret: str, scope: Scope) -> Caller | None:
        """Whose token this is, where it has the scope: for who presents it otherwise than over HTTP."""
        held = self._find(secret)
        return Caller(name=held.name) if held is not None and scope in held.scopes else None

    def admit(self, method: str, path: str, headers: Mapping[str, str]) -> Caller | Answer:
        """The caller, or the answer that turns it away. `headers` have lower-case names."""
        scope = scope_of(method, path)
        if scope is None:
            return ANONYMOUS
        if self._open:
            return _foreign(method, headers) or ANONYMOUS
        held = self._find(_presented(headers))
        if held is None:
            return UNAUTHORIZED
        if scope in held.scopes or (scope is Scope.READ and Scope.OPERATE in held.scopes):
            return Caller(name=held.name)
        lacking = f'Bearer realm="mailover", error="insufficient_scope", scope="{scope}"'
        return problem(403, f"This needs the scope {scope}.", headers=[("WWW-Authenticate", lacking)])

    @property
    def tokens(self) -> Sequence[Token]:
        """Every token there is at this moment."""
        return (*self._configured, *(self._stored or ()))

    @property
    def _open(self) -> bool:
        """No token exists for certain, and only this machine can ask."""
        return self._loopback and not self._configured and self._stored == ()

    def _find(self, secret: str | None) -> Token | None:
        if secret is None:
            return None
        digest, found = _digest(secret), None
        for each in self.tokens:
            if hmac.compare_digest(each.sha256, digest):
                found = each
        return found


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _as_token(stored: StoredToken) -> Token:
    known = frozenset(scope for scope in Scope if scope in stored.scopes)
    return Token(name=stored.name, sha256=bytes.fromhex(stored.sha256), scopes=known)


def _presented(headers: Mapping[str, str]) -> str | None:
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return secret.strip()
    return headers.get("x-api-key")


def _foreign(method: str, headers: Mapping[str, str]) -> Answer | None:
    """Turn away what a web page could have sent: foreign names for this machine, foreign origins, plain forms."""
    host = headers.get("host", "")
    if _LOOPBACK_HOST.fullmatch(host) is None:
        return problem(403, "Without tokens only a loopback name may be used as host.")
    origin = headers.get("origin")
    if origin is not None:
        found = _ORIGIN.fullmatch(origin)
        if found is None or found[1].lower() != host.lower():
            return problem(403, "Without tokens no other web page may ask.")
    changing = method not in {"GET", "HEAD", "DELETE"}
    if changing and headers.get("content-type", "").partition(";")[0].strip().lower() not in _NO_FORM:
        return problem(415, "State-changing calls need Content-Type: application/json.")
    return None
