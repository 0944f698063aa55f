"""One DKIM key record (RFC 6376 section 3.6.1) as a value: can a verifier use it, and if not, why. Nothing is asked."""

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum

from dns_checks.public_keys import read_rsa_key
from dns_checks.tags import TagList, read_tags

_SHORTEST = 1024  # verifiers must not use shorter ones (RFC 8301 section 3.2)
_LONG_ENOUGH = 2048
_LONGEST = 4096  # verifiers need not use longer ones
_ED25519_BYTES = 32


class KeyState(StrEnum):
    """What a key is worth."""

    GOOD = "good"
    WEAK = "weak"
    """It works, but not with every verifier or not for long."""
    TESTING = "testing"
    """It works, but says itself that it is being tried (`t=y`)."""
    REVOKED = "revoked"
    TOO_SHORT = "too_short"
    RESTRICTED = "restricted"
    """It says that it is not for mail, or not for SHA-256."""
    MALFORMED = "malformed"
    DUPLICATE = "duplicate"
    """Several records where one must be."""
    MISSING = "missing"
    MISPLACED = "misplaced"
    """The alias leads somewhere else than the provider's."""
    UNKNOWN = "unknown"

    @property
    def usable(self) -> bool:
        """Whether signatures verify with it. Of an unknown one that is not known either."""
        return self in {KeyState.GOOD, KeyState.WEAK, KeyState.TESTING, KeyState.MISPLACED}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A record, judged."""

    state: KeyState
    because: str
    """The rest of a sentence that begins with the key's name."""
    algorithm: str | None = None
    bits: int | None = None


def read_key(text: str) -> KeyRecord:
    """What one TXT record at a selector is worth."""
    tags = read_tags(text)
    values = tags.values
    problem = _problem(tags)
    if problem:
        return KeyRecord(state=KeyState.MALFORMED, because=f"is malformed: {problem}")
    algorithm = values.get("k", "rsa")
    data = re.sub(r"\s", "", values["p"])
    if not data:
        return KeyRecord(state=KeyState.REVOKED, because="is revoked (p= is empty)", algorithm=algorithm)
    restriction = _restriction(values.get("s", "*"), values.get("h"))
    if restriction:
        return KeyRecord(state=KeyState.RESTRICTED, because=restriction, algorithm=algorithm)
    try:
        key = _measured(algorithm, base64.b64decode(data, validate=True))
    except binascii.Error:
        return _malformed("its p= is no base64, often a sign of a lost part", algorithm)
    except ValueError as exc:
        return _malformed(f"of its p=, {exc}", algorithm)
    if key.state is KeyState.GOOD and "y" in _list(values.get("t", "")):
        return KeyRecord(
            state=KeyState.TESTING,
            because=f"{key.because}, but says that it is only being tested (t=y): receivers may ignore its signatures",
            algorithm=algorithm,
            bits=key.bits,
        )
    return key


def _problem(tags: TagList) -> str | None:
    values = tags.values
    if "p" not in values:
        return "it has no p= (the key)"
    if "v" in values and tags.first != "v":
        return "v= must come first"
    if values.get("v", "DKIM1") != "DKIM1":
        return "its version is not DKIM1"
    return tags.problems[0] if tags.problems else None


def _restriction(services: str, hashes: str | None) -> str | None:
    if not {"*", "email"} & set(_list(services)):
        return "is not for mail (s=)"
    if hashes is not None and "sha256" not in _list(hashes):
        return "is not for SHA-256 (h=), and receivers accept nothing less"
    return None


def _measured(algorithm: str, data: bytes) -> KeyRecord:
    """Raises ValueError for bytes that are no such key."""
    if algorithm == "ed25519":
        if len(data) != _ED25519_BYTES:
            raise ValueError(f"an Ed25519 key is {_ED25519_BYTES} bare bytes, and these are {len(data)}")
        return KeyRecord(state=KeyState.GOOD, because="is an Ed25519 key", algorithm=algorithm, bits=256)
    if algorithm != "rsa":
        raise ValueError(f"k={algorithm[:20]} is no kind of key that receivers know")
    key = read_rsa_key(data)
    state, remark = KeyState.GOOD, ""
    if key.bits < _SHORTEST:
        state, remark = KeyState.TOO_SHORT, f": receivers take {_SHORTEST} or more"
    elif key.bits < _LONG_ENOUGH:
        state, remark = KeyState.WEAK, f", fewer than the {_LONG_ENOUGH} of today"
    elif key.bits > _LONGEST:
        state, remark = KeyState.WEAK, f": receivers need not take more than {_LONGEST}"
    elif not key.wrapped:
        state, remark = KeyState.WEAK, ", but without the wrapping (SubjectPublicKeyInfo) that some receivers want"
    because = f"is an RSA key of {key.bits} bits{remark}"
    return KeyRecord(state=state, because=because, algorithm=algorithm, bits=key.bits)


def _malformed(problem: str, algorithm: str) -> KeyRecord:
    return KeyRecord(state=KeyState.MALFORMED, because=f"is malformed: {problem}", algorithm=algorithm)


def _list(value: str) -> list[str]:
    return [word.strip() for word in value.split(":")]
