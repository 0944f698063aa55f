"""A refusal names where the key was said: the line of the file, or the variable."""

from pathlib import Path

import pytest

from mailover.config import build, load
from mailover.config.places import lines_of
from mailover.errors import ConfigError

ROOT = Path(__file__).parents[2]


def told(text: str, tmp_path: Path, **env: str) -> list[str]:
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(file, env)
    return [problem.replace(str(file), "config.toml") for problem in caught.value.problems]


def test_a_refusal_names_the_file_and_the_line_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
[streams.mail]
providers = [
  "first",  # the best
  "secnd",
]

[providers.first]
prot = 587

[providers.second]
host = "smtp.example.com"
port = 0
"""
    assert told(text, tmp_path) == [
        'streams.mail.providers: no provider "secnd"; did you mean "second"? (config.toml:2)',
        "providers.first.host: is missing; give host, or a preset that knows it (config.toml:7)",
        'providers.first.prot: unknown key; did you mean "port"? (config.toml:8)',
        "providers.second.port: must be between 1 and 65535 (config.toml:12)",
    ]


def test_a_refusal_of_a_variable_names_the_variable_and_no_line(tmp_path: Path) -> None:
    text = '[providers.eu-one]\nhost = "smtp.example.com"\nport = 587\n[streams.mail]\nproviders = ["eu-one"]\n'
    env = {"MAILOVER_PROVIDERS__EU_ONE__PORT": "0"}
    wrong = "providers.eu-one.port: must be between 1 and 65535 ($MAILOVER_PROVIDERS__EU_ONE__PORT)"
    assert told(text, tmp_path, **env) == [wrong]


def test_what_no_file_says_has_no_line() -> None:
    with pytest.raises(ConfigError) as caught:
        build({"providers": {"one": {"host": "smtp.example.com"}}}, {})
    assert caught.value.problems == ["streams: is missing; give at least one table such as [streams.transactional]"]


def test_every_way_of_writing_a_key_has_its_line() -> None:
    text = '''\
a.b = 1  # = is no key = 2
text = """
[no.table]
c = 3
"""
["quoted name".x]
"y z" = { inner = 1, other = { deep = 2 } }

[[streams.mail.peak_hours]]
hours = "08:00-18:00"
[[streams.mail.peak_hours]]
hours = "no"
[streams.mail.peak_hours.within]
key = 1
[streams]
listed = [
  { one = 1 },
  { two = 2 },
]
'''
    lines = lines_of(text)
    assert lines["a", "b"] == 1
    assert lines["text",] == 2
    assert ("no", "table") not in lines
    assert lines["quoted name", "x", "y z", "other", "deep"] == 7
    assert lines["streams", "mail", "peak_hours", 0, "hours"] == 10
    assert lines["streams", "mail", "peak_hours", 1, "hours"] == 12
    assert lines["streams", "mail", "peak_hours", 1, "within", "key"] == 14
    assert lines["streams",] == 9
    assert lines["streams", "listed", 1, "two"] == 16


def test_lines_that_end_as_on_windows_are_counted_the_same() -> None:
    assert lines_of('[server]\r\nlisten = "127.0.0.1:0"\r\n')["server", "listen"] == 2


def test_every_key_of_the_example_is_found_on_its_line() -> None:
    text = (ROOT / "config.example.toml").read_text(encoding="utf-8")
    lines = text.split("\n")
    found = lines_of(text)
    assert len(found) > 80
    assert [path for path, line in found.items() if str(path[-1]) not in lines[line - 1]] == []
