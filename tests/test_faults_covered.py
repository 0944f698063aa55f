"""The catalogue of faults, each with the tests that show what happens: data/faults.tsv is held against the suite."""

import ast
import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CATALOGUE = TESTS / "data" / "faults.tsv"
LENGTHS = {"C": 42, "I": 6, "P": 7, "D": 25, "Q": 11, "S": 22, "A": 16, "H": 9}
"""How many faults the layers have: SMTP client, IMAP, process, decision, storage, SMTP server, API, HTTP out."""


def faults() -> list[Mapping[str, str]]:
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@cache
def functions(path: Path) -> frozenset[str]:
    """The names of the tests in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_fault_of_these_layers_is_in_the_catalogue() -> None:
    wanted = [f"{letter}{n:02}" for letter, length in LENGTHS.items() for n in range(1, length + 1)]
    assert sorted(fault["id"] for fault in faults()) == sorted(wanted)


@pytest.mark.parametrize("fault", faults(), ids=lambda fault: fault["id"])
def test_a_fault_has_its_tests_or_a_reason_why_not(fault: Mapping[str, str]) -> None:
    named = [each for each in fault["tests"].split("; ") if each]
    assert named or fault["gap"]
    for each in named:
        file, _, rest = each.partition("::")
        name, _, case = rest.removesuffix("]").partition("[")
        path = TESTS / file
        assert name in functions(path), f"{file} has no {name}"
        assert not case or f'"{case}"' in path.read_text(encoding="utf-8"), f"{file} has no case {case}"


@pytest.mark.parametrize("layer", ["smtp-client", "imap", "api", "http-out"])
def test_every_fault_of_the_wire_has_a_test(layer: str) -> None:
    assert [fault["id"] for fault in faults() if fault["layer"] == layer and not fault["tests"]] == []
