"""Whether a provider's key signed these bytes. The one place that needs cryptography for it: some 8 MB, read on use."""

import base64
import binascii
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

_SNS_HASHES = {"1": SHA1, "2": SHA256}  # which one, the topic's owner chooses at AWS


def by_key(key: str, signature: str, signed: bytes) -> bool:
    """ECDSA over SHA-256 by a key in DER; both texts are base64. What cannot be read signed nothing."""
    try:
        public = load_der_public_key(base64.b64decode(key))
        if not isinstance(public, ec.EllipticCurvePublicKey):
            return False
        public.verify(base64.b64decode(signature, validate=True), signed, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def by_certificate(pem: bytes, signature: str, signed: bytes, *, version: str, now: datetime) -> bool:
    """RSA by a certificate that is valid now, in SNS's `SignatureVersion` 1 or 2; the signature is base64."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        public = certificate.public_key()
        if not isinstance(public, rsa.RSAPublicKey):
            return False
        public.verify(base64.b64decode(signature, validate=True), signed, PKCS1v15(), _SNS_HASHES[version]())
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
