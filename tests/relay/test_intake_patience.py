"""How long a client may keep the relay waiting, by hand-set instants."""

from mailover.relay.intake_limits import Limits
from mailover.relay.intake_patience import Patience
from mailover.smtp.server import Said, said

LIMITS = Limits(idle=300, command=30, session=600, rate=500)


def over(patience: Patience, now: float, received: int | None = None, *, half_said: bool = False) -> Said | None:
    return patience.over(now, LIMITS, received=received, half_said=half_said)


def test_silence_has_an_end() -> None:
    patience = Patience(0)
    assert over(patience, 300) is None
    assert over(patience, 301) is said.SILENT
    patience.heard(301, afresh=True)
    assert over(patience, 500) is None


def test_half_a_line_has_an_earlier_one_that_dripping_does_not_move() -> None:
    patience = Patience(0)
    patience.heard(100, afresh=True)
    for now in (110, 120, 130):
        assert over(patience, now, half_said=True) is None
        patience.heard(now, afresh=False)
    assert over(patience, 131, half_said=True) is said.TOO_SLOW


def test_a_session_lasts_as_long_as_messages_come() -> None:
    patience = Patience(0)
    for now in range(500, 5000, 500):
        patience.heard(now, afresh=True)
        assert over(patience, now) is None
        patience.served(now, fruitful=True)
    patience.served(5000, fruitful=False)
    patience.heard(5101, afresh=True)
    assert over(patience, 5101) is said.LONG_ENOUGH


def test_a_message_may_take_for_ever_at_a_modest_rate() -> None:
    patience, received = Patience(0), 0
    patience.receives(0)
    for now in range(1, 5000):
        received += 501
        patience.heard(now, afresh=True)
        assert over(patience, now, received) is None


def test_a_message_that_comes_in_bursts_is_judged_by_the_half_minute() -> None:
    patience = Patience(0)
    patience.receives(0)
    patience.heard(1, afresh=True)
    assert over(patience, 29, 20_000) is None
    assert over(patience, 31, 20_000) is None
    assert over(patience, 60, 20_000) is None
    assert over(patience, 62, 20_000) is said.TOO_SLOW


def test_a_message_is_not_blamed_for_the_time_that_we_took_over_the_one_before() -> None:
    """It was sent ahead, and begins when the answer to the first is given."""
    patience = Patience(0)
    patience.receives(0)
    patience.served(1000, fruitful=True)
    assert over(patience, 1005, 100) is None
    assert over(patience, 1031, 100) is said.TOO_SLOW


def test_who_waited_for_room_is_judged_from_then_on() -> None:
    patience = Patience(0)
    patience.receives(0)
    patience.receives(400, received=200_000)
    assert over(patience, 401, 200_000) is None
    assert over(patience, 431, 230_000) is None


def test_last_words_are_not_offered_for_ever() -> None:
    patience = Patience(0)
    patience.left(100)
    assert not patience.forsaken(130, LIMITS)
    assert patience.forsaken(131, LIMITS)
