"""One running scene for the tests that only look at it or touch it gently."""

from collections.abc import Iterator

import pytest

from mailover.demo.behaviour import Behaviour
from mailover.demo.diary import Diary
from mailover.demo.scene import Scene, set_up


@pytest.fixture(scope="module")
def diary() -> Diary:
    return Diary()


@pytest.fixture(scope="module")
def the_scene(diary: Diary) -> Iterator[Scene]:
    with set_up(diary) as scene:
        yield scene


@pytest.fixture
def scene(the_scene: Scene) -> Iterator[Scene]:
    yield the_scene
    for provider in the_scene.providers.values():
        provider.behave(Behaviour.HEALTHY)
