"""Classification over real replies, and the rules that no row may break."""

import csv
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailover.core.classification.rule import Rule, normal_form
from mailover.core.classify import REPLY_RULES, classify, judge
from mailover.core.explain import explain, read_stage
from mailover.core.observations import FailureKind, Owner, Stage
from mailover.core.replies import read_reply

DATA = Path(__file__).parent.parent / "data"
OUR_WORDS = {"recipient_permanent": "recipient", "message_permanent": "message"}
STAGES = st.one_of(st.none(), st.sampled_from(list(Stage)))
CODES = st.one_of(st.none(), st.integers(0, 999))
ENHANCED = st.one_of(st.none(), st.from_regex(r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True), st.text(max_size=12))


def replies(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def wanted(row: dict[str, str]) -> FailureKind:
    return FailureKind(OUR_WORDS.get(row["class"], row["class"]))


def kind_of(row: dict[str, str]) -> FailureKind:
    code = int(row["code"]) if row["code"] else None
    return classify(read_stage(row["phase"]), code, row["enhanced"] or None, row["text"])


@pytest.mark.parametrize("row", replies("replies.tsv"), ids=lambda row: row["id"])
def test_a_known_reply_has_its_kind(row: dict[str, str]) -> None:
    assert kind_of(row) is wanted(row)


def test_nearly_all_collected_replies_have_their_kind() -> None:
    rows = replies("replies_more.tsv")
    wrong = [(row["id"], row["text"], kind_of(row).value) for row in rows if kind_of(row) is not wanted(row)]
    assert len(rows) > 700
    assert len(wrong) <= 0.01 * len(rows), wrong


@pytest.mark.parametrize("name", ["replies.tsv", "replies_more.tsv"])
def test_a_bad_recipient_or_message_never_moves_a_breaker(name: str) -> None:
    rows = [row for row in replies(name) if wanted(row).owner is Owner.NOBODY]
    blamed = [(row["id"], row["text"], kind_of(row).value) for row in rows if kind_of(row).moves_breaker]
    assert rows
    assert blamed == []


@pytest.mark.parametrize("stage", [Stage.RCPT, Stage.DATA, Stage.END_DATA, None])
def test_nor_does_it_when_the_same_words_come_at_another_stage(stage: Stage | None) -> None:
    rows = [row for name in ("replies.tsv", "replies_more.tsv") for row in replies(name)]
    for row in rows:
        if row["code"] and wanted(row).owner is Owner.NOBODY:
            kind = classify(stage, int(row["code"]), row["enhanced"] or None, row["text"])
            assert not kind.moves_breaker, (row["id"], row["text"], kind)


@pytest.mark.parametrize("name", ["replies.tsv", "replies_more.tsv"])
def test_a_reply_is_never_called_local(name: str) -> None:
    rows = [row for row in replies(name) if row["code"]]
    assert [row["id"] for row in rows if kind_of(row) is FailureKind.LOCAL] == []


def test_the_case_accents_and_line_breaks_of_a_reply_do_not_matter() -> None:
    plain = classify(Stage.RCPT, 552, None, "Boite du destinataire pleine")
    assert plain is classify(Stage.RCPT, 552, None, "BOÎTE DU\r\n DESTINATAIRE  PLEINE") is FailureKind.RECIPIENT


def test_a_word_inside_an_address_is_no_evidence() -> None:
    assert classify(Stage.RCPT, 550, "5.1.1", "<greylist-spamhaus@example.org>: User unknown") is FailureKind.RECIPIENT


@pytest.mark.parametrize(
    ("stage", "code", "enhanced", "kind"),
    [
        (Stage.RCPT, 550, None, FailureKind.RECIPIENT),
        (Stage.RCPT, 550, "5.7.1", FailureKind.RECIPIENT),
        (Stage.RCPT, 450, None, FailureKind.RECIPIENT),
        (Stage.RCPT, 451, "4.7.1", FailureKind.GREYLIST),
        (Stage.DATA, 554, None, FailureKind.MESSAGE),
        (Stage.END_DATA, 550, "5.7.1", FailureKind.MESSAGE),
        (Stage.END_DATA, 552, "5.3.4", FailureKind.MESSAGE),
        (None, 550, None, FailureKind.RECIPIENT),
        (Stage.AUTH, 535, None, FailureKind.AUTH),
        (Stage.MAIL, 550, None, FailureKind.POLICY),
        (Stage.MAIL, 530, None, FailureKind.AUTH),
        (Stage.BANNER, 554, None, FailureKind.CONNECTION),
        (Stage.BANNER, 421, None, FailureKind.TRANSIENT),
        (Stage.EHLO, 502, None, FailureKind.PROTOCOL),
        (Stage.STARTTLS, 454, None, FailureKind.TLS),
        (Stage.END_DATA, 451, None, FailureKind.TRANSIENT),
        (Stage.BANNER, 250, None, FailureKind.PROTOCOL),
    ],
)
def test_without_words_the_codes_and_the_stage_decide(
    stage: Stage | None, code: int | None, enhanced: str | None, kind: FailureKind
) -> None:
    assert classify(stage, code, enhanced, "") is kind


def test_silence_after_the_final_dot_is_ambiguous() -> None:
    assert classify(Stage.END_DATA, None, None, "") is FailureKind.AMBIGUOUS
    assert classify(Stage.RCPT, None, None, "") is FailureKind.CONNECTION


@pytest.mark.parametrize("text", ["[Errno 24] Too many open files", "EADDRNOTAVAIL", "No buffer space available"])
def test_our_own_shortage_is_local_only_without_a_reply(text: str) -> None:
    assert classify(Stage.CONNECT, None, None, f"OSError: {text}") is FailureKind.LOCAL
    assert classify(Stage.DATA, 451, None, text) is not FailureKind.LOCAL


def test_an_exception_is_read_by_the_reply_that_it_holds() -> None:
    text = "SMTPRecipientsRefused: {'x@example.org': (550, b'5.1.1 User unknown')}"
    assert classify(Stage.RCPT, None, None, text) is FailureKind.RECIPIENT
    assert classify(Stage.CONNECT, None, None, "SMTPConnectError: (-1, b'HTTP/1.1 400 Bad')") is FailureKind.PROTOCOL


def test_codes_left_out_are_taken_from_the_text() -> None:
    assert classify(Stage.RCPT, None, None, "450 4.7.1 Greylisted") is FailureKind.GREYLIST
    assert classify(Stage.AUTH, 550, None, "5.7.13 no more") is FailureKind.SUSPENDED


def test_an_enhanced_code_inside_the_text_is_found_but_an_address_is_none() -> None:
    assert classify(Stage.MAIL, 550, None, "gate77 5.1.90 zzz") is FailureKind.QUOTA
    assert classify(Stage.MAIL, 550, None, "zzz (#5.7.13)") is FailureKind.SUSPENDED
    assert classify(Stage.MAIL, 550, None, "zzz 5.7.13.44 zzz") is FailureKind.POLICY


def test_in_a_bounce_a_complaint_about_the_dialogue_blames_nobody() -> None:
    assert classify(None, 501, None, "Syntax error in parameters or arguments") is FailureKind.RECIPIENT


def test_the_words_outweigh_the_codes() -> None:
    assert classify(Stage.AUTH, 451, None, "Authentication failed: Maximum credits exceeded") is FailureKind.QUOTA
    assert classify(Stage.END_DATA, 454, None, "Throttling failure") is FailureKind.RATE_LIMIT


def test_an_operators_rule_speaks_before_the_tables() -> None:
    rule = Rule(kind=FailureKind.QUOTA, because="the yearly fee is due", words=("kontingent",), codes=("55",))
    verdict = judge(Stage.RCPT, 550, "5.1.1", "Kontingent: User unknown", extra_rules=[rule])
    assert (verdict.kind, verdict.because) == (FailureKind.QUOTA, "the yearly fee is due")
    assert classify(Stage.RCPT, 450, None, "Kontingent: User unknown", extra_rules=[rule]) is FailureKind.RECIPIENT


@pytest.mark.parametrize(
    ("stage", "code", "enhanced", "because"),
    [
        (Stage.AUTH, 535, "5.7.8", "5.7.8 at auth means that the user name or password is refused"),
        (Stage.END_DATA, 550, "5.7.20", "5.7.20 after the message means that the message has no valid DKIM signature"),
        (Stage.RCPT, 452, "4.2.2", "4.2.2 at rcpt means that the recipient's mailbox is full for now"),
        (None, 550, "5.4.312", "5.4.312 in a bounce means that the recipient's server could not be reached"),
        (Stage.MAIL, 451, "4.4.99", "4.4.99 at mail means that the network or the routing has trouble for now"),
        (
            Stage.BANNER,
            421,
            None,
            "no word in it is known, and a 421 as a greeting is usually passing trouble of the provider",
        ),
    ],
)
def test_without_words_the_reason_says_what_the_code_means(
    stage: Stage | None, code: int, enhanced: str | None, because: str
) -> None:
    assert judge(stage, code, enhanced, "").because == because


def test_every_reason_is_a_clause_whatever_the_codes() -> None:
    for stage in (None, *Stage):
        for code in (None, *range(400, 572)):
            because = judge(stage, code, None, "").because
            assert because
            assert not because.endswith(".")


def test_every_rule_has_words_in_normal_form_and_a_clause() -> None:
    for rule in REPLY_RULES:
        assert rule.words
        assert rule.because
        assert not rule.because.endswith(".")
        for pattern in rule.words:
            letters = [letter for letter in pattern.replace("\\S", "").replace("\\W", "") if letter.isupper()]
            assert not letters, f"{pattern!r} can never match: texts are lower case"


@given(stage=STAGES, code=CODES, enhanced=ENHANCED, text=st.text())
def test_any_failure_has_a_kind(stage: Stage | None, code: int | None, enhanced: str | None, text: str) -> None:
    assert isinstance(classify(stage, code, enhanced, text), FailureKind)
    assert explain(stage, text).because.endswith(".")


@given(stage=STAGES, parts=st.lists(st.sampled_from(["your ", "too many ", "a@", "@", "\u0301", "user (", "ip "])))
def test_any_heap_of_telling_words_has_a_kind(stage: Stage | None, parts: list[str]) -> None:
    assert isinstance(classify(stage, 550, None, "".join(parts)), FailureKind)


@settings(max_examples=30, deadline=None)
@given(
    unit=st.sampled_from(["a", "your ", "@", "a.", "not ", "mailbox ", "too many ", "sender address ", "\u0301", " "])
)
def test_ten_kilobytes_of_anything_are_judged_in_a_moment(unit: str) -> None:
    text = unit * (10_000 // len(unit))
    began = time.process_time()
    classify(Stage.RCPT, 550, None, text)
    assert time.process_time() - began < 1.0


@given(st.text(max_size=4000))
def test_the_normal_form_is_short_lower_case_and_on_one_line(text: str) -> None:
    normal = normal_form(text)
    assert "\n" not in normal
    assert len(normal.split("  ")) == 1


def test_a_reply_line_gives_back_its_parts() -> None:
    reply = read_reply("550-5.7.1 one\r\n550 5.7.1 two")
    assert (reply.code, reply.enhanced, reply.text) == (550, "5.7.1", "5.7.1 one two")
