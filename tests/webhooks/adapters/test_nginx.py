"""What nginx's mail proxy is told, in headers, on both servers."""

from dataclasses import replace

import pytest
from adapter_house import Switchboard
from api_house import POLICY, Api, House

from mailover.config.adapters import AdaptersSettings, NginxSettings

PATH = "/v1/adapters/nginx"
SESSION = {"Auth-Method": "none", "Auth-Protocol": "smtp", "Auth-SMTP-To": "RCPT TO:<Anna@Shop.example>"}


@pytest.fixture(autouse=True)
def on(switchboard: Switchboard) -> None:
    switchboard.settings = AdaptersSettings(nginx=NginxSettings())


def by_address(house: House, *names: str) -> None:
    """These providers are configured by their addresses."""
    found = {n: replace(POLICY.providers[n], host=f"192.0.2.{i}") for i, n in enumerate(names, 1)}
    house.service.reload(replace(POLICY, providers={**POLICY.providers, **found}), "transactional")


def test_a_session_goes_to_the_first_provider_that_has_an_address(api: Api, house: House) -> None:
    by_address(house, "sendgrid", "ses")
    answer = api.get(PATH, headers=SESSION)
    assert answer.status_code == 200
    told = {name.lower(): value for name, value in answer.headers.items() if name.lower().startswith("auth-")}
    assert told == {"auth-status": "OK", "auth-server": "192.0.2.1", "auth-port": "587"}
    assert api.get(f"{PATH}/marketing", headers=SESSION).headers["Auth-Server"] == "192.0.2.2"


def test_names_are_never_resolved_while_a_session_waits(api: Api) -> None:
    answer = api.get(PATH, headers=SESSION)
    assert answer.status_code == 200
    assert answer.headers["Auth-Status"] == "No provider can take mail now"
    assert answer.headers["Auth-Error-Code"] == "451 4.3.0"
    assert answer.headers["Auth-Wait"] == "1"


def test_it_needs_a_token_and_a_stream_that_is_there(api: Api, switchboard: Switchboard) -> None:
    assert api.get(PATH, scope=None, headers=SESSION).status_code == 401
    assert api.get(f"{PATH}/nothing", headers=SESSION).status_code == 404
    switchboard.settings = AdaptersSettings()
    assert api.get(PATH, headers=SESSION).status_code == 404
