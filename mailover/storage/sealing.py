"""Contents that only their key opens: authenticated encryption at rest, several keys so that one can be changed.

Which contents are sealed, and what becomes of one whose key is missing, is the queue's business.
"""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mailover.errors import StorageError
from mailover.secrets import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12


class UnknownKeyError(StorageError):
    """A content was sealed with a key that is not given."""

    def __init__(self, key: str) -> None:
        """`key` is its id, which tells nothing of it."""
        super().__init__(f"its content is sealed with the key {key}, which is not among relay.encryption_key")
        self.key = key


class Seal:
    """AES-256-GCM (NIST SP 800-38D) with a random nonce before each content; the mail's id is authenticated with it."""

    def __init__(self, keys: Sequence[Secret] = ()) -> None:
        """The first key seals, all of them open; without any, contents are kept as they are. Raises ValueError."""
        self._ciphers: Mapping[str, AESGCM] = dict(_cipher(key) for key in keys)

    @property
    def keys(self) -> tuple[str, ...]:
        """The ids of the known keys, the sealing one first."""
        return tuple(self._ciphers)

    def close(self, mail_id: str, content: bytes) -> tuple[str | None, bytes]:
        """The id of the key and the sealed content; None and the content itself where there is no key."""
        for key, cipher in self._ciphers.items():
            nonce = secrets.token_bytes(_NONCE_BYTES)
            return key, nonce + cipher.encrypt(nonce, content, mail_id.encode())
        return None, content

    def open(self, mail_id: str, key: str | None, kept: bytes) -> bytes:
        """The content again. Raises UnknownKeyError, and StorageError when it is damaged or another mail's."""
        if key is None:
            return kept
        cipher = self._ciphers.get(key)
        if cipher is None:
            raise UnknownKeyError(key)
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - 6 MB that a house without keys need not hold

        try:
            return cipher.decrypt(kept[:_NONCE_BYTES], kept[_NONCE_BYTES:], mail_id.encode())
        except (InvalidTag, ValueError) as error:
            raise StorageError("its sealed content is damaged") from error


def key_of(text: str) -> bytes:
    """The key that is written as base64. Raises ValueError with what is wrong with it."""
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64, as made by: openssl rand -base64 32") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"must be {KEY_BYTES} bytes in base64, as made by: openssl rand -base64 32")
    return key


def _cipher(secret: Secret) -> "tuple[str, AESGCM]":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above

    key = key_of(secret.reveal())
    return hashlib.sha256(b"mailover key id" + key).hexdigest()[:8], AESGCM(key)
