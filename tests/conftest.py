"""What every test may ask for: the loopback authority, and the rule of the `peer` mark."""

import os
import shutil
from pathlib import Path

import pytest

from mailover.demo.authority import Authority, shared_authority

PROGRAMS = {"bind": "named"}
"""Peers whose program is not called as they are."""
PLACES = {
    "exim": Path(__file__).parents[1] / ".peers" / "exim" / "usr" / "sbin" / "exim4",
    "nodemailer": Path(__file__).parents[1] / ".peers" / "node" / "node_modules" / "nodemailer",
    "php-curl": Path("/etc/php/8.2/mods-available/curl.ini"),
    "php-illuminate-mail": Path("/usr/share/php/Illuminate/Mail"),
    "php-symfony-mailer": Path("/usr/share/php/Symfony/Component/Mailer"),
}
"""Peers that are no programs, and where they lie."""
ROOT_ONLY = {"exim", "postfix"}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test whose peer is missing is skipped, except where everything has been installed for it."""
    for mark in item.iter_markers("peer"):
        for name in mark.args:
            lacking = what_is_lacking(name)
            if lacking and os.environ.get("CI") == "true":
                pytest.fail(lacking, pytrace=False)
            if lacking:
                pytest.skip(lacking)


def what_is_lacking(peer: str) -> str:
    """A sentence when the peer cannot be run here, else nothing."""
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    found = PLACES[peer].exists() if peer in PLACES else shutil.which(PROGRAMS.get(peer, peer), path=search)
    if not found:
        return f"{peer} is not installed: `make peers` installs it"
    if peer in ROOT_ONLY and os.geteuid() != 0:
        return f"{peer} can be run by root only"
    return ""


@pytest.fixture(scope="session")
def authority() -> Authority:
    """The authority that signs every loopback server's certificate in this process."""
    return shared_authority()


@pytest.fixture(scope="session")
def ca_file(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its certificate in a file, for `ca_file`."""
    return authority.write(tmp_path_factory.mktemp("authority") / "ca.pem")
