"""A house with adapters that a test may switch on and off while it runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from adapter_house import Switchboard
from api_house import SERVERS, Api, House, open_house


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
