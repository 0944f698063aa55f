"""The rule of the `peer` mark, tried on a test file of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

MARKED = """
import pytest

@pytest.mark.peer("no-such-server")
def test_it(): pass
"""


def outcome(tmp_path: Path, ci: str) -> str:
    tmp_path.joinpath("test_marked.py").write_text(MARKED)
    command = [sys.executable, "-m", "pytest", "-rsf", "-p", "conftest", "-c", str(TESTS.parent / "pyproject.toml")]
    environment = {**os.environ, "CI": ci, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(
        [*command, str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        cwd=tmp_path,
    )
    return done.stdout


@pytest.mark.parametrize(("ci", "verdict"), [("", "1 skipped"), ("true", "1 error")])
def test_a_missing_peer_is_skipped_here_and_fails_in_ci(tmp_path: Path, ci: str, verdict: str) -> None:
    told = outcome(tmp_path, ci)
    assert verdict in told
    assert "no-such-server is not installed: `make peers` installs it" in told
