"""What a house without Slack, PostgreSQL, feedback or a demo does not read at its start, for memory and for time."""

import subprocess
import sys

HEAVY = ("alembic", "apprise", "cryptography", "mailover.demo", "psycopg", "requests", "slack_sdk", "websockets")


def test_what_nobody_asked_for_is_not_read_at_the_start() -> None:
    code = f"import mailover.bootstrap, sys; print([name for name in {HEAVY} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout == "[]\n"
