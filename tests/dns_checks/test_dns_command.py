"""`mailover dns spf` as people and programs use it: no config, no agent, a name server of one's own."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from hostile.names import HostileNames
from rfc7208_suite import Case, load_suite

from mailover.cli import main

SCENARIO = next(each for each in load_suite() if each.description.startswith("Semantics of exp"))


@pytest.fixture(scope="module")
def server() -> Iterator[HostileNames]:
    with HostileNames(SCENARIO.zones.answer) as running:
        yield running


def spf(server: HostileNames, case: Case, *more: str) -> Result:
    where = ["--ip", case.host, "--sender", case.mailfrom, "--helo", case.helo, "--nameserver", server.address]
    return CliRunner().invoke(main, ["dns", "spf", *where, *more])


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in SCENARIO.cases])
def test_the_answer_in_json_is_the_result_and_what_the_domain_says(case: Case, server: HostileNames) -> None:
    done = spf(server, case, "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert set(answer) == {"result", "explanation"}
    assert answer["result"] in case.results
    if case.explanation is not None:
        assert answer["explanation"] == case.explanation.replace("DEFAULT", "")


def test_words_say_why_and_what_it_cost(server: HostileNames) -> None:
    case = next(each for each in SCENARIO.cases if each.id == "redirect-cancels-prior-exp")
    done = spf(server, case)
    assert done.exit_code == 0
    assert "fail: -all in the record of e4.example.com matches 1.2.3.4" in done.stdout
    assert "the domain says: See me." in done.stdout
    assert "1 of 10 lookups" in done.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        ["--ip", "1.2.3", "--sender", "a@x.example", "--helo", "h.example"],
        ["--ip", "1.2.3.4", "--sender", "a@x.example"],
        ["--ip", "1.2.3.4", "--sender", "a@x.example", "--helo", "h.example", "--nameserver", "127.0.0.1:99999"],
        ["--ip", "1.2.3.4", "--sender", "a@x.example", "--helo", "h.example", "--nameserver", ":53"],
    ],
)
def test_wrong_usage_ends_with_two(wrong: list[str]) -> None:
    assert CliRunner().invoke(main, ["dns", "spf", *wrong]).exit_code == 2


def test_a_mute_server_costs_its_timeout_once_and_is_no_missing_record() -> None:
    with HostileNames(lambda _: None) as mute:
        began = time.monotonic()
        done = spf(mute, SCENARIO.cases[0], "--json", "--timeout", "0.2")
        assert time.monotonic() - began < 5
    assert json.loads(done.stdout) == {"result": "temperror", "explanation": ""}


def test_the_command_reads_neither_the_config_nor_the_agent() -> None:
    """It starts in a fifth of the time that the whole program takes."""
    unwanted = ["flask", "sqlalchemy", "pydantic", "requests"]
    code = f"import mailover.cli.dns, sys; print([name for name in {unwanted} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
