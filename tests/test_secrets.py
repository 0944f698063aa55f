"""A secret is seen only by who asks for it."""

import base64
import copy
import pickle

import pytest

from mailover.secrets import Secret, mask

SECRET = Secret("hunter2-hunter2")


def test_a_secret_hides_in_every_way_of_becoming_text() -> None:
    assert "hunter" not in f"{SECRET} {SECRET!r} {SECRET!s} {SECRET:>40} {[SECRET]}" + "%s" % SECRET  # noqa: UP031


def test_a_secret_is_given_to_who_asks() -> None:
    assert SECRET.reveal() == "hunter2-hunter2"


def test_a_secret_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(SECRET)


def test_copies_of_a_secret_are_the_secret() -> None:
    assert copy.deepcopy({"password": SECRET}) == {"password": SECRET}
    assert copy.copy(SECRET) is SECRET


def test_secrets_are_equal_by_value_and_never_to_text() -> None:
    assert Secret("hunter2-hunter2") == SECRET
    assert Secret("other") != SECRET
    assert SECRET != "hunter2-hunter2"
    assert len({SECRET, Secret("hunter2-hunter2")}) == 1


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert SECRET


@pytest.mark.parametrize(
    "echo",
    [
        "hunter2-hunter2",
        "HUNTER2-hunter2",
        base64.b64encode(b"hunter2-hunter2").decode(),
        base64.b64encode(b"hunter2-hunter2").decode()[:12],
    ],
)
def test_an_echoed_secret_is_masked(echo: str) -> None:
    shown = mask(f"you said {echo}, which is wrong", ["hunter2-hunter2"])
    assert shown == "you said ***, which is wrong"


def test_text_without_secrets_is_left_alone() -> None:
    assert mask("5.7.8 Username and password not accepted", ["hunter2-hunter2", ""]) == (
        "5.7.8 Username and password not accepted"
    )


def test_an_ordinary_word_is_not_masked_for_being_in_a_password() -> None:
    text = "5.7.8 Username and password not accepted"
    assert mask(text, ["my-password-1"]) == text


def test_a_long_piece_of_a_token_is_masked() -> None:
    assert mask("token ya29.a0AfH6SMBx-long-and-so-o is unknown", ["ya29.a0AfH6SMBx-long-and-so-on-for-ever"]) == (
        "token ya29.*** is unknown"
    )
