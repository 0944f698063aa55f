"""A real Exim of our own, unpacked beside the one package of its kind that a Debian may have. Needs root."""

import os
import pwd
from pathlib import Path

from real_daemon import Daemon, free_port

PROGRAM = Path(__file__).parents[2] / ".peers" / "exim" / "usr" / "sbin" / "exim4"
MAIN = """
exim_path = {program}
primary_hostname = exim.example.test
spool_directory = {root}/spool
log_file_path = {root}/%slog
pid_file_path = {root}/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
deliver_drop_privilege = true
keep_environment =
tls_advertise_hosts =
host_lookup =
acl_smtp_rcpt = everybody
acl_smtp_data = everybody
begin acl
everybody:
  accept
"""


class Exim(Daemon):
    """Takes whatever it is given; `rest` are the routers, transports and authenticators that say what becomes of it."""

    def __init__(self, root: Path, rest: str) -> None:
        """`{mail}` in `rest` is a directory that it may write to."""
        super().__init__(root)
        self.port = self.greets_on = free_port()
        self.mail = root / "mail"
        owner = pwd.getpwnam("Debian-exim")
        os.chown(root, owner.pw_uid, owner.pw_gid)
        for directory in (self.mail, root / "spool"):
            directory.mkdir()
            os.chown(directory, owner.pw_uid, owner.pw_gid)
        main = MAIN.format(program=PROGRAM, root=root, port=self.port)
        self.config = root / "exim.conf"
        self.config.write_text(main + rest.replace("{mail}", str(self.mail)))

    def command(self) -> list[str]:
        return [str(PROGRAM), "-C", str(self.config), "-bdf"]
