"""What the SMTP client's tests share: an authority, and a server's certificate by it."""

import ssl

import pytest
import trustme
from hostile.talking import context_of


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def trusted(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of the authority that signed `server_context`."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="session")
def server_context(ca: trustme.CA) -> ssl.SSLContext:
    return context_of(ca.issue_cert("localhost"))
