"""Signatures of Standard Webhooks 1.0.0, made afresh for each attempt. What is signed and where it goes is `hooks`'."""

import base64
import hashlib
import hmac
from collections.abc import Iterable

from mailover.secrets import Secret

_PREFIX = "whsec_"


def signature(webhook_id: str, timestamp: int, body: bytes, secrets: Iterable[Secret]) -> str:
    """The `webhook-signature` header: one v1 signature per secret, so that a secret can be replaced without a gap.

    `timestamp` is in Unix seconds, of the attempt; receivers refuse what is older than some minutes.
    """
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_mac(secret, signed)}" for secret in secrets)


def _mac(secret: Secret, signed: bytes) -> str:
    key = base64.b64decode(secret.reveal().removeprefix(_PREFIX))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
