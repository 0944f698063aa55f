"""Real Postfixes of our own: what all have, and one for submissions (STARTTLS, SASL) into a Maildir. Needs root."""

import os
import pwd
import subprocess
from pathlib import Path

from real_daemon import Daemon, free_port
from real_dovecot import Dovecot

from mailover.demo.authority import Authority

MAIN = """
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {root}/postfix.log
maillog_file_prefixes = {root}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_error_sleep_time = 0
disable_dns_lookups = yes
alias_maps =
local_recipient_maps =
minimal_backoff_time = 300s
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
showq unix n - n - - showq
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

SUBMISSION = """
myhostname = mail.example.test
mynetworks =
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {sasl}
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_client_auth_rate_limit = 0
virtual_mailbox_domains = example.test
virtual_mailbox_base = {mail}
virtual_mailbox_maps = inline:{{ {boxes} }}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{uid}
"""


class OwnPostfix(Daemon):
    """Start, stop, restart; the queue stays between."""

    def __init__(self, root: Path) -> None:
        """Nothing runs before a subclass has furnished it."""
        super().__init__(root)
        self.port = self.greets_on = free_port()
        self.config = root / "config"
        for directory in (self.config, root / "queue", root / "data"):
            directory.mkdir()
        owner = pwd.getpwnam("postfix")
        (root / "data").chmod(0o700)
        os.chown(root / "data", owner.pw_uid, owner.pw_gid)

    def furnish(self, main: str, services: str = "") -> None:
        """Write its files; `main` and `services` come behind what every one of ours has."""
        self.config.joinpath("main.cf").write_text(MAIN.format(root=self.root) + main)
        self.config.joinpath("master.cf").write_text(MASTER.format(port=self.port) + services)
        subprocess.run(["/usr/sbin/postfix", "-c", str(self.config), "check"], check=True, capture_output=True)

    def command(self) -> list[str]:
        """The master itself: `postfix start-fg` puts it in a session of its own, where it outlives its parent."""
        return ["/usr/lib/postfix/sbin/master", "-d", "-c", str(self.config)]


class Postfix(OwnPostfix):
    """Takes submissions and delivers them."""

    def __init__(
        self, root: Path, authority: Authority, *, sasl: Dovecot, mailbox: Dovecot, boxes: dict[str, str]
    ) -> None:
        """`sasl` checks passwords; `boxes` are addresses of example.test with their Maildirs below `mailbox.mail`."""
        super().__init__(root)
        self.sasl = sasl
        certificate, key = authority.write_server(self.config, "localhost", self.host)
        submission = SUBMISSION.format(
            certificate=certificate,
            key=key,
            sasl=sasl.sasl_socket,
            mail=mailbox.mail,
            boxes=", ".join(f"{{ {address} = {maildir}/ }}" for address, maildir in boxes.items()),
            uid=mailbox.uid,
        )
        self.furnish(submission)
