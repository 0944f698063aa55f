"""Both servers over one house each: the contract suite runs on the Flask application alone and through the edge."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from api_house import SERVERS, Api, House, open_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture(params=list(SERVERS))
def api(request: pytest.FixtureRequest, house: House) -> Iterator[Api]:
    with SERVERS[request.param](house.app) as url, requests.Session() as session:
        session.trust_env = False
        yield Api(url, session)
