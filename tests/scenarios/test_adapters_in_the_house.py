"""Adapters begin, change and end with the house; a port that is taken, or a defect in one, hurts nothing else."""

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
import requests

from mailover.bootstrap import House, assemble
from mailover.config import Settings, build
from mailover.errors import ConfigError

ACCOUNT = {"host": "127.0.0.1", "port": 1, "tls": "none", "allow_plaintext": True}
FREE = {"listen": "127.0.0.1:0"}


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[Mapping[str, object]], Settings]:
    def configured(adapters: Mapping[str, object]) -> Settings:
        document = {
            "server": {"listen": "127.0.0.1:0"},
            "storage": {"url": f"sqlite:///{tmp_path}/mailover.db"},
            "providers": {"one": ACCOUNT, "two": ACCOUNT},
            "streams": {"mail": {"providers": ["one", "two"]}},
            "probes": {"port_interval": "1h", "login_interval": "1h"},
            "adapters": adapters,
        }
        return build(document, {})

    return configured


@pytest.fixture
def house(configured: Callable[[Mapping[str, object]], Settings]) -> Iterator[House]:
    built = assemble(configured({"socketmap": FREE, "haproxy": FREE}))
    built.start()
    yield built
    built.stop()


def lookup(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        wire.sendall(b"27:transport anna@shop.example,")
        return wire.recv(1000)


def standing(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        wire.sendall(b"one\n")
        return wire.recv(1000)


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_they_answer_when_the_house_has_started_and_end_with_it(house: House) -> None:
    ports = house.adapters.port("socketmap"), house.adapters.port("haproxy")
    assert lookup(ports[0]) == b"36:OK smtp:[127.0.0.1]:1, [127.0.0.1]:1,"
    assert standing(ports[1]) == b"up ready 100%\n"
    house.adapters.stop()
    assert all(refused(port) for port in ports)


def test_a_reload_ends_one_and_leaves_the_other_connected(
    house: House, configured: Callable[[Mapping[str, object]], Settings], tmp_path: Path
) -> None:
    socketmap, haproxy = house.adapters.port("socketmap"), house.adapters.port("haproxy")
    with socket.create_connection(("127.0.0.1", socketmap), timeout=10) as wire:
        wire.sendall(b"11:transport *,")
        assert wire.recv(100) == b"9:NOTFOUND ,"
        house.reload(configured({"socketmap": FREE, "files": {"directory": str(tmp_path)}}))
        wire.sendall(b"11:transport *,")
        assert wire.recv(100) == b"9:NOTFOUND ,"
    assert refused(haproxy)
    deadline = time.monotonic() + 10
    while not (tmp_path / "mail.json").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert json.loads((tmp_path / "mail.json").read_bytes())["provider"] == "one"


def test_a_port_that_is_taken_refuses_the_reload_and_nothing_has_changed(
    house: House, configured: Callable[[Mapping[str, object]], Settings]
) -> None:
    haproxy = house.adapters.port("haproxy")
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match=rf"adapters.socketmap.listen: {listen} cannot be used: Address already"):
            house.reload(configured({"socketmap": {"listen": listen}, "haproxy": FREE}))
    assert haproxy == house.adapters.port("haproxy")
    assert standing(haproxy) == b"up ready 100%\n"
    assert b"OK smtp" in lookup(house.adapters.port("socketmap"))


def test_a_port_that_is_taken_refuses_the_start(configured: Callable[[Mapping[str, object]], Settings]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        house = assemble(configured({"haproxy": FREE, "socketmap": {"listen": listen}}))
        try:
            with pytest.raises(ConfigError, match=r"adapters.socketmap.listen"):
                house.start()
        finally:
            house.stop()


def test_ofrep_comes_and_goes_with_a_reload(
    house: House, configured: Callable[[Mapping[str, object]], Settings]
) -> None:
    url = f"{house.api.url}/ofrep/v1/evaluate/flags/active-provider"
    assert requests.post(url, json={}, timeout=10).status_code == 404
    house.reload(configured({"ofrep": {}}))
    assert requests.post(url, json={}, timeout=10).json()["value"] == "one"
    house.reload(configured({}))
    assert requests.post(url, json={}, timeout=10).status_code == 404


def test_a_hook_is_run_for_what_happens_from_its_reload_on(
    house: House, configured: Callable[[Mapping[str, object]], Settings], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ["/bin/sh", "-c", f'echo "$MAILOVER_EVENT $MAILOVER_EVENT_PROVIDER" >>{out}']
    house.reload(configured({"hooks": {"tell": {"command": command, "events": ["provider.disabled"]}}}))
    requests.patch(f"{house.api.url}/v1/providers/two", json={"enabled": False}, timeout=10)
    deadline = time.monotonic() + 30
    while not (out.exists() and out.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert out.read_text() == "provider.disabled two\n"
    told = requests.get(f"{house.api.url}/v1/hooks", timeout=10).json()["items"]
    assert [(each["name"], each["program"], each["given_up"]) for each in told] == [("tell", "/bin/sh", 0)]
    while (runs := requests.get(f"{house.api.url}/v1/hooks/tell/runs", timeout=10).json()["items"])[0]["state"] != (
        "delivered"
    ) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [(each["type"], each["state"]) for each in runs] == [("provider.disabled", "delivered")]
    assert requests.get(f"{house.api.url}/v1/hooks/nobody/runs", timeout=10).status_code == 404
