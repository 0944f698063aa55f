"""How long a published RSA key is, read from its bytes (DER). Nothing is verified with a key here."""

from dataclasses import dataclass

_INTEGER = 0x02
_BIT_STRING = 0x03
_OBJECT = 0x06
_SEQUENCE = 0x30
_LONG_FORM = 0x80
_MOST_LENGTH_BYTES = 2  # no key in the DNS is longer than 64 KiB
_RSA = bytes.fromhex("2a864886f70d010101")
_SMALLEST_EXPONENT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RsaKey:
    """What is worth knowing of it."""

    bits: int
    wrapped: bool
    """Whether it says that it is RSA (SubjectPublicKeyInfo), as every verifier wants; else a bare RSAPublicKey."""


def read_rsa_key(der: bytes) -> RsaKey:
    """Raises ValueError, with a phrase, when the bytes are no RSA key."""
    outer, rest = _element(der, _SEQUENCE)
    if rest:
        raise ValueError("bytes are left over behind the key")
    if outer[:1] == bytes([_INTEGER]):
        return RsaKey(bits=_modulus_bits(outer), wrapped=False)
    algorithm, rest = _element(outer, _SEQUENCE)
    object_id, _ = _element(algorithm, _OBJECT)
    if object_id != _RSA:
        raise ValueError("it is a key for something else than RSA")
    wrapping, rest = _element(rest, _BIT_STRING)
    if rest or wrapping[:1] != b"\0":
        raise ValueError("its wrapping is damaged")
    inner, rest = _element(wrapping[1:], _SEQUENCE)
    if rest:
        raise ValueError("bytes are left over within the key")
    return RsaKey(bits=_modulus_bits(inner), wrapped=True)


def _modulus_bits(numbers: bytes) -> int:
    modulus, rest = _element(numbers, _INTEGER)
    exponent, rest = _element(rest, _INTEGER)
    power = int.from_bytes(exponent, "big")
    if rest or power < _SMALLEST_EXPONENT or not power % 2 or modulus[:1] >= b"\x80":
        raise ValueError("its numbers are no RSA key")
    return int.from_bytes(modulus, "big").bit_length()


def _element(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the first element, which must be of this type, and what follows it."""
    if len(data) < 2 or data[0] != tag:  # noqa: PLR2004 - a tag and a length
        raise ValueError("it is cut short or garbled")
    length, at = data[1], 2
    if length >= _LONG_FORM:
        size = length - _LONG_FORM
        if not 0 < size <= _MOST_LENGTH_BYTES:
            raise ValueError("it is garbled")
        at += size
        length = int.from_bytes(data[2:at], "big")
    if len(data) < at + length:
        raise ValueError("it is cut short")
    return data[at : at + length], data[at + length :]
