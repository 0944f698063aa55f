"""`POST /v1/mailbox/<provider>`: a workflow tool that reads the mailbox says that a marked test message arrived."""

from flask_openapi.blueprint import APIBlueprint

from webhooks.asked import Arrival, ProviderPath
from webhooks.parts import parts
from webhooks.schemas import Heard

blueprint = APIBlueprint("mailbox", __name__, url_prefix="/v1")


@blueprint.post("/mailbox/<provider>", responses={200: Heard})
def arrived(path: ProviderPath, body: Arrival) -> dict[str, object]:
    """The marked message of a round trip arrived; the answer says whether it was expected."""
    return {"expected": parts().service.arrived(path.provider, body.nonce, body.folder, body.headers)}
