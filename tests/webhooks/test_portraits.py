"""A provider in one word and one number."""

import pytest

from mailover.storage.store import Tally
from webhooks.portraits import score


@pytest.mark.parametrize(
    ("tally", "percent"),
    [
        (Tally(provider="ses"), None),
        (Tally(provider="ses", sends=100, sends_ok=90, checks=10, checks_ok=10), 93.0),
        (Tally(provider="ses", sends=100, sends_ok=90), 90.0),
        (Tally(provider="ses", checks=4, checks_ok=1), 25.0),
        (Tally(provider="ses", sends=3, sends_ok=0, checks=3, checks_ok=0), 0.0),
    ],
)
def test_the_score_weighs_sends_and_checks_and_leaves_out_what_has_no_sample(
    tally: Tally, percent: float | None
) -> None:
    assert score(tally) == percent
