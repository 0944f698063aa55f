"""How often one caller may report."""

from webhooks.rates import Rates


def test_a_burst_is_let_through_and_then_the_rate() -> None:
    seconds = [0.0]
    rates = Rates(per_second=2, burst=3, elapsed=lambda: seconds[0])
    assert [rates.take("app") for _ in range(3)] == [0, 0, 0]
    assert rates.take("app") == 0.5
    assert rates.take("another") == 0
    seconds[0] = 0.5
    assert rates.take("app") == 0
    assert rates.take("app") > 0


def test_a_bucket_holds_no_more_than_a_burst() -> None:
    seconds = [0.0]
    rates = Rates(per_second=2, burst=3, elapsed=lambda: seconds[0])
    rates.take("app")
    seconds[0] = 1000.0
    assert [rates.take("app") > 0 for _ in range(4)] == [False, False, False, True]
