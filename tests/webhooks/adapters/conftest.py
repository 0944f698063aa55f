"""A house with adapters that a test may switch on and off while it runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from adapter_house import Switchboard
from api_house import SERVERS, Api, House, open_house
from ofrep_house import Listener, Ofrep, read_specification


@pytest.fixture
def switchboard() -> Switchboard:
    return Switchboard()


@pytest.fixture
def house(tmp_path: Path, switchboard: Switchboard) -> Iterator[House]:
    with open_house(tmp_path, adapters=switchboard) as opened:
        yield opened


@pytest.fixture(params=list(SERVERS))
def api(request: pytest.FixtureRequest, house: House) -> Iterator[Api]:
    with SERVERS[request.param](house.app) as url, requests.Session() as session:
        session.trust_env = False
        yield Api(url, session)


@pytest.fixture(scope="session")
def specification() -> dict[str, Any]:
    return read_specification()


@pytest.fixture
def ofrep(api: Api, specification: dict[str, Any]) -> Ofrep:
    return Ofrep(api, specification)


@pytest.fixture
def listener(ofrep: Ofrep, api: Api, house: House) -> Iterator[Listener]:
    house.succeed("postmark", "sendgrid", "ses")
    uri = ofrep.call().json()["eventStreams"][0]["endpoint"]["requestUri"]
    opened = Listener(api.url + uri)
    yield opened
    house.parts.room.close()
    opened.close()
