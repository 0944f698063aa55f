"""A relay that hangs is noticed by others, once, and so is its return; who was away himself accuses nobody."""

from datetime import timedelta

from mailover.relay.pulse import Pulse


class Looked:
    def __init__(self) -> None:
        self.now = 0.0
        self.pulse = Pulse(lambda: self.now)

    def at_intervals(self, seconds: float, times: int, *, beating: bool) -> list[tuple[bool, timedelta]]:
        news = []
        for _ in range(times):
            self.now += seconds
            if beating:
                self.pulse.beat()
            said = self.pulse.look()
            if said is not None:
                news.append(said)
        return news


def test_a_relay_that_beats_is_no_news() -> None:
    assert Looked().at_intervals(2, 100, beating=True) == []


def test_half_a_minute_of_silence_is_told_once_and_so_is_the_end_of_it() -> None:
    looked = Looked()
    looked.at_intervals(2, 5, beating=True)
    assert looked.at_intervals(2, 14, beating=False) == []
    assert looked.at_intervals(2, 100, beating=False) == [(False, timedelta(seconds=30))]
    assert looked.at_intervals(2, 5, beating=True) == [(True, timedelta(seconds=230))]


def test_a_process_that_was_suspended_does_not_take_its_relay_for_dead() -> None:
    looked = Looked()
    looked.at_intervals(2, 5, beating=True)
    assert looked.at_intervals(600, 1, beating=False) == []
    assert looked.at_intervals(2, 5, beating=True) == []


def test_one_that_never_begins_to_beat_is_told_of_too() -> None:
    assert Looked().at_intervals(5, 20, beating=False) == [(False, timedelta(seconds=30))]
