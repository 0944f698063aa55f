"""nginx's mail proxy asks where a session goes: `GET /v1/adapters/nginx` (ngx_mail_auth_http_module).

It dials addresses only, and without TLS or a login of its own, so this is for relays of your own. No name is resolved
here while it waits: a provider that is configured by name is passed over.
"""

import ipaddress
import re

from flask import Blueprint, Response, abort, request

from mailover.core.providers import Provider
from webhooks.adapters.choice import places, way_of
from webhooks.parts import parts

blueprint = Blueprint("nginx", __name__)

_RECIPIENT = re.compile(r"RCPT TO:\s*<([^>]*)>", re.IGNORECASE)
_WAIT = "1"


@blueprint.get("/v1/adapters/nginx")
@blueprint.get("/v1/adapters/nginx/<stream>")
def nginx(stream: str = "") -> Response:
    """Where a session of this stream goes, or of the default one, told in headers."""
    here = parts()
    snapshot = here.service.snapshot
    name = stream or snapshot.default_stream
    if here.adapters().nginx is None or name not in snapshot.flags:
        abort(404)
    found = _RECIPIENT.search(request.headers.get("Auth-SMTP-To", ""))
    recipient = found[1].lower() if found is not None else ""
    way = way_of(snapshot, here.service.clock.now(), stream=name, recipient=recipient)
    relay = next((each for each in places(snapshot, way) if _is_address(each)), None)
    if relay is None:
        held = {"Auth-Status": "No provider can take mail now", "Auth-Error-Code": "451 4.3.0", "Auth-Wait": _WAIT}
        return Response(status=200, headers=held)
    return Response(status=200, headers={"Auth-Status": "OK", "Auth-Server": relay.host, "Auth-Port": str(relay.port)})


def _is_address(provider: Provider) -> bool:
    try:
        return bool(ipaddress.ip_address(provider.host))
    except ValueError:
        return False
