"""TLS contexts, the facts of a connection, and why a handshake failed, in words. No socket here."""

import functools
import ssl
from datetime import UTC, datetime
from pathlib import Path

from mailover.smtp.transcript import TlsFacts

_REASONS = {
    9: "the certificate is not yet valid",
    10: "the certificate has expired",
    18: "the certificate is self-signed",
    19: "the certificate's chain ends in an untrusted self-signed certificate",
    20: "the certificate's issuer is not known",
    21: "the certificate's chain is incomplete",
    62: "the certificate is for another name",
    64: "the certificate is for another address",
}
"""By X.509 verify code (openssl-verification-options)."""
_DATES = frozenset({9, 10})
_TOO_OLD = frozenset(
    {
        "UNSUPPORTED_PROTOCOL",
        "NO_PROTOCOLS_AVAILABLE",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "WRONG_SSL_VERSION",
        "NO_SHARED_CIPHER",
        "DH_KEY_TOO_SMALL",
        "EE_KEY_TOO_SMALL",
        "CA_KEY_TOO_SMALL",
        "CA_MD_TOO_WEAK",
        "DH_VALUE_TOO_SMALL",
    }
)


def context_for(ca_file: str | None) -> ssl.SSLContext:
    """A verifying context, TLS 1.2 or later, kept for as long as the file stays as it is. Raises OSError."""
    stamp = Path(ca_file).stat().st_mtime_ns if ca_file else 0
    return _context(ca_file, stamp)


@functools.lru_cache(maxsize=64)
def _context(ca_file: str | None, stamp: int) -> ssl.SSLContext:
    """Loading the authorities costs 10 to 30 ms, twenty times as much as a whole probe."""
    del stamp  # only tells an edited file from what is kept of it
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def facts_of(engine: ssl.SSLObject) -> TlsFacts:
    """What is worth keeping of a verified connection."""
    certificate = engine.getpeercert() or {}
    cipher = engine.cipher()
    not_after = str(certificate.get("notAfter", ""))
    return TlsFacts(
        version=engine.version() or "",
        cipher=cipher[0] if cipher else "",
        not_after=_instant(not_after) if not_after else "",
    )


def is_by_date(error: ssl.SSLError) -> bool:
    """Whether a certificate was refused only for its dates, so that our own clock may be wrong."""
    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _DATES


def reason_of(error: ssl.SSLError) -> str:
    """Why the handshake failed, first in words, then as OpenSSL says it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        said = _REASONS.get(error.verify_code, "the certificate cannot be trusted")
        return f"{said} (certificate verify failed: {error.verify_message}, code {error.verify_code})"
    reason = error.reason or str(error)
    if reason in _TOO_OLD:
        return f"the server's TLS is too old or too weak ({reason})"
    if reason == "WRONG_VERSION_NUMBER":
        return f"the server did not answer in TLS ({reason})"
    return f"the TLS handshake failed ({reason})"


@functools.lru_cache(maxsize=256)
def _instant(openssl_date: str) -> str:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(openssl_date), tz=UTC).isoformat().replace("+00:00", "Z")
