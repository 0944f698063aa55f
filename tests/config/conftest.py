"""A small config that is right, for tests to spoil, and a place to write files."""

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[..., Path]

SMALL = """
[providers.postmark]
preset = "postmark"

[providers.ses]
preset = "ses"
region = "eu-west-1"

[streams.transactional]
providers = ["postmark", "ses"]
"""


@pytest.fixture
def small() -> str:
    return SMALL


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(text: str, name: str = "config.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    return write_file
