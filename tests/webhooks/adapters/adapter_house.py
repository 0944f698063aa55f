"""What the adapters' tests set up: which adapters there are, a stream that is shared, and one that has to wait."""

from dataclasses import replace
from datetime import timedelta

from api_house import POLICY, House

from mailover.config.adapters import AdaptersSettings, OfrepSettings
from mailover.core.providers import StreamMode


class Switchboard:
    """The adapters there are at this moment."""

    def __init__(self) -> None:
        self.settings = AdaptersSettings(ofrep=OfrepSettings(origins=("https://app.example.com",)))

    def __call__(self) -> AdaptersSettings:
        return self.settings


def postpone_marketing(house: House) -> None:
    """Marketing waits, since the transactional stream uses a backup."""
    marketing = POLICY.streams["marketing"]
    waits = replace(marketing, mail=replace(marketing.mail, postpone=True))
    house.service.reload(replace(POLICY, streams={**POLICY.streams, "marketing": waits}), "transactional")
    house.succeed("postmark", "sendgrid", "ses")
    house.fail("postmark")
    flag = house.service.snapshot.flags["marketing"].flag
    assert (flag.provider, flag.sending) == ("ses", False)


def share(house: House, **weights: float) -> None:
    """From now on the transactional stream is shared by weights."""
    stream = replace(POLICY.streams["transactional"], mode=StreamMode.BALANCE, weights=weights)
    house.service.reload(replace(POLICY, streams={**POLICY.streams, "transactional": stream}), "transactional")
    for _ in range(12):  # who joins must have been well for a while; a longer step would be a machine that slept
        house.succeed("postmark", "sendgrid", "ses")
        house.clock.move(timedelta(seconds=28))
    house.succeed("postmark", "sendgrid", "ses")
