"""`/v1/messages`: mail handed over to the relay by HTTP, what became of it, and what operators do about it.

Nothing is sent from here; the desk has the relay take it, and the queue has what became of it.
"""

from http import HTTPStatus
from typing import cast

from flask import Response, request
from flask_openapi.blueprint import APIBlueprint
from werkzeug.exceptions import RequestEntityTooLarge, UnprocessableEntity, UnsupportedMediaType

from mailover.core.mail import Mail, Recipient, Submission
from mailover.errors import NotFoundError, RefusedError, TooLargeError
from webhooks import repeats
from webhooks.answers import JSON_TYPE
from webhooks.bodies import BoundedRequest
from webhooks.composing import adopt, compose
from webhooks.mail_asked import MessagePath, MessageQuery, MessageRequest, RawEnvelope
from webhooks.mail_schemas import Entrusted, MessageBody, Messages
from webhooks.parts import caller, parts
from webhooks.portraits import failure_body, instant

blueprint = APIBlueprint("messages", __name__, url_prefix="/v1")

MESSAGE_TYPE = "message/rfc822"


@blueprint.post("/messages", responses={202: Entrusted})
def submit(query: RawEnvelope) -> tuple[dict[str, object], HTTPStatus]:
    """Hand a message over to the relay, as JSON or as RFC 5322 bytes. It is kept durably when this answers."""
    submission = _submission(query)
    try:
        kept = parts().service.mail.submit(submission)
    except TooLargeError as error:
        raise RequestEntityTooLarge(str(error)) from None
    except RefusedError as error:  # it is the message that is wrong, not the state
        raise UnprocessableEntity(str(error)) from None
    told = {"id": kept, "stream": submission.stream, "recipients": len(submission.recipients)}
    return told, HTTPStatus.ACCEPTED


@blueprint.get("/messages", responses={200: Messages})
def list_messages(query: MessageQuery) -> dict[str, object]:
    """Messages as they were accepted, as far as they are kept."""
    page = parts().store.mail.mails(
        after=query.after,
        limit=query.limit,
        stream=query.stream,
        fate=query.state,
        recipient=query.recipient,
        newest_first=query.newest,
    )
    paused = _paused()
    return {"items": [_body(mail, paused) for mail in page.items], "next": page.next}


@blueprint.get("/messages/<message>", responses={200: MessageBody})
def one_message(path: MessagePath) -> dict[str, object]:
    """One message and what became of each recipient's copy."""
    return _told(path.message)


@blueprint.get("/messages/<message>/content", responses={200: None})
def export(path: MessagePath) -> Response:
    """The message as it was accepted (RFC 5322), while it is kept: until it is delivered, longer for dead letters."""
    _told(path.message)
    content = parts().store.mail.content(path.message)
    if content is None:
        raise NotFoundError("the content of this message is not kept any more")
    return Response(content, content_type=MESSAGE_TYPE)


@blueprint.post("/messages/<message>/retry", responses={200: MessageBody})
def retry(path: MessagePath) -> dict[str, object]:
    """Try it now: what waits, and again what had failed, expired, or was left unanswered at its end."""
    _told(path.message)
    parts().service.mail.retry(path.message)
    return _told(path.message)


@blueprint.delete("/messages/<message>", responses={200: MessageBody})
def drop(path: MessagePath) -> dict[str, object]:
    """Send it to nobody any more, and delete its content."""
    _told(path.message)
    parts().service.mail.drop(path.message)
    return _told(path.message)


def _submission(envelope: RawEnvelope) -> Submission:
    here, sent = parts(), cast(BoundedRequest, request)
    known, default = here.service.snapshot.fleet.streams, here.service.snapshot.default_stream
    by, call = caller().name, repeats.this_call()
    if sent.mimetype == JSON_TYPE:
        asked = MessageRequest.model_validate(sent.get_json())
        stream = _stream(asked.stream or envelope.stream or default, known)
        return compose(asked, stream=stream, by=by, call=call)
    if sent.mimetype == MESSAGE_TYPE:
        return adopt(sent.body(), envelope, stream=_stream(envelope.stream or default, known), by=by, call=call)
    raise UnsupportedMediaType(f"Send the message as {JSON_TYPE} or as {MESSAGE_TYPE}.")


def _stream(name: str, known: object) -> str:
    if name not in cast(dict[str, object], known):
        raise UnprocessableEntity(f"no stream is called {name!r}")
    return name


def _told(message: str) -> dict[str, object]:
    mail = parts().store.mail.mail(message)
    if mail is None:
        raise NotFoundError("no message has this id")
    return _body(mail, _paused())


def _paused() -> set[str]:
    """The streams of which nothing is sent at present, by order."""
    return {name for name, depth in parts().store.mail.depths().items() if depth.paused}


def _body(mail: Mail, paused: set[str]) -> dict[str, object]:
    waits = bool(mail.pending)
    because = f"{mail.stream} is paused" if mail.stream in paused else mail.because
    return {
        "id": mail.id,
        "stream": mail.stream,
        "sender": mail.sender,
        "message_id": mail.message_id,
        "size_bytes": mail.size,
        "by": mail.by,
        "priority": mail.priority,
        "accepted": instant(mail.accepted_at),
        "deadline": instant(mail.deadline_at),
        "attempts": mail.attempts,
        "next_try": instant(mail.due_at) if waits else None,
        "because": (because or None) if waits else None,
        "handovers": mail.handovers,
        "recipients": [_copy(each) for each in mail.recipients],
    }


def _copy(copy: Recipient) -> dict[str, object]:
    return {
        "address": copy.address,
        "state": str(copy.fate),
        "attempts": copy.attempts,
        "provider": copy.provider,
        "failure": failure_body(copy.failure) if copy.failure is not None else None,
        "settled": instant(copy.settled_at),
    }
