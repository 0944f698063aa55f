"""The certificate authority of the loopback servers: one per process, trusted by nobody who is not told its file.

Made anew each time; no certificate of it is ever kept, and none is for a public name.
"""

import ssl
from functools import cache
from pathlib import Path

import trustme


class Authority:
    """A certificate authority for servers on this machine."""

    def __init__(self) -> None:
        self._authority = trustme.CA(organization_name="mailover demo")

    def write(self, path: Path) -> str:
        """Write the authority's own certificate as PEM; the path as text, fit for `ca_file`."""
        self._authority.cert_pem.write_to_path(str(path))
        return str(path)

    def server_context(self, *names: str) -> ssl.SSLContext:
        """What a server needs to prove that it is one of `names` (host names or addresses)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._authority.issue_cert(*names).configure_cert(context)
        return context

    def write_server(self, directory: Path, *names: str) -> tuple[Path, Path]:
        """Write a certificate for `names` and its key for a server that wants files: (chain, key)."""
        issued = self._authority.issue_cert(*names)
        chain, key = directory / "server.crt", directory / "server.key"
        for pem in issued.cert_chain_pems:
            pem.write_to_path(str(chain), append=chain.exists())
        key.touch(mode=0o600)
        issued.private_key_pem.write_to_path(str(key))
        return chain, key

    def client_context(self) -> ssl.SSLContext:
        """What a client needs to trust the servers of this authority, and no others."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._authority.configure_trust(context)
        return context


@cache
def shared_authority() -> Authority:
    """The authority of this process; making one costs some milliseconds and nobody needs two."""
    return Authority()
