import pytest

from mailover.core.events import EventType
from mailover.demo.behaviour import Behaviour
from mailover.demo.diary import Diary
from mailover.demo.keyboard import Keyboard
from mailover.demo.play import flag_of
from mailover.demo.scene import Scene


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def keyboard(scene: Scene, diary: Diary, said: list[str]) -> Keyboard:
    return Keyboard(scene, diary, said.append, lambda: said.append("the picture"))


def test_break_alone_makes_a_provider_refuse(keyboard: Keyboard, scene: Scene, said: list[str]) -> None:
    assert keyboard.obey("break ses")
    assert scene.providers["ses"].behaviour is Behaviour.REFUSE
    assert said == []


@pytest.mark.parametrize("behaviour", list(Behaviour))
def test_every_behaviour_can_be_typed(keyboard: Keyboard, scene: Scene, behaviour: Behaviour) -> None:
    keyboard.obey(f"break ses {behaviour}")
    assert scene.providers["ses"].behaviour is behaviour


def test_typing_is_forgiving(keyboard: Keyboard, scene: Scene, said: list[str]) -> None:
    keyboard.obey("  BREAK ses Brown-Out 0.25 ")
    assert scene.providers["ses"].behaviour is Behaviour.BROWN_OUT
    assert keyboard.obey("")
    assert said == []


def test_heal_all_heals_all(keyboard: Keyboard, scene: Scene) -> None:
    keyboard.obey("break ses silent")
    keyboard.obey("break sendgrid auth")
    keyboard.obey("heal all")
    assert {provider.behaviour for provider in scene.providers.values()} == {Behaviour.HEALTHY}


def test_a_pin_holds_the_flag_until_it_is_ended(keyboard: Keyboard, scene: Scene, diary: Diary) -> None:
    start = diary.note("start")
    keyboard.obey("pin ses 2")
    assert flag_of(scene).provider == "ses"
    assert diary.wait_for(EventType.STREAM_PINNED, after=start, within=20) is not None
    keyboard.obey("unpin")
    assert flag_of(scene).mode != "pinned"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("break", "which provider? there are postmark, sendgrid, ses"),
        ("heal mailgun", "which provider? there are postmark, sendgrid, ses"),
        ("break ses explode", "a provider cannot 'explode'; it can: healthy, refuse"),
        ("break ses slow soon", "'soon' is no number"),
        ("break ses brown_out 1.5", "1.5 is not between 0 and 1"),
        ("break ses slow nan", "nan is not between 0 and 60"),
        ("dance", "'dance' is no command here; help lists them"),
        ("unpin", "nothing changed"),
    ],
)
def test_a_slip_is_told_and_nothing_happens(keyboard: Keyboard, said: list[str], line: str, answer: str) -> None:
    assert keyboard.obey(line)
    assert len(said) == 1
    assert said[0].startswith(answer)


def test_help_lists_every_behaviour_and_status_shows_the_picture(keyboard: Keyboard, said: list[str]) -> None:
    keyboard.obey("help")
    keyboard.obey("status")
    assert all(behaviour in said[0] for behaviour in Behaviour if behaviour is not Behaviour.HEALTHY)
    assert said[1:] == ["the picture"]


@pytest.mark.parametrize("line", ["quit", "exit", "Q"])
def test_quit_ends(keyboard: Keyboard, line: str) -> None:
    assert not keyboard.obey(line)
