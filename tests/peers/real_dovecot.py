"""A real Dovecot of our own: IMAP by implicit TLS and by STARTTLS, and a SASL socket for Postfix."""

import grp
import os
import pwd
import time
from pathlib import Path

from real_daemon import Daemon, free_port

from mailover.demo.authority import Authority

MAIL_UID = 5000
"""Owns the mail when root runs it; no such account is needed."""

CONFIG = """
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/dovecot.log
listen = 127.0.0.1
protocols = imap
ssl = required
ssl_cert = <{certificate}
ssl_key = <{key}
default_internal_user = {internal_user}
default_internal_group = {internal_group}
default_login_user = {login_user}
auth_mechanisms = plain login
auth_failure_delay = 0
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {root}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={root}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Junk {{
    auto = create
    special_use = \\Junk
  }}
}}
service auth {{
  unix_listener {root}/sasl {{
    mode = 0666
  }}
}}
service anvil {{
  {no_chroot}
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  {no_chroot}
  inet_listener imap {{
    port = {starttls_port}
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
"""


class Dovecot(Daemon):
    """Start, stop, restart; the mail stays between."""

    def __init__(self, root: Path, authority: Authority, users: dict[str, str]) -> None:
        """`users` are user names with their passwords; `root` must be reachable for others when root runs it."""
        super().__init__(root)
        self.port = free_port()
        self.starttls_port = self.greets_on = free_port()
        self.sasl_socket = root / "sasl"
        self.mail = root / "mail"
        as_root = os.geteuid() == 0
        self.uid = MAIL_UID if as_root else os.geteuid()
        self.mail.mkdir()
        if as_root:
            os.chown(self.mail, self.uid, self.uid)
        self.users(users)
        certificate, key = authority.write_server(root, "localhost", self.host)
        me = pwd.getpwuid(os.geteuid()).pw_name
        root.joinpath("dovecot.conf").write_text(
            CONFIG.format(
                root=root,
                certificate=certificate,
                key=key,
                uid=self.uid,
                gid=self.uid if as_root else os.getegid(),
                internal_user="dovecot" if as_root else me,
                internal_group="dovecot" if as_root else grp.getgrgid(os.getegid()).gr_name,
                login_user="dovenull" if as_root else me,
                no_chroot="" if as_root else "chroot =",
                port=self.port,
                starttls_port=self.starttls_port,
            )
        )

    def users(self, users: dict[str, str]) -> None:
        """Who may log in from now on, with which password."""
        lines = [f"{name}:{{PLAIN}}{password}:::::\n" for name, password in users.items()]
        self.root.joinpath("users").write_text("".join(lines))
        self.root.joinpath("users").chmod(0o644)

    def maildir(self, user: str) -> Path:
        """Where a user's mail lies."""
        return self.mail / user / "Maildir"

    def deliver(self, user: str, content: bytes) -> None:
        """Put a message into a user's inbox, as a delivery agent would."""
        maildir = self.maildir(user)
        for directory in (maildir.parent, maildir, *(maildir / part for part in ("tmp", "new", "cur"))):
            directory.mkdir(exist_ok=True)
            os.chown(directory, self.uid, -1)
        name = f"{time.time_ns()}.{os.getpid()}.test"
        draft = maildir / "tmp" / name
        draft.write_bytes(content)
        os.chown(draft, self.uid, -1)
        draft.rename(maildir / "new" / name)

    def command(self) -> list[str]:
        return ["/usr/sbin/dovecot", "-F", "-c", str(self.root / "dovecot.conf")]
