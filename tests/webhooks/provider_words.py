"""What providers send, after their documentation, and how they sign it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"
SNS = "sns.eu-west-1.amazonaws.com"
CERTIFICATE = "/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem"


def postmark(**changed: Any) -> dict[str, Any]:
    return {
        "RecordType": "Bounce",
        "MessageStream": "outbound",
        "ID": 4323372036854775807,
        "Type": "HardBounce",
        "TypeCode": 1,
        "Name": "Hard bounce",
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Description": "The server was unable to deliver your message (ex: unknown user, mailbox not found).",
        "Details": "smtp;550 5.1.1 unknown user",
        "Email": "John@example.com",
        "From": "sender@example.com",
        "BouncedAt": "2026-11-05T16:33:54.9070259Z",
        "DumpAvailable": True,
        "Inactive": True,
        "CanActivate": True,
        "Subject": "Test subject",
        **changed,
    }


def sendgrid(**changed: Any) -> dict[str, Any]:
    return {
        "email": "example@test.com",
        "timestamp": 1513299569,
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
        "event": "bounce",
        "type": "bounce",
        "status": "5.0.0",
        "reason": "500 unknown recipient",
        "sg_event_id": "c2dfc-bounce-1",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        **changed,
    }


def mailgun(**changed: Any) -> dict[str, Any]:
    return {
        "id": "G9Bn5sl1TC6nu79C8C0bwg",
        "timestamp": 1521233195.375624,
        "log-level": "error",
        "event": "failed",
        "severity": "permanent",
        "reason": "bounce",
        "delivery-status": {"attempt-no": 1, "message": "5.1.1 The email account does not exist.", "code": 550},
        "message": {"headers": {"to": "Alice <alice@example.com>", "message-id": "20130503192659.13651.20287@mg"}},
        "recipient": "alice@example.com",
        "recipient-domain": "example.com",
        **changed,
    }


def ses_bounce(**changed: Any) -> dict[str, Any]:
    recipient = {"emailAddress": "jane@example.com", "status": "5.1.1", "action": "failed"}
    return {
        "notificationType": "Bounce",
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [{**recipient, "diagnosticCode": "smtp; 550 5.1.1 <jane@example.com>... User"}],
            "timestamp": "2026-01-27T14:59:38.237Z",
            "feedbackId": "00000138111222aa-33322211-cccc-cccc-cccc-ddddaaaa068a-000000",
            **changed,
        },
        "mail": {
            "timestamp": "2026-01-27T14:59:38.237Z",
            "messageId": "00000138111222aa",
            "source": "john@example.com",
        },
    }


def ses_complaint(**changed: Any) -> dict[str, Any]:
    return {
        "eventType": "Complaint",
        "complaint": {
            "complainedRecipients": [{"emailAddress": "richard@example.com"}],
            "timestamp": "2026-01-27T14:59:38.237Z",
            "feedbackId": "0000013786031775-163e3910-53eb-4c8e-a04a-f29debf88a84-000000",
            "complaintFeedbackType": "abuse",
            **changed,
        },
        "mail": {"messageId": "0000013786031775-163e3910"},
    }


class SendGridKey:
    """Signs as SendGrid's signed event webhook does."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.public = base64.b64encode(der).decode()

    def headers(self, body: bytes, at: str = "1600112502") -> dict[str, str]:
        signature = self._key.sign(at.encode() + body, ec.ECDSA(SHA256()))
        return {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": at,
        }


def mailgun_signed(event: dict[str, Any], key: str, at: datetime, token: str = "a" * 50) -> dict[str, Any]:
    stamp = str(int(at.timestamp()))
    made = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {"signature": {"timestamp": stamp, "token": token, "signature": made}, "event-data": event}


class SnsTopic:
    """Signs as SNS does, with a certificate of its own."""

    def __init__(self, lasts: timedelta = timedelta(days=1)) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        made = datetime.now(UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(1)
            .not_valid_before(made - timedelta(days=2))
            .not_valid_after(made + lasts)
            .sign(self._key, SHA256())
            .public_bytes(Encoding.PEM)
        )

    def signed(self, message: dict[str, Any], version: str = "1") -> dict[str, Any]:
        kind = message["Type"]
        names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
        if kind != "Notification":
            names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
        hashed = SHA1() if version == "1" else SHA256()
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), hashed)
        return {**message, "SignatureVersion": version, "Signature": base64.b64encode(signature).decode()}

    def notification(self, said: dict[str, Any], version: str = "1", **changed: Any) -> dict[str, Any]:
        message = {
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": TOPIC,
            "Subject": "Amazon SES Email Event Notification",
            "Message": json.dumps(said),
            "Timestamp": "2026-05-02T00:54:06.655Z",
            "SigningCertURL": f"https://{SNS}{CERTIFICATE}",
            "UnsubscribeURL": f"https://{SNS}/?Action=Unsubscribe",
            **changed,
        }
        return self.signed({name: value for name, value in message.items() if value is not None}, version)

    def invitation(self, **changed: Any) -> dict[str, Any]:
        return self.signed(
            {
                "Type": "SubscriptionConfirmation",
                "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
                "Token": "2336412f37fb687f5d51e6e241d09c805a5a57b30d712f794cc5f6a988666d92768dd60a747ba6f3beb71854e2",
                "TopicArn": TOPIC,
                "Message": "You have chosen to subscribe to the topic.",
                "SubscribeURL": "http://169.254.169.254/latest/meta-data/",
                "Timestamp": "2026-04-26T20:45:04.751Z",
                "SigningCertURL": f"https://{SNS}{CERTIFICATE}",
                **changed,
            }
        )


Fetched = list[tuple[str, str]]


def fetching(topic: SnsTopic, asked: Fetched) -> Callable[[str, str], bytes]:
    """Gives the topic's certificate to whoever asks, and notes what was asked for."""

    def fetch(host: str, path: str) -> bytes:
        asked.append((host, path))
        return topic.certificate

    return fetch
