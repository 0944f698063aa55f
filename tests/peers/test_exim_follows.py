"""Exim follows the flag by readsocket: ordered hosts within one delivery, its own fallback when mailover is away."""

import smtplib
import subprocess
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from followed_house import Followed, followed, until
from real_daemon import settle
from real_exim import PROGRAM, Exim

from mailover.demo.behaviour import Behaviour

pytestmark = pytest.mark.peer("exim")

FOLLOWING = r"""
begin routers
providers:
  driver = manualroute
  transport = remote_smtp
  route_data = ${readsocket{inet:127.0.0.1:PORT}{route $local_part@$domain\n}{2s}{}{fallback.example}}
  host_find_failed = defer
  self = send
  no_more
begin transports
remote_smtp:
  driver = smtp
  hosts_require_tls = *
  hosts_require_auth = *
  tls_verify_certificates = CA
  tls_verify_hosts = *
  allow_localhost = true
begin retry
* * F,1h,1s
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  client_send = ^${extract{p$host_port}{USERS}}^${extract{p$host_port}{PASSWORDS}}
"""


def readsocket(port: int) -> str:
    """What Exim's own expansion comes to."""
    words = "${readsocket{inet:127.0.0.1:%d}{route ann@example.net\\n}{2s}{}{fallback.example}}" % port  # noqa: UP031 - braces
    done = subprocess.run([PROGRAM, "-C", "/dev/null", "-be", words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def submit(exim: Exim, recipient: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "app@apps.example.test", recipient, "hello"
    message.set_content("Hello.")
    with smtplib.SMTP("127.0.0.1", exim.port, local_hostname="app.example.test", timeout=20) as wire:
        wire.send_message(message)


@pytest.fixture
def mail(tmp_path: Path, ca_file: str) -> Iterator[Followed]:
    asked = {"exim": {"listen": "127.0.0.1:0"}}
    with followed(tmp_path, ca_file, asked, probes="1s", when_exhausted="hold") as running:
        yield running


@pytest.fixture
def exim(room: Path, mail: Followed, ca_file: str, request: pytest.FixtureRequest) -> Iterator[Exim]:
    place = settle(room, f"exim-{request.node.name[:40]}")
    ca = place / "ca.pem"
    ca.write_bytes(Path(ca_file).read_bytes())
    accounts = mail.providers.values()
    facts = {
        "PORT": str(mail.house.adapters.port("exim")),
        "CA": str(ca),
        "USERS": " ".join(f"p{each.port}={each.username}" for each in accounts),
        "PASSWORDS": " ".join(f"p{each.port}={each.password}" for each in accounts),
    }
    rest = FOLLOWING
    for name, value in facts.items():
        rest = rest.replace(name, value)
    server = Exim(place, rest)
    server.start()
    yield server
    server.stop()


def test_exim_reads_the_hosts_in_order_and_falls_back_when_mailover_is_away(mail: Followed) -> None:
    port = mail.house.adapters.port("exim")
    first, second = (each.port for each in mail.providers.values())
    assert readsocket(port) == f"127.0.0.1::{first}:127.0.0.1::{second}"
    mail.pin("second")
    assert readsocket(port).startswith(f"127.0.0.1::{second}")
    mail.house.adapters.stop()
    assert readsocket(port) == "fallback.example"


def test_the_next_message_after_a_flip_takes_the_new_provider(mail: Followed, exim: Exim) -> None:
    submit(exim, "one@example.net")
    assert mail.await_mail("one@example.net") == ["first"]
    mail.pin("second")
    submit(exim, "two@example.net")
    assert mail.await_mail("two@example.net") == ["second"]


def test_a_refused_connection_moves_on_within_the_same_delivery(mail: Followed, exim: Exim) -> None:
    mail.pin("first")
    mail.providers["first"].behave(Behaviour.REFUSE)
    submit(exim, "one@example.net")
    assert mail.await_mail("one@example.net") == ["second"]


def test_mail_that_the_flag_holds_stays_in_the_queue(mail: Followed, exim: Exim) -> None:
    for each in mail.providers.values():
        each.behave(Behaviour.BUSY)
    flags = mail.house.service
    until(lambda: flags.snapshot.flags["mail"].flag.provider is None, "the hold")
    submit(exim, "one@example.net")
    until(lambda: "held-by-mailover.invalid" in (exim.root / "mainlog").read_text(), "the deferral")
    assert mail.carriers("one@example.net") == []
    assert list((exim.root / "spool" / "input").rglob("*-D"))
