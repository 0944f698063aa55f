"""The shapes of what callers send about mail: a message to carry, and which messages they mean."""

import base64
import binascii
import re
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from mailover.core.mail import Fate
from webhooks.asked import Asked, Name, Paging

MOST_RECIPIENTS = 100
_MAILBOX = r"^[^\x00-\x20\x7f<>\",;:\\()\[\]@]{1,64}@[^\x00-\x20\x7f<>\",;:\\()\[\]@]{1,255}$"
_HEADER_NAME = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,76}$"
_OURS = frozenset(
    {
        "bcc",
        "cc",
        "content-disposition",
        "content-id",
        "content-transfer-encoding",
        "content-type",
        "date",
        "from",
        "mime-version",
        "received",
        "reply-to",
        "return-path",
        "subject",
        "to",
    }
)
"""Headers that have a key of their own, or that only the relay writes."""


_NO_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def is_one_line(text: str) -> bool:
    """Whether nothing in it ends a line or controls anything; any other character may be in somebody's name."""
    return _NO_LINE.search(text) is None


def _one_line(text: str) -> str:
    if not is_one_line(text):
        raise ValueError("must be one line of text")
    return text


def _whole_type(content_type: str) -> str:
    if content_type.startswith("multipart/") or (
        content_type.startswith("message/") and content_type.lower() != "message/rfc822"
    ):
        raise ValueError("a file is no part of a message; of those only message/rfc822 is taken")
    return content_type


def _no_header_of_ours(headers: dict[str, str]) -> dict[str, str]:
    for name in headers:
        if name.lower() in _OURS:
            raise ValueError(f"{name} cannot be set here: it has a key of its own, or is made by mailover")
    return headers


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64") from None
    return text


Line = Annotated[str, StringConstraints(strict=True, max_length=900), AfterValidator(_one_line)]
Address = Annotated[str, StringConstraints(strict=True, pattern=_MAILBOX)]
"""A bare address, as it stands in an envelope."""


class Correspondent(Asked):
    """An address with the name that people read."""

    address: Address
    name: Annotated[Line, StringConstraints(max_length=300)] = ""


class Attachment(Asked):
    """A file that goes along."""

    filename: Annotated[Line, StringConstraints(min_length=1, max_length=255)]
    content_type: Annotated[
        str, StringConstraints(strict=True, pattern=r"^[a-z]+/[a-zA-Z0-9.+-]{1,100}$"), AfterValidator(_whole_type)
    ] = "application/octet-stream"
    content: Annotated[
        str, StringConstraints(strict=True, min_length=1), AfterValidator(_base64), Field(description="Base64.")
    ]


class MessageRequest(Asked):
    """A message; mailover makes RFC 5322 of it."""

    stream: Name | None = Field(None, description="The default stream when left out.")
    from_: Correspondent = Field(alias="from")
    to: list[Correspondent] = Field(default_factory=list, max_length=MOST_RECIPIENTS)
    cc: list[Correspondent] = Field(default_factory=list, max_length=MOST_RECIPIENTS)
    bcc: list[Correspondent] = Field(default_factory=list, max_length=MOST_RECIPIENTS)
    reply_to: list[Correspondent] = Field(default_factory=list, max_length=10)
    subject: Line = ""
    text: str | None = None
    html: str | None = None
    headers: Annotated[
        dict[Annotated[str, StringConstraints(pattern=_HEADER_NAME)], Line], AfterValidator(_no_header_of_ours)
    ] = Field(default_factory=dict, max_length=50)
    attachments: list[Attachment] = Field(default_factory=list, max_length=50)
    envelope_from: Address | None = Field(None, description="Where bounces go; the From address when left out.")

    @model_validator(mode="after")
    def _is_a_message(self) -> Self:
        if self.text is None and self.html is None:
            raise ValueError("text and html are both missing; give one or both")
        if not 1 <= len(self.everybody) <= MOST_RECIPIENTS:
            raise ValueError(f"to, cc and bcc together must name 1 to {MOST_RECIPIENTS} recipients")
        return self

    @property
    def everybody(self) -> tuple[str, ...]:
        """Every recipient once, as given first."""
        return tuple(dict.fromkeys(each.address for each in (*self.to, *self.cc, *self.bcc)))


class RawEnvelope(BaseModel):
    """The envelope of a message that is sent as RFC 5322 bytes, in the query."""

    stream: Name | None = None
    sender: Address | None = Field(None, alias="from", description="The From header's address when left out.")
    to: list[Address] = Field(
        default_factory=list,
        max_length=MOST_RECIPIENTS,
        description="Recipients; those of To, Cc and Bcc when left out.",
    )


class MessagePath(BaseModel):
    """A message's id in the path."""

    message: str


class OutboxPath(BaseModel):
    """A stream's name in the path."""

    stream: str


class MessageQuery(Paging):
    """Which messages."""

    stream: str | None = Field(None, max_length=100)
    state: Fate | None = Field(None, description="Some recipient's copy is in this state.")
    recipient: str | None = Field(None, max_length=320)


class SuppressionQuery(BaseModel):
    """Where the list goes on."""

    limit: int = Field(100, ge=1, le=500)
    after: str | None = Field(None, max_length=320, description="The `next` of the list before.")


class SuppressionRequest(Asked):
    """Send no more mail to an address."""

    address: Address
    text: Annotated[str, StringConstraints(strict=True, max_length=300)] = ""


class AddressPath(BaseModel):
    """An address in the path."""

    address: str
