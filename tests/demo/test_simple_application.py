import time

from mailover.demo.behaviour import Behaviour
from mailover.demo.play import tell_relayed, wait_until_relayed
from mailover.demo.scene import Scene


def test_what_the_relay_takes_arrives_while_its_first_provider_refuses(scene: Scene) -> None:
    before = scene.simple.taken
    scene.providers["postmark"].behave(Behaviour.REFUSE)
    until = time.monotonic() + 30
    while scene.simple.taken < before + 8:
        assert time.monotonic() < until
        time.sleep(0.05)
    taken = scene.simple.taken
    while scene.post.relayed < taken:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert scene.post.relayed_twice == 0
    assert scene.simple.refused == 0
    wait_until_relayed(scene, 0, time.sleep)


def test_the_sentence_says_what_became_of_them() -> None:
    told = tell_relayed(5, 5, {"ses": 2, "postmark": 3}, 0)
    assert told == "the relay took 5 messages, 5 arrived (2 through ses, 3 through postmark)"
    assert tell_relayed(5, 4, {}, 1).endswith("4 arrived (none), 1 of them twice")
