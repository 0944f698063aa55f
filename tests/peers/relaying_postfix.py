"""A real Postfix of our own that sends applications' mail on, as an existing mail system would. Needs root."""

import os
import pwd
import smtplib
import subprocess
import time
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path

from real_daemon import Daemon, free_port

MAIN = """
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {root}/postfix.log
maillog_file_prefixes = {root}
myhostname = apps.example.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
disable_dns_lookups = yes
alias_maps =
local_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_error_sleep_time = 0
smtp_tls_security_level = encrypt
smtp_sasl_auth_enable = yes
smtp_sasl_security_options = noanonymous
smtp_sasl_tls_security_options = noanonymous
smtp_sasl_password_maps = inline:{{ {passwords} }}
smtp_connect_timeout = 5s
minimal_backoff_time = 300s
{follow}
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
smtps unix - - n - - smtp -o smtp_tls_wrappermode=yes
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
showq unix n - n - - showq
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class RelayingPostfix(Daemon):
    """Start, stop; `follow` are the lines of main.cf by which it follows the flag."""

    def __init__(self, root: Path, passwords: Mapping[int, str], follow: str) -> None:
        """`passwords` are user:password by the port of 127.0.0.1 where they log in."""
        super().__init__(root)
        self.port = self.greets_on = free_port()
        self.config = root / "config"
        for directory in (self.config, root / "queue", root / "data"):
            directory.mkdir()
        owner = pwd.getpwnam("postfix")
        (root / "data").chmod(0o700)
        os.chown(root / "data", owner.pw_uid, owner.pw_gid)
        keyed = ", ".join(f"{{ [127.0.0.1]:{port} = {word} }}" for port, word in passwords.items())
        self.config.joinpath("main.cf").write_text(MAIN.format(root=root, passwords=keyed, follow=follow))
        self.config.joinpath("master.cf").write_text(MASTER.format(port=self.port))
        subprocess.run(["/usr/sbin/postfix", "-c", str(self.config), "check"], check=True, capture_output=True)

    def command(self) -> list[str]:
        return ["/usr/lib/postfix/sbin/master", "-d", "-c", str(self.config)]

    def submit(self, recipient: str, subject: str = "hello") -> None:
        """Hand over a message as an application on this machine does. Raises smtplib.SMTPException."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "app@apps.example.test", recipient, subject
        message.set_content("Hello.")
        with smtplib.SMTP("127.0.0.1", self.port, local_hostname="app.example.test", timeout=20) as wire:
            wire.send_message(message)

    def flush(self) -> None:
        """Try everything in the queue now."""
        done = subprocess.run(["/usr/sbin/postqueue", "-c", str(self.config), "-f"], check=False, capture_output=True)
        assert done.returncode == 0, done.stderr

    def log_has(self, words: str, patience: float = 20.0) -> bool:
        """Whether its log comes to say this."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if words in (self.root / "postfix.log").read_text(errors="replace"):
                return True
            time.sleep(0.05)
        return False
