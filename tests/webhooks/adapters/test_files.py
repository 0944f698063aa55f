"""Flag files: whole, only when something changed, and with the command that goes with them."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from adapter_house import postpone_marketing
from api_house import House
from running.agents import until

from mailover.config.adapters import FileFormat, FilesSettings
from webhooks.adapters.files import FlagFiles
from webhooks.adapters.upkeep import Upkeep, UpkeepError

ALL = tuple(FileFormat)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    directory = tmp_path / "flag"
    directory.mkdir()
    return directory


def files(place: Path, *command: str) -> FlagFiles:
    return FlagFiles(FilesSettings(directory=place, formats=ALL, command=command))


def test_each_stream_has_its_files_and_nothing_else_is_there(place: Path, house: House) -> None:
    files(place).bring(house.service.snapshot)
    forms = ("", ".env", ".json", ".transport")
    assert sorted(path.name for path in place.iterdir()) == sorted(
        f"{stream}{form}" for stream in ("transactional", "marketing") for form in forms
    )
    assert (place / "transactional").read_text() == "postmark\n"
    assert json.loads((place / "transactional.json").read_bytes())["provider"] == "postmark"
    assert (place / "marketing.transport").read_text() == (
        "* smtp:[smtp.ses.example]:587, [smtp.sendgrid.example]:587\n"
    )
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in place.iterdir())


def test_the_map_of_a_stream_that_waits_for_others_keeps_its_mail_in_the_queue(place: Path, house: House) -> None:
    postpone_marketing(house)
    files(place).bring(house.service.snapshot)
    assert (place / "marketing.transport").read_text() == "* lmtp:unix:held-by-mailover\n"
    assert (place / "transactional.transport").read_text().startswith("* smtp:[smtp.sendgrid.example]:587")


def test_a_shell_reads_the_variables(place: Path, house: House) -> None:
    files(place).bring(house.service.snapshot)
    script = f'. {place}/transactional.env; echo "$MAILOVER_FLAG_PROVIDER $MAILOVER_FLAG_PORT/$MAILOVER_FLAG_FALLBACKS"'
    said = subprocess.run(["/bin/sh", "-c", script], check=True, capture_output=True, text=True).stdout
    assert said == "postmark 587/sendgrid ses\n"


def test_only_what_changed_is_written_and_under_a_new_inode(place: Path, house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    kept = files(place)
    kept.bring(house.service.snapshot)
    before = {path.name: path.stat().st_ino for path in place.iterdir()}
    kept.bring(house.service.snapshot)
    assert {path.name: path.stat().st_ino for path in place.iterdir()} == before
    house.fail("postmark")
    kept.bring(house.service.snapshot)
    changed = {path.name for path in place.iterdir() if path.stat().st_ino != before[path.name]}
    assert changed == {"transactional", "transactional.env", "transactional.json", "transactional.transport"}
    assert (place / "transactional").read_text() == "sendgrid\n"


def test_a_restart_writes_nothing_that_is_there_already(place: Path, house: House) -> None:
    files(place).bring(house.service.snapshot)
    before = {path: path.stat().st_ino for path in place.iterdir()}
    files(place).bring(house.service.snapshot)
    assert {path: path.stat().st_ino for path in place.iterdir()} == before


def test_what_a_killed_writer_left_is_taken_away(place: Path, house: House) -> None:
    (place / ".mailover-draft-abc").write_text("half")
    (place / "of-somebody-else").write_text("whole")
    files(place).bring(house.service.snapshot)
    assert not (place / ".mailover-draft-abc").exists()
    assert (place / "of-somebody-else").exists()


def test_a_directory_that_is_not_there_is_said(tmp_path: Path, house: House) -> None:
    with pytest.raises(UpkeepError, match=r"nowhere: No such file or directory"):
        files(tmp_path / "nowhere").bring(house.service.snapshot)


def test_the_command_runs_after_the_files_and_only_when_they_changed(place: Path, house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    log = place.parent / "log"
    kept = files(place, "/bin/sh", "-c", f"cat {place}/transactional >>{log}")
    kept.bring(house.service.snapshot)
    kept.bring(house.service.snapshot)
    assert log.read_text() == "postmark\n"
    house.fail("postmark")
    kept.bring(house.service.snapshot)
    assert log.read_text() == "postmark\nsendgrid\n"


def test_a_failing_command_is_run_again_though_the_files_are_there(place: Path, house: House) -> None:
    mark = place.parent / "mark"
    kept = files(place, "/bin/sh", "-c", f"test -e {mark} || {{ echo not yet; exit 7; }}; echo >>{mark}")
    for _ in range(2):
        with pytest.raises(UpkeepError, match=r"/bin/sh: exit status 7: not yet"):
            kept.bring(house.service.snapshot)
    mark.write_text("")
    kept.bring(house.service.snapshot)
    assert mark.read_text() == "\n"


@contextmanager
def kept_up(house: House, adapter: FlagFiles) -> Iterator[None]:
    upkeep = Upkeep("files", house.service, adapter.bring)
    upkeep.start()
    try:
        yield
    finally:
        upkeep.stop()


def test_a_flip_reaches_the_file_by_itself(place: Path, house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    flag = place / "transactional"
    with kept_up(house, files(place)):
        until(flag.exists)
        house.fail("postmark")
        until(lambda: flag.read_text() == "sendgrid\n")


def test_a_reader_never_sees_half_a_file(place: Path, house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    flag = place / "transactional.json"
    with kept_up(house, files(place)):
        until(flag.exists)
        for name in ("postmark", "sendgrid"):
            house.fail(name)
        deadline = time.monotonic() + 15
        while json.loads(flag.read_bytes())["provider"] != "ses":
            assert time.monotonic() < deadline


def test_a_directory_that_comes_back_is_filled(place: Path, house: House, caplog: pytest.LogCaptureFixture) -> None:
    place.rmdir()
    with kept_up(house, files(place)):
        until(lambda: bool(caplog.records))
        place.mkdir()
        until((place / "transactional").exists)
    assert "No such file" in caplog.records[0].getMessage()
