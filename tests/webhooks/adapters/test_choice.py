"""Who carries a message: the flag's order, or by its key where several share."""

from collections import Counter

from adapter_house import share
from api_house import House

from webhooks.adapters.choice import places, way_of


def names(house: House, key: str = "", stream: str = "transactional") -> list[str]:
    snapshot = house.service.snapshot
    return [each.name for each in places(snapshot, way_of(snapshot, house.clock.now(), stream=stream, recipient=key))]


def test_the_active_provider_comes_first_and_its_fallbacks_follow(house: House) -> None:
    assert names(house) == names(house, "anna@example.com") == ["postmark", "sendgrid", "ses"]
    house.succeed("postmark", "sendgrid", "ses")
    house.fail("postmark")
    assert names(house) == ["sendgrid", "ses"]


def test_a_stream_that_does_not_exist_has_nobody(house: House) -> None:
    assert names(house, stream="nothing") == []


def test_shares_are_kept_and_every_other_provider_follows(house: House) -> None:
    share(house, postmark=0.9, sendgrid=0.1)
    orders = [names(house, f"user-{n}@example.com") for n in range(2000)]
    first = Counter(order[0] for order in orders)
    assert 0.07 < first["sendgrid"] / 2000 < 0.13
    assert all(sorted(order) == ["postmark", "sendgrid", "ses"] for order in orders)
    assert all(order[2] == "ses" for order in orders)


def test_who_leaves_moves_nobody_elses_messages(house: House) -> None:
    share(house, postmark=0.4, sendgrid=0.3, ses=0.3)
    keys = [f"user-{n}@example.com" for n in range(300)]
    before = {key: names(house, key)[0] for key in keys}
    house.fail("sendgrid")
    after = {key: names(house, key)[0] for key in keys}
    assert set(before.values()) == {"postmark", "sendgrid", "ses"}
    assert all(after[key] == name for key, name in before.items() if name != "sendgrid")
    assert {after[key] for key in keys} == {"postmark", "ses"}


def test_without_a_key_the_flag_speaks(house: House) -> None:
    share(house, postmark=0.5, sendgrid=0.5)
    assert names(house)[0] == "postmark"
