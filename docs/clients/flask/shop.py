"""A Flask application that sends mail through the provider that mailover names. Beside it lies mailover_client.py."""

import os
from email.message import EmailMessage

from flask import Flask, Response, current_app, jsonify, request
from mailover_client import Account, AmbiguousError, Mailover, NotSentError


def create_app(mail: Mailover | None = None) -> Flask:
    """The application; `mail` is another one's in tests. One for all its threads, and made before any fork."""
    app = Flask(__name__)
    app.extensions["mail"] = mail or Mailover(
        os.environ.get("MAILOVER_URL", "http://127.0.0.1:8587"),
        {
            "postmark": Account(
                host="smtp.postmarkapp.com", username="...", password=os.environ.get("POSTMARK_PASSWORD", "")
            ),
            "ses": Account(
                host="email-smtp.eu-west-1.amazonaws.com", username="...", password=os.environ.get("SES_PASSWORD", "")
            ),
        },
        token=os.environ.get("MAILOVER_TOKEN"),
        stream="transactional",
    )
    app.post("/orders")(order)
    return app


def order() -> tuple[Response, int]:
    """Take an order and confirm it by mail."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@example.com", request.json["email"], "Your order"
    message.set_content("Thank you.")
    mail: Mailover = current_app.extensions["mail"]
    try:
        sent = mail.send_message(message)
    except NotSentError as error:  # nobody has it: the place for your own queue, which tries again later
        current_app.logger.warning("%s", error)
        return jsonify(confirmed="later"), 202
    except AmbiguousError as error:  # somebody may have it: sending it again may send it twice
        current_app.logger.warning("%s", error)
        return jsonify(confirmed="perhaps"), 202
    return jsonify(confirmed="now", provider=sent.provider), 201
