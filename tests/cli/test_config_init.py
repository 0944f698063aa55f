"""`mailover config init`, answered at a terminal and not."""

import os
import pty
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dns_checks.catalogue import catalogue
from mailover.cli import main


def init(directory: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["config", "init", "--output", str(directory / "config.toml"), *arguments])


def check(directory: Path) -> Result:
    return CliRunner().invoke(main, ["--config", str(directory / "config.toml"), "config", "check"])


def answer(directory: Path, *answers: str) -> tuple[str, int]:
    """Answer each prompt as it comes, on a terminal of its own; what was said, and the exit code."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(directory)
        os.execv(sys.executable, [sys.executable, "-m", "mailover", "config", "init"])
    said, left = b"", list(answers)
    with os.fdopen(terminal, "r+b", buffering=0) as screen:
        while True:
            try:
                heard = screen.read(4096)
            except OSError:  # Linux says so when the other end is closed
                break
            if not heard:
                break
            said += heard
            if said.endswith(b": ") and left:
                screen.write(left.pop(0).encode() + b"\n")
                said += b"\n"
    return said.decode(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_wrong_answers_are_asked_again_and_the_file_loads(tmp_path: Path) -> None:
    said, code = answer(
        tmp_path,
        "postmark sendgird",
        "postmark, aws-ses, klaviyo",
        "postmark, ses, postmark",
        "me",
        "shop@example.com",
        'a"token\\',
        "key-1",
        "eu-west-11",
        "eu-west-1",
        "user",
        "key-2",
    )
    assert code == 0, said
    assert 'did you mean "sendgrid"?' in said
    assert "klaviyo takes no mail over SMTP" in said
    assert "must be one mail address" in said
    assert 'did you mean "eu-west-1"?' in said
    assert "Server API token" in said
    assert check(tmp_path).exit_code == 0
    written = tomllib.loads((tmp_path / "config.toml").read_text())
    assert written["streams"]["transactional"]["providers"] == ["postmark", "ses"]
    assert written["providers"]["postmark"]["username"] == 'a"token\\'
    assert (tmp_path / "secrets" / "ses").read_text() == "key-2\n"
    assert "key-1" not in (tmp_path / "config.toml").read_text()


@pytest.mark.parametrize("preset", [entry.id for entry in catalogue().values() if entry.smtp])
def test_what_is_still_to_be_filled_in_is_named_and_nothing_else(tmp_path: Path, preset: str) -> None:
    made = init(tmp_path, "--provider", preset)
    assert made.exit_code == 0, made.output
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / preset).write_text("key")
    filled = {"username": '"user"', "host": '"smtp.example.com"', "region": '"eu-west-1"'}
    path = tmp_path / "config.toml"
    lines = []
    for line in path.read_text().splitlines():
        key = line.removeprefix("# ").split(" = ")[0]
        lines.append(f"{key} = {filled[key]}" if line.startswith(f"# {key} = ...") else line)
        assert key not in filled or key in made.output
    path.write_text("\n".join(lines))
    checked = check(tmp_path)
    assert checked.exit_code == 0, checked.output


def test_a_provider_or_an_address_that_cannot_be_is_refused(tmp_path: Path) -> None:
    assert init(tmp_path, "--provider", "klaviyo").exit_code == 2
    assert init(tmp_path, "--provider", "postmark", "--from", "me").exit_code == 2
    assert not (tmp_path / "config.toml").exists()
