"""nginx's mail proxy asks for each session where it goes."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from followed_house import Followed, followed
from real_daemon import Daemon, free_port

pytestmark = pytest.mark.peer("nginx")

TOKEN = "mlo_nginx-" + "x" * 40
CONFIG = """
daemon off;
master_process off;
load_module /usr/lib/nginx/modules/ngx_mail_module.so;
pid {root}/pid;
error_log {root}/error.log;
events {{ }}
mail {{
    server_name relay.example.test;
    auth_http {auth};
    auth_http_header Authorization "Bearer {token}";
    server {{ listen 127.0.0.1:{port}; protocol smtp; smtp_auth none; xclient off; }}
}}
"""


class Nginx(Daemon):
    """A mail proxy alone."""

    def __init__(self, root: Path, auth: str) -> None:
        super().__init__(root)
        self.port = self.greets_on = free_port()
        text = CONFIG.format(root=root, auth=auth, token=TOKEN, port=self.port)
        root.joinpath("nginx.conf").write_text(text)

    def command(self) -> list[str]:
        return ["/usr/sbin/nginx", "-e", str(self.root / "error.log"), "-c", str(self.root / "nginx.conf")]

    def first_reply(self, recipient: str) -> tuple[int, bytes]:
        """What a client is told at its recipient, which is when nginx asks."""
        with smtplib.SMTP(self.host, self.port, local_hostname="app.example.test", timeout=15) as wire:
            wire.ehlo()
            wire.mail("app@apps.example.test")
            return wire.rcpt(recipient)


@pytest.fixture
def mail(tmp_path: Path, ca_file: str) -> Iterator[Followed]:
    tokens = {"nginx": {"token": TOKEN, "scopes": ["read"]}}
    with followed(tmp_path, ca_file, {"nginx": {}}, tokens=tokens) as house:
        yield house


@pytest.fixture
def nginx(tmp_path: Path, mail: Followed) -> Iterator[Nginx]:
    room = tmp_path / "nginx"
    room.mkdir()
    running = Nginx(room, f"{mail.house.api.url}/v1/adapters/nginx")
    running.start()
    yield running
    running.stop()


def test_each_session_goes_where_the_flag_says(nginx: Nginx, mail: Followed) -> None:
    """The fake providers want TLS before a sender, which nginx does not speak: who refuses tells who was asked."""
    seen = {name: each.connections for name, each in mail.providers.items()}
    nginx.first_reply("anna@shop.example")
    assert mail.providers["first"].connections == seen["first"] + 1
    mail.pin("second")
    nginx.first_reply("bob@shop.example")
    assert mail.providers["second"].connections == seen["second"] + 1
    assert mail.providers["first"].connections == seen["first"] + 1


def test_while_mailover_is_away_the_client_is_asked_to_come_again(nginx: Nginx, mail: Followed) -> None:
    mail.house.api.stop()
    code, _ = nginx.first_reply("anna@shop.example")
    assert 400 <= code < 500
