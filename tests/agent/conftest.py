"""What the agent's tests share: a clock, targets, and certificates for servers on loopback."""

import ssl
from datetime import UTC, datetime

import pytest

from mailover.demo.authority import Authority


@pytest.fixture(scope="session")
def server_context(authority: Authority) -> ssl.SSLContext:
    return authority.server_context("localhost", "127.0.0.1")


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
