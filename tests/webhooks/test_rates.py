"""A bucket per name that fills again."""

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


def test_a_rate_of_nothing_limits_nothing() -> None:
    assert not any(Rates(per_second=0, burst=1).take("app") for _ in range(1000))


def test_ever_new_names_take_no_ever_growing_memory() -> None:
    """Those whose bucket is full again are forgotten; beyond that all new ones share one."""
    seconds = [0.0]
    rates = Rates(per_second=1, burst=2, elapsed=lambda: seconds[0], most=3)
    assert [rates.take(name) for name in "abcde"] == [0, 0, 0, 0, 0]
    assert rates.take("f") == 1
    assert len(rates._buckets) == 4
    seconds[0] = 10.0
    assert rates.take("g") == 0
    assert set(rates._buckets) == {"g"}
