"""What the agent's tests share: a certificate for servers on loopback."""

import ssl

import pytest

from mailover.demo.authority import Authority


@pytest.fixture(scope="session")
def server_context(authority: Authority) -> ssl.SSLContext:
    return authority.server_context("localhost", "127.0.0.1")
