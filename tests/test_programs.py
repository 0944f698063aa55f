"""Somebody else's program: its time, its output, its children and our secrets."""

import os
import sys
import time
from pathlib import Path

import pytest

from mailover.programs import run

PYTHON = sys.executable


def test_a_program_gets_its_input_and_says_something() -> None:
    outcome = run(["/bin/cat"], 10, given=b"hello\nthere")
    assert outcome.good
    assert outcome.said == "hello there"
    assert str(outcome) == "exit status 0: hello there"


def test_a_failing_one_is_told_by_its_status_and_its_last_words() -> None:
    outcome = run(["/bin/sh", "-c", "echo no; echo such queue >&2; exit 3"], 10)
    assert (outcome.good, outcome.status, outcome.said) == (False, 3, "no such queue")


def test_no_shell_reads_its_arguments() -> None:
    assert run(["/bin/echo", "$HOME; echo", "`id`"], 10).said == "$HOME; echo `id`"


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (["/nowhere/at-all"], "it could not be started: No such file or directory"),
        (["/etc/passwd"], "it could not be started: Permission denied"),
    ],
)
def test_one_that_cannot_be_started_is_an_outcome(argv: list[str], why: str) -> None:
    outcome = run(argv, 10)
    assert (outcome.status, outcome.said) == (None, why)


def test_when_its_time_is_over_its_whole_group_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    began = time.monotonic()
    outcome = run(["/bin/sh", "-c", f"(while true; do date >{mark}; sleep 0.05; done) & wait"], 0.5)
    assert outcome.status is None
    assert outcome.said == "killed after 0.5 s"
    assert time.monotonic() - began < 10
    mark.unlink(missing_ok=True)
    time.sleep(0.3)
    assert not mark.exists()


def test_what_it_leaves_behind_in_its_group_ends_with_it(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    outcome = run(["/bin/sh", "-c", f"(sleep 0.5; touch {mark}) & echo done"], 10)
    assert (outcome.good, outcome.said) == (True, "done")
    time.sleep(0.8)
    assert not mark.exists()


def test_one_that_talks_without_end_fills_nothing() -> None:
    outcome = run([PYTHON, "-c", "while True: print('x' * 10_000)"], 1)
    assert outcome.said == "killed after 1 s"


def test_of_much_output_the_end_is_kept() -> None:
    outcome = run([PYTHON, "-c", "print('x' * 100_000 + ' the end\\x1b[31m')"], 20)
    assert outcome.said.endswith("the end [31m")
    assert len(outcome.said) < 2100


def test_our_environment_stays_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILOVER_PROVIDERS__POSTMARK__PASSWORD", "SECRET-CANARY")
    outcome = run(["/usr/bin/env"], 10, env={"MAILOVER_EVENT": "failover.happened"})
    assert "MAILOVER_EVENT=failover.happened" in outcome.said
    assert "PATH=" in outcome.said
    assert "SECRET-CANARY" not in outcome.said


def test_our_files_stay_ours(tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        assert f" {ours.fileno()} " not in f" {run(['/bin/ls', '/proc/self/fd'], 10).said} "
