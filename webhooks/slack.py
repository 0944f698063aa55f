"""`POST /v1/slack/interactive`: Slack's buttons and its command, for who lets Slack reach this server.

No token opens it: each request is signed by Slack. What it means is decided behind `Parts.slack`.
"""

from typing import cast

from flask import Response, request
from flask_openapi.blueprint import APIBlueprint

from webhooks.answers import Answer, problem
from webhooks.bodies import BoundedRequest
from webhooks.parts import parts, send

PATH = "/v1/slack/interactive"

blueprint = APIBlueprint("slack", __name__)


@blueprint.post(PATH, responses={200: None})
def interact() -> Response:
    """A press or a typed command, as Slack sends it; answered at once, carried out after."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    status, why = parts().slack(headers, cast(BoundedRequest, request).body())
    return send(problem(status, why) if why else Answer(status=status))
