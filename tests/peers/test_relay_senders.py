"""Mail programs that nobody here wrote hand mail to the relay: swaks, smtp-source, curl, OpenSSL, Nodemailer."""

import json
import os
import smtplib
import ssl
import subprocess
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from intakes.house import TOKEN, IntakeHouse, intake_house, plan

from mailover.config.fields import Address
from mailover.demo.authority import Authority
from mailover.relay.intake_plan import Listener
from mailover.smtp.server import Logins, Terms, serving_context

LOCAL = Terms(hostname="relay.test", tls_offered=True, logins=Logins.OPTIONAL, clear_logins=True)
PUBLIC = Terms(hostname="relay.test", tls_offered=True, tls_required=True, logins=Logins.REQUIRED)
ENVELOPE = ("--from", "a@example.com", "--to", "b@example.org,c@example.org", "--helo", "app.test")
NODE_MODULES = Path(__file__).parents[2] / ".peers" / "node" / "node_modules"
NODEMAILER = """
import nodemailer from 'nodemailer'
const told = JSON.parse(process.env.TOLD)
const mailer = nodemailer.createTransport({
  host: 'localhost', port: told.port, secure: told.secure, requireTLS: !told.secure, pool: true, maxConnections: 3,
  auth: { user: 'marketing', pass: told.token }, tls: { ca: [told.ca] },
})
const sent = await Promise.all([...Array(20).keys()].map((n) => mailer.sendMail({
  from: 'a@example.com', to: ['b@example.org', 'jürgen@exämple.org'], subject: `größer ${n}`,
  text: 'Zeile\\n.\\n..zwei\\n', attachments: [{ filename: 'a.bin', content: Buffer.alloc(200_000, n) }],
})))
console.log(JSON.stringify(sent.map((each) => each.response)))
mailer.close()
"""


@pytest.fixture
def house(authority: Authority, tmp_path: Path) -> Iterator[IntakeHouse]:
    """A loopback listener, one as on any other address, and one with TLS from the first byte."""
    address = Address(host="127.0.0.1", port=0)
    listeners = (
        Listener(key="local", address=address, terms=LOCAL),
        Listener(key="public", address=address, terms=PUBLIC),
        Listener(key="tls", address=address, terms=PUBLIC, implicit=True),
    )
    context = serving_context(*authority.write_server(tmp_path, "localhost"))
    with intake_house(plan(listeners=listeners, context=context)) as built:
        yield built


def run(*command: str, env: dict[str, str] | None = None, told: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=100, env=env, input=told, check=False, encoding="utf-8"
    )


def swaks(house: IntakeHouse, listener: int, *options: str) -> subprocess.CompletedProcess[str]:
    return run("swaks", "--server", "localhost", "--port", str(house.intake.ports[listener]), *ENVELOPE, *options)


@pytest.mark.peer("swaks")
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("listener", [1, 2])
def test_swaks_logs_in_and_sends(house: IntakeHouse, ca_file: str, mechanism: str, listener: int) -> None:
    tls = "--tls" if listener == 1 else "--tls-on-connect"
    login = ("--auth", mechanism, "--auth-user", "marketing", "--auth-password", TOKEN)
    done = swaks(house, listener, tls, "--tls-ca-path", ca_file, "--tls-verify", *login, "--body", ".\n..dots\n")
    assert done.returncode == 0, done.stdout + done.stderr
    mail, content = house.queue.only
    assert (mail.stream, mail.by) == ("marketing", "app")
    assert [each.address for each in mail.recipients] == ["b@example.org", "c@example.org"]
    assert content.count(b"\r\n.\r\n..dots\r\n") == 1
    assert b"with ESMTPSA id" in content


@pytest.mark.peer("swaks")
@pytest.mark.parametrize("tls", [(), ("--tls",)])
@pytest.mark.parametrize("login", [(), ("--auth-user", "marketing", "--auth-password", "wrong", "--auth", "PLAIN")])
def test_swaks_without_a_token_sends_nothing_to_anybody(
    house: IntakeHouse, tls: tuple[str, ...], login: tuple[str, ...]
) -> None:
    for sender in ("a@example.com", "root@localhost", "<>"):
        done = swaks(house, 1, *tls, *login, "--from", sender, "--auth-optional-strict" if login else "--pipeline")
        assert done.returncode != 0
    assert house.queue.mails == {}


@pytest.mark.peer("swaks")
def test_swaks_sends_without_a_login_on_this_machine_and_in_groups(house: IntakeHouse) -> None:
    done = swaks(house, 0, "--pipeline", "--data", "Subject: one\\n\\nhello\\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert house.queue.only[0].by == "anonymous"


@pytest.mark.peer("swaks")
def test_swaks_with_a_message_in_circles_is_refused(house: IntakeHouse) -> None:
    done = swaks(house, 0, "--data", 31 * "Received: from here by there\\n" + "Subject: loop\\n\\nhello\\n")
    assert "554 5.4.6" in done.stdout
    assert house.queue.mails == {}


@pytest.mark.peer("smtp-source")
@pytest.mark.parametrize("kept", [("-d",), ()], ids=["kept", "new"])
def test_every_message_of_smtp_source_is_taken_once(house: IntakeHouse, kept: tuple[str, ...]) -> None:
    where = f"127.0.0.1:{house.intake.ports[0]}"
    done = run(
        "smtp-source",
        *kept,
        "-s",
        "10",
        "-m",
        "300",
        "-l",
        "4096",
        "-r",
        "3",
        "-f",
        "a@example.com",
        "-t",
        "b@x.test",
        where,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert house.intake.figures.taken == 300
    assert {len(mail.recipients) for mail, _ in house.queue.mails.values()} == {3}


@pytest.mark.peer("curl")
def test_curl_sends_with_starttls_and_a_login(house: IntakeHouse, ca_file: str, tmp_path: Path) -> None:
    message = tmp_path / "message.eml"
    message.write_bytes(b"From: a@example.com\r\nSubject: hello\r\n\r\n.\r\n" + 5000 * (60 * b"x" + b"\r\n"))
    done = run(
        *("curl", "--silent", "--show-error", "--ssl-reqd", "--cacert", ca_file, "--user", f"marketing:{TOKEN}"),
        *("--mail-from", "a@example.com", "--mail-rcpt", "b@example.org", "--upload-file", str(message)),
        f"smtp://localhost:{house.intake.ports[1]}",
    )
    assert done.returncode == 0, done.stderr
    assert house.queue.only[1].endswith(message.read_bytes().partition(b"\r\n\r\n")[2])


@pytest.mark.peer("openssl")
@pytest.mark.parametrize(("listener", "how"), [(1, ("-starttls", "smtp")), (2, ())])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_finds_the_certificate_in_order(
    house: IntakeHouse, ca_file: str, listener: int, how: tuple[str, ...], version: str
) -> None:
    where = f"localhost:{house.intake.ports[listener]}"
    said = "EHLO app.test\nMAIL FROM:<a@example.com>\nQUIT\n" if how else ""  # else it would come before the greeting
    done = run(
        *("openssl", "s_client", "-connect", where, *how, version, "-CAfile", ca_file, "-verify_hostname", "localhost"),
        *("-verify_return_error", "-brief", "-crlf", *(["-ign_eof"] if how else [])),
        told=said,
    )
    assert "Verification: OK" in done.stderr
    assert done.returncode == 0, done.stderr
    if how:
        assert "530 5.7.0 Authentication required" in done.stdout
        assert "221 2.0.0 Bye" in done.stdout


@pytest.mark.peer("openssl")
def test_openssl_gets_no_old_tls(house: IntakeHouse) -> None:
    where = f"localhost:{house.intake.ports[2]}"
    done = run("openssl", "s_client", "-connect", where, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-brief")
    assert done.returncode != 0
    house.until(lambda: house.intake.figures.sessions == 0)


@pytest.mark.peer("node", "nodemailer")
@pytest.mark.parametrize("listener", [1, 2])
def test_nodemailers_pool_sends(house: IntakeHouse, ca_file: str, tmp_path: Path, listener: int) -> None:
    (tmp_path / "send.mjs").write_text(NODEMAILER, encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    told = {"port": house.intake.ports[listener], "secure": listener == 2, "token": TOKEN}
    told["ca"] = Path(ca_file).read_text(encoding="ascii")
    done = run("node", str(tmp_path / "send.mjs"), env={**os.environ, "TOLD": json.dumps(told)})
    assert done.returncode == 0, done.stderr
    assert {f"250 2.0.0 Ok: queued as {mail_id}" for mail_id in house.queue.mails} == set(json.loads(done.stdout))
    assert len(house.queue.mails) == 20
    assert all(b"\r\n.\r\n" in content for _, content in house.queue.mails.values())


@pytest.mark.parametrize("listener", [1, 2])
def test_pythons_own_client_sends_in_utf8(house: IntakeHouse, authority: Authority, listener: int) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Bcc"] = "a@example.com", "jürgen@example.org", "hidden@example.org"
    message["Subject"] = "größer"
    message.set_content("Zeile\n.\n..zwei\n", cte="8bit")
    context = authority.client_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    port = house.intake.ports[listener]
    opened = smtplib.SMTP_SSL("localhost", port, context=context) if listener == 2 else smtplib.SMTP("localhost", port)
    with opened as smtp:
        if listener == 1:
            smtp.starttls(context=context)
        smtp.login("transactional", TOKEN)
        smtp.send_message(message)
    mail, content = house.queue.only
    assert mail.utf8
    assert mail.eight_bit
    assert "größer".encode() in content
    assert b"hidden@example.org" not in content
    assert {each.address for each in mail.recipients} == {"jürgen@example.org", "hidden@example.org"}
