"""`POST /v1/feedback/<provider>`: a provider tells of bounces and complaints.

No token opens it: each provider proves itself in its own way, and who does not is told nothing.
"""

from typing import cast

from flask import request
from flask_openapi.blueprint import APIBlueprint
from werkzeug.exceptions import BadRequest, Unauthorized

from webhooks.asked import ProviderPath
from webhooks.bodies import BoundedRequest
from webhooks.feedback.inlet import NotBelievedError
from webhooks.feedback.told import Asked, UnreadableError
from webhooks.mail_schemas import FeedbackTaken
from webhooks.parts import parts

blueprint = APIBlueprint("feedback", __name__, url_prefix="/v1")


@blueprint.post("/feedback/<provider>", responses={200: FeedbackTaken})
def take(path: ProviderPath) -> dict[str, object]:
    """Bounces and complaints in the provider's own form."""
    asked = Asked(
        headers={name.lower(): value for name, value in request.headers.items()},
        shown=_shown(),
        body=cast(BoundedRequest, request).body(),
    )
    try:
        return {"recipients": parts().feedback.take(path.provider, asked)}
    except NotBelievedError:
        raise Unauthorized("Nobody proved to be that provider.") from None
    except UnreadableError as error:
        raise BadRequest(f"The body is not what this provider sends: {error}.") from None


def _shown() -> str:
    """The secret: the password of Basic auth, a bearer token, or the query's."""
    held = request.authorization
    if held is not None:
        return held.password or held.token or ""
    return request.args.get("secret", "")
