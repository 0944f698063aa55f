"""Real servers, one set for all tests: a mail provider (Postfix with its own password checker) and a mailbox."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_daemon import settle
from real_dovecot import Dovecot
from real_postfix import Postfix

from mailover.demo.authority import Authority

PROBE = "probe@example.test"
APP = "app@example.test"
JUNK = "junk@example.test"
"""Mail for it is filed into the same user's Junk, as a provider's spam filter would."""
PASSWORD = "correct horse"


@pytest.fixture(scope="session")
def room() -> Iterator[Path]:
    """A directory that other users may enter, with a short path: sockets live in it."""
    path = Path(tempfile.mkdtemp(prefix="peers-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def the_dovecot(room: Path, authority: Authority) -> Iterator[Dovecot]:
    dovecot = Dovecot(settle(room, "dovecot"), authority, {PROBE: PASSWORD})
    dovecot.start()
    yield dovecot
    dovecot.stop()


@pytest.fixture(scope="session")
def the_postfix(room: Path, authority: Authority, the_dovecot: Dovecot) -> Iterator[Postfix]:
    """It has a password checker of its own, so that a mailbox that is down is nobody's fault but the mailbox's."""
    sasl = Dovecot(settle(room, "sasl"), authority, {"app": PASSWORD})
    sasl.start()
    boxes = {APP: f"{APP}/Maildir", PROBE: f"{PROBE}/Maildir", JUNK: f"{PROBE}/Maildir/.Junk"}
    postfix = Postfix(settle(room, "postfix"), authority, sasl=sasl, mailbox=the_dovecot, boxes=boxes)
    postfix.start()
    yield postfix
    postfix.stop()
    sasl.stop()


@pytest.fixture
def dovecot(the_dovecot: Dovecot) -> Dovecot:
    """A mailbox that runs, whatever the last test did to it."""
    if not the_dovecot.runs():
        the_dovecot.restart()
    return the_dovecot


@pytest.fixture
def postfix(the_postfix: Postfix) -> Postfix:
    """A mail server that runs and knows its password, whatever the last test did to it."""
    the_postfix.sasl.users({"app": PASSWORD})
    if not the_postfix.runs():
        the_postfix.restart()
    return the_postfix
