"""What `mailover explain` says about a pasted reply."""

import csv
from pathlib import Path

import pytest

from mailover.core.classification.rule import Rule
from mailover.core.explain import explain, read_stage
from mailover.core.observations import FailureKind, Owner, Stage
from mailover.core.replies import read_reply

REPLIES = Path(__file__).parent.parent / "data" / "replies.tsv"


@pytest.mark.parametrize(
    ("line", "code", "enhanced", "text"),
    [
        ("550 5.7.1 No such user!", 550, "5.7.1", "5.7.1 No such user!"),
        ("550 No such user!", 550, None, "No such user!"),
        ("550", 550, None, ""),
        ("421-4.7.0 Try again\n421 4.7.0 later", 421, "4.7.0", "4.7.0 Try again later"),
        ("smtp; 552 5.2.2 Over quota", 552, "5.2.2", "5.2.2 Over quota"),
        ("553 sorry, no mailbox here (#5.1.1)", 553, "5.1.1", "sorry, no mailbox here (#5.1.1)"),
        ("SMTPAuthenticationError: (535, b'5.7.8 Bad credentials')", 535, "5.7.8", "5.7.8 Bad credentials"),
        ("OSError: [Errno 101] Network is unreachable", None, None, "OSError: [Errno 101] Network is unreachable"),
        ("203.0.113.7 is listed", None, None, "203.0.113.7 is listed"),
        ("", None, None, ""),
    ],
)
def test_a_pasted_line_is_taken_apart(line: str, code: int | None, enhanced: str | None, text: str) -> None:
    reply = read_reply(line)
    assert (reply.code, reply.enhanced, reply.text) == (code, enhanced, text)


def test_the_stage_words_are_those_of_the_dialogue_and_dsn() -> None:
    assert read_stage("rcpt") is Stage.RCPT
    assert read_stage(" END_DATA ") is Stage.END_DATA
    assert read_stage("dsn") is None
    with pytest.raises(ValueError, match=r"no stage 'greeting'; the stages are resolve, .*, dsn$"):
        read_stage("greeting")


def test_a_bad_recipient_is_explained_as_nobodys_fault() -> None:
    found = explain(Stage.RCPT, "550 5.1.1 User unknown")
    assert found.as_json() == {
        "kind": "recipient",
        "owner": "nobody",
        "moves_breaker": False,
        "because": (
            "The recipient's address does not exist (nobody's fault here): "
            "no provider is blamed and no breaker moves; correct or drop the address."
        ),
    }


def test_a_suspended_account_is_explained_with_what_mailover_does() -> None:
    found = explain(Stage.END_DATA, "554 Message rejected: Sending paused for this account.")
    assert (found.kind, found.owner, found.moves_breaker) == (FailureKind.SUSPENDED, Owner.ACCOUNT, True)
    assert "ours to mend at this provider" in found.because
    assert "fails over as soon as one check confirms it" in found.because


@pytest.mark.parametrize("kind", list(FailureKind))
def test_every_kind_has_its_sentence(kind: FailureKind) -> None:
    found = explain(None, "550 x", extra_rules=[Rule(kind=kind, because="the words say so", words=("x",))])
    assert found.kind is kind
    assert found.because.startswith("The words say so (")
    assert found.because.endswith(".")
    assert ("no breaker moves" in found.because) is not kind.moves_breaker


def test_a_line_gives_the_same_kind_as_its_parts() -> None:
    with REPLIES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            line = f"{row['code']} {row['text']}" if row["code"] else row["text"]
            want = row["class"].removesuffix("_permanent")
            assert explain(read_stage(row["phase"]), line).kind.value == want, row["id"]


def test_a_line_that_repeats_its_enhanced_code_gives_the_same_kind() -> None:
    with REPLIES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["enhanced"]:
                line = f"{row['code']} {row['enhanced']} {row['text']}"
                want = row["class"].removesuffix("_permanent")
                assert explain(read_stage(row["phase"]), line).kind.value == want, row["id"]
