"""`/docs`: the description of the API as a page to read and to try, without a byte from anywhere else.

The page and what it loads are the same in every installation, so that they need no token; the description itself does,
and the reader gives one to the page, which keeps it until it is closed. Swagger UI comes from its package.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from importlib.resources import files

from flask import Flask, Response, request

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HERE = "webhooks.docs_page"
_SWAGGER = "flask_openapi_swagger.templates"
_FILES = {
    "/docs": (_HERE, "page.html", "text/html; charset=utf-8"),
    "/docs/page.css": (_HERE, "page.css", "text/css; charset=utf-8"),
    "/docs/page.js": (_HERE, "page.js", "text/javascript; charset=utf-8"),
    "/docs/swagger-ui.css": (_SWAGGER, "swagger/css/swagger-ui.css", "text/css; charset=utf-8"),
    "/docs/swagger-ui.js": (_SWAGGER, "swagger/js/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
}

PATHS = frozenset(_FILES)


def install(app: Flask) -> None:
    """Serve the page. Nothing is read before somebody asks."""
    for path in _FILES:
        app.add_url_rule(path, f"docs{path.replace('/', '_')}", _serving(path), methods=["GET"])


def _serving(path: str) -> Callable[[], Response]:
    def serve() -> Response:
        body, etag = _read(path)
        response = Response(body, content_type=_FILES[path][2])
        response.set_etag(etag)
        response.headers.update(
            {
                "Cache-Control": "no-cache",
                "Content-Security-Policy": _POLICY,
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
                "X-Frame-Options": "DENY",
            }
        )
        response.make_conditional(request)
        return response

    return serve


@cache
def _read(path: str) -> tuple[bytes, str]:
    package, name, _ = _FILES[path]
    body = files(package).joinpath(*name.split("/")).read_bytes()
    return body, hashlib.sha256(body).hexdigest()[:32]
