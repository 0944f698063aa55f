"""One bad file per rule. Its first lines say, word for word, how it is refused, but for the line."""

import re
from pathlib import Path

import pytest

from mailover.config import load
from mailover.errors import ConfigError

BAD = sorted(Path(__file__).parent.joinpath("bad").glob("*.toml"))
SECRETS = re.compile(r'(?:password|token|secret|webhook_url) = "([^"]{3,})"')


def refusal(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    return caught.value.problems


def sentence(problem: str, path: Path) -> str:
    """The problem without the place at its end, and with FILE for the file's name elsewhere."""
    return re.sub(r" \(FILE:\d+\)$", "", problem.replace(str(path), "FILE"))


def promised(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("# refused: ") for line in lines if line.startswith("# refused: ")]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_is_refused_with_exactly_its_sentences(path: Path) -> None:
    assert [sentence(problem, path) for problem in refusal(path)] == promised(path) != []


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_refusal_repeats_no_secret(path: Path) -> None:
    told = "\n".join(refusal(path))
    assert not [secret for secret in SECRETS.findall(path.read_text(encoding="utf-8")) if secret in told]
    assert "hunter2" not in told


def test_the_bad_files_are_all_there() -> None:
    assert len(BAD) > 93
