"""A real Postfix of our own that sends applications' mail on, as an existing mail system would. Needs root."""

import smtplib
import subprocess
import time
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path

from real_postfix import OwnPostfix

RELAYING = """
myhostname = apps.example.test
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_tls_security_level = encrypt
smtp_sasl_auth_enable = yes
smtp_sasl_security_options = noanonymous
smtp_sasl_tls_security_options = noanonymous
smtp_sasl_password_maps = inline:{{ {passwords} }}
smtp_connect_timeout = 5s
{follow}
"""
IMPLICIT_TLS = "smtps unix - - n - - smtp -o smtp_tls_wrappermode=yes\n"


class RelayingPostfix(OwnPostfix):
    """Start, stop; `follow` are the lines of main.cf by which it follows the flag."""

    def __init__(self, root: Path, passwords: Mapping[int, str], follow: str) -> None:
        """`passwords` are user:password by the port of 127.0.0.1 where they log in."""
        super().__init__(root)
        keyed = ", ".join(f"{{ [127.0.0.1]:{port} = {word} }}" for port, word in passwords.items())
        self.furnish(RELAYING.format(passwords=keyed, follow=follow), IMPLICIT_TLS)

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
