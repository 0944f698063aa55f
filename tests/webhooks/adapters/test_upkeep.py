"""What is kept up to date is tried again in good time: not with every decision, and not in silence."""

import logging
import time

import pytest
from api_house import House
from running.agents import until

from mailover.service import Snapshot
from webhooks.adapters.upkeep import Upkeep, UpkeepError


def test_decisions_that_move_no_flag_do_not_hurry_a_try_that_failed(house: House) -> None:
    house.succeed("postmark", "sendgrid", "ses")
    tried: list[str | None] = []

    def bring(snapshot: Snapshot) -> None:
        tried.append(snapshot.flags["transactional"].flag.provider)
        raise UpkeepError("not now")

    upkeep = Upkeep("something", house.service, bring)
    began = time.monotonic()
    upkeep.start()
    try:
        until(lambda: bool(tried))
        for _ in range(100):
            house.succeed("postmark")
        assert len(tried) <= 1 + (time.monotonic() - began)
        house.fail("postmark")
        until(lambda: tried[-1] == "sendgrid")
    finally:
        upkeep.stop()


def test_another_reason_is_told_and_the_same_one_is_not_repeated(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    reasons = iter(["no directory", "no directory", "no room"])
    ended: list[Snapshot] = []

    def bring(snapshot: Snapshot) -> None:
        if (why := next(reasons, None)) is not None:
            raise UpkeepError(why)
        ended.append(snapshot)

    upkeep = Upkeep("something", house.service, bring)
    with caplog.at_level(logging.INFO, logger="mailover.adapters"):
        upkeep.start()
        try:
            until(lambda: bool(caplog.records))
            for name in ("postmark", "sendgrid", "ses"):
                house.fail(name)
            until(lambda: bool(ended))
        finally:
            upkeep.stop()
    told = [record.getMessage() for record in caplog.records if record.name == "mailover.adapters"]
    assert told == [
        "something: not up to date: no directory",
        "something: not up to date: no room",
        "something: done again",
    ]
