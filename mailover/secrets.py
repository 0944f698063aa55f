"""Keeping secrets out of sight: the value that hides itself, and the masking of foreign text that may echo one.

Where secrets come from is config's business; who may ask for one by a token is `webhooks.auth`'s.
"""

import base64
import hmac
import re
from collections.abc import Iterable
from typing import Never

HIDDEN = "***"
_LONG_PIECE = 16
_TOKEN = re.compile(r"[A-Za-z0-9+/_=-]{8,}")


class Secret:
    """A string that is seen only by who asks for it: hidden in repr, str and format, refused by pickle."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        """`value` is kept as it is, without stripping."""
        self.__value = value

    def reveal(self) -> str:
        """The secret itself, for the wire only."""
        return self.__value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN!r})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__value.encode(), other.reveal().encode())

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __reduce__(self) -> Never:
        raise TypeError("a secret is not pickled")


def mask(text: str, secrets: Iterable[str]) -> str:
    """The text without any of the secrets: as they are, in base64, in any case, or as a long piece of one.

    Peers echo what they were sent, sometimes cut or in capitals. A short piece of a secret as it is stays: masking
    the word "password" would tell that it is part of the password.
    """
    plain = {secret for secret in secrets if secret}
    if not plain:
        return text
    encoded = {base64.b64encode(secret.encode()).decode() for secret in plain}
    for form in sorted(plain | encoded, key=len, reverse=True):
        text = re.sub(re.escape(form), lambda _: HIDDEN, text, flags=re.IGNORECASE)
    folded = [(form.casefold(), _LONG_PIECE if form in plain else 0) for form in plain | encoded]

    def without_pieces(found: re.Match[str]) -> str:
        piece = found.group().casefold().rstrip("=")
        hidden = any(len(piece) >= least and piece in form for form, least in folded)
        return HIDDEN if hidden else found.group()

    return _TOKEN.sub(without_pieces, text)
