"""`mailover outbox` and `mailover send` against a running API whose relay keeps mail and settles it as told."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from api_house import House, behind_edge, open_house
from click.testing import CliRunner, Result
from mail_house import KeepingRelay

from mailover.cli import main
from mailover.config.limits import LimitsSettings
from mailover.core.mail import Fate, Submission, Suppression
from webhooks.limits import Limits


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path, tokens=()) as opened:
        yield opened


@pytest.fixture
def relay(house: House) -> KeepingRelay:
    return KeepingRelay(house)


@pytest.fixture
def url(house: House) -> Iterator[str]:
    with behind_edge(house.app) as found:
        yield found


def run(url: str, *arguments: str, **more: object) -> Result:
    return CliRunner().invoke(main, ["--url", url, *arguments], **more)  # type: ignore[arg-type]


def keep(relay: KeepingRelay, stream: str = "transactional", to: str = "ann@example.net") -> str:
    content = b"Subject: Hi\r\n\r\nHello\r\n"
    return relay.take(Submission(stream=stream, sender="a@example.com", recipients=(to,), content=content, by="app"))


def test_the_list_shows_queues_and_messages_and_is_content_while_nothing_needs_a_decision(
    url: str, relay: KeepingRelay
) -> None:
    message = keep(relay)
    result = run(url, "outbox", "list")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].split()[:3] == ["stream", "queued", "oldest"]
    assert lines[-1].endswith(f"{message} transactional: ann@example.net queued")
    told = json.loads(run(url, "outbox", "list", "--stream", "marketing", "--json").output)
    assert [each["stream"] for each in told["streams"]] == ["marketing"]
    assert told["messages"] == []


def test_an_ambiguous_message_wants_a_decision(url: str, relay: KeepingRelay) -> None:
    relay.settle(keep(relay), Fate.AMBIGUOUS)
    result = run(url, "outbox", "list")
    assert result.exit_code == 1
    assert "ann@example.net ambiguous" in result.output


def test_one_message_is_shown_copy_by_copy(url: str, relay: KeepingRelay) -> None:
    message = keep(relay)
    relay.settle(message, Fate.FAILED, "no such user")
    assert "ann@example.net failed (ses: no such user)" in run(url, "outbox", "show", message).output
    assert json.loads(run(url, "outbox", "show", message, "--json").output)["id"] == message
    assert run(url, "outbox", "show", "msg_none").exit_code == 2


def test_dead_letters_are_tried_again_one_by_one_or_all(url: str, relay: KeepingRelay) -> None:
    messages = [keep(relay, to=f"n{n}@example.net") for n in range(3)]
    for each in messages:
        relay.settle(each, Fate.FAILED, "mailbox disabled")
    assert run(url, "outbox", "retry", messages[0]).output == "1 message tried again\n"
    assert run(url, "outbox", "retry", "--state", "failed").output == "2 messages tried again\n"
    assert run(url, "outbox", "retry").exit_code == 2
    assert run(url, "outbox", "retry", messages[0], "--state", "failed").exit_code == 2


def test_dropping_asks_first(url: str, house: House, relay: KeepingRelay) -> None:
    message = keep(relay)
    assert run(url, "outbox", "drop", message, input="n\n").exit_code == 1
    assert house.store.mail.content(message) is not None
    assert run(url, "outbox", "drop", message, "--yes").output == "1 message dropped\n"
    assert house.store.mail.content(message) is None


def test_messages_are_exported_to_files_that_only_their_owner_reads(
    url: str, relay: KeepingRelay, tmp_path: Path
) -> None:
    message, folder = keep(relay), tmp_path / "letters"
    assert run(url, "outbox", "export", message, "--to", str(folder)).exit_code == 0
    file = folder / f"{message}.eml"
    assert file.read_bytes() == b"Subject: Hi\r\n\r\nHello\r\n"
    assert file.stat().st_mode & 0o077 == 0


def test_one_message_that_cannot_be_exported_stops_no_other(url: str, relay: KeepingRelay, tmp_path: Path) -> None:
    gone, *others = [keep(relay, to=f"n{n}@example.net") for n in range(3)]
    relay.settle(gone, Fate.DELIVERED)
    result = run(url, "outbox", "export", gone, *others, "--to", str(tmp_path))
    assert (result.exit_code, result.stdout) == (1, f"2 messages written to {tmp_path}\n")
    assert f"{gone}: the content of this message is not kept any more" in result.stderr
    assert sorted(file.stem for file in tmp_path.glob("*.eml")) == sorted(others)


def test_more_messages_than_may_be_changed_at_once_take_a_little_longer(tmp_path: Path) -> None:
    slow = Limits(LimitsSettings(changes_per_minute=60))
    with open_house(tmp_path, tokens=(), limits=slow) as house, behind_edge(house.app) as url:
        relay = KeepingRelay(house)
        for number in range(11):
            relay.settle(keep(relay, to=f"n{number}@example.net"), Fate.FAILED, "mailbox disabled")
        assert run(url, "outbox", "retry", "--state", "failed").output == "11 messages tried again\n"


def test_a_person_is_forgotten_after_asking(url: str, house: House, relay: KeepingRelay) -> None:
    keep(relay, to="a+b@example.net")
    assert run(url, "outbox", "erase", "a+b@example.net", input="n\n").exit_code == 1
    erased = run(url, "outbox", "erase", "a+b@example.net", "--yes")
    assert erased.output == "a+b@example.net is forgotten, 1 message changed\n"
    assert house.store.mail.mails().items == ()


def test_suppressions_are_listed_added_and_removed(url: str, house: House) -> None:
    bounce = Suppression(
        address="ann@example.net", reason="bounce", provider="ses", text="no such user", at=house.clock.now()
    )
    house.store.mail.suppress([bounce, *(replace(bounce, address=f"n{n:04}@example.net") for n in range(600))])
    added = run(url, "suppressions", "add", "bob/c@example.net", "--text", "asked by phone")
    assert added.output.startswith("bob/c@example.net operator since ")
    lines = run(url, "suppressions", "list").output.splitlines()
    assert len(lines) == 602
    assert lines[0].startswith("ann@example.net bounce since ")
    assert lines[0].endswith(", told by ses: no such user")
    assert lines[1].endswith(": asked by phone")
    assert run(url, "suppressions", "remove", "bob/c@example.net").output == "bob/c@example.net gets mail again\n"
    assert run(url, "suppressions", "remove", "bob/c@example.net").exit_code == 2
    assert len(json.loads(run(url, "suppressions", "list", "--json").output)) == 601


def test_a_stream_is_paused_and_resumed(url: str, relay: KeepingRelay) -> None:
    keep(relay, "marketing")
    assert run(url, "outbox", "pause", "marketing").output == "marketing is paused, 1 message waiting\n"
    assert "paused" in run(url, "outbox", "list").output
    assert run(url, "outbox", "resume", "marketing").output == "marketing goes on, 1 message on the way\n"


def test_a_test_message_is_watched_until_a_provider_takes_it(url: str, house: House, relay: KeepingRelay) -> None:
    def take(submission: Submission) -> str:
        message = relay.take(submission)
        threading.Timer(0.3, relay.settle, (message, Fate.DELIVERED)).start()
        return message

    house.service.mail.offer(take)
    result = run(url, "send", "ann@example.net")
    assert result.exit_code == 0, result.output
    assert "is kept, and on its way" in result.output
    assert result.output.endswith("ann@example.net delivered, taken by ses\n")


def test_a_test_message_that_is_not_taken_ends_with_one(url: str, relay: KeepingRelay) -> None:
    result = run(url, "send", "ann@example.net", "--from", "me@example.com", "--for", "1", "--json")
    assert result.exit_code == 1
    assert json.loads(result.output)["sender"] == "me@example.com"


def test_without_a_relay_it_says_what_is_missing(url: str) -> None:
    result = run(url, "send", "ann@example.net")
    assert result.exit_code == 1
    assert "the config has no table [relay]" in result.stderr
