"""The credential in real n8n: its "Test" button tells right from wrong."""

import pytest
from n8n_world import TOKEN, World


def test_the_button_says_that_a_good_credential_works(world: World) -> None:
    data = {"baseUrl": f"http://127.0.0.1:{world.agent.port}/", "apiToken": TOKEN}
    told = world.n8n.test_credential(world.credentials["Mailover API"], "Mailover API", "mailoverApi", data)
    assert told["status"] == "OK", told


@pytest.mark.parametrize(
    ("change", "words"),
    [({"apiToken": "mlo_wrong"}, "authorization failed"), ({"baseUrl": "http://127.0.0.1:9"}, "refused")],
    ids=["token", "address"],
)
def test_the_button_says_what_is_wrong(world: World, change: dict[str, str], words: str) -> None:
    data = {"baseUrl": f"http://127.0.0.1:{world.agent.port}", "apiToken": TOKEN, **change}
    told = world.n8n.test_credential(world.credentials["Mailover API"], "Mailover API", "mailoverApi", data)
    assert told["status"] == "Error"
    assert words in told["message"].lower(), told
