"""Applications in other languages that use the recipes as a reader would: copied beside each other, then run."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from client_house import CLIENTS

DRIVERS = Path(__file__).parent / "drivers"
NODE_MODULES = Path(__file__).parents[2] / ".peers" / "node" / "node_modules"
PIECES = {
    "nodemailer": (
        ["node/mailover.mjs", "nodemailer/mailover-transport.mjs"],
        ["nodemailer.mjs"],
        ["node", "nodemailer.mjs"],
    ),
    "php": (["php/Mailover.php", "php/MailoverTransport.php"], ["symfony.php"], ["php", "symfony.php"]),
    "laravel": (
        ["php/Mailover.php", "php/MailoverTransport.php", "laravel/MailoverServiceProvider.php", "laravel/mail.php"],
        ["laravel.php"],
        ["php", "laravel.php"],
    ),
    "go": (["go/mailover.go", "go/deliver.go", "go/go.mod"], ["main.go"], ["./application"]),
    "shell": (["shell/mailover-send.sh"], ["lines.sh"], ["sh", "lines.sh"]),
}
NEEDS = {
    "nodemailer": ("node", "nodemailer"),
    "php": ("php", "php-curl", "php-symfony-mailer"),
    "laravel": ("php", "php-curl", "php-symfony-mailer", "php-illuminate-mail"),
    "go": ("go",),
    "shell": ("curl", "jq"),
}


def lay_out(recipe: str, room: Path) -> Path:
    """The files of a recipe and an application that uses them, in a directory of their own."""
    pieces, drivers, _ = PIECES[recipe]
    room.mkdir()
    for piece in pieces:
        shutil.copy(CLIENTS / piece, room)
    for driver in drivers:
        shutil.copy(DRIVERS / driver, room)
    if recipe == "nodemailer":
        (room / "node_modules").symlink_to(NODE_MODULES)
    if recipe == "go":
        (room / "app").mkdir()
        (room / "main.go").rename(room / "app" / "main.go")
        environment = {**os.environ, "GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
        subprocess.run(["go", "build", "-o", "application", "./app"], cwd=room, env=environment, check=True)
    return room


class Application:
    """One of them under way: a line is a mail, and a line of JSON comes back."""

    def __init__(
        self, recipe: str, room: Path, url: str, accounts: Mapping[str, Mapping[str, Any]], ca_file: str
    ) -> None:
        """`accounts` have host, port, username and password."""
        self.room = room
        environment = {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            "MAILOVER": url,
            "ACCOUNTS": json.dumps(accounts),
            "CA_FILE": ca_file,
            "NODE_EXTRA_CA_CERTS": ca_file,
        }
        self._process = subprocess.Popen(
            PIECES[recipe][2], cwd=room, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def send(self) -> dict[str, Any]:
        """What it says of one mail."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("Your order\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the application ended"
        said: dict[str, Any] = json.loads(line)
        return said

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            code = self._process.wait(20)
        finally:
            self._process.kill()
            self._process.stdout.close()
        assert kind is not None or code == 0
