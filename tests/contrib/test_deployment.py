"""The files that people install: the unit as systemd reads it, the image and the compose file as they are written."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mailover.config.delivery import DeliverySettings
from mailover.config.intake import LimitsSettings

CONTRIB = Path(__file__).parents[2] / "contrib"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that exists here in place of the installed one."""
    path = tmp_path / "mailover.service"
    text = (CONTRIB / "systemd" / "mailover.service").read_text()
    path.write_text(text.replace("/opt/mailover/bin/mailover", sys.executable))
    return path


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_unit(unit: Path) -> None:
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_unit_is_exposed_to_little(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=yes", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    found = re.search(r"Overall exposure level for mailover.service: ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    assert float(found[1]) < 2.0


def test_the_image_runs_as_nobody_in_particular_and_stops_by_sigterm() -> None:
    lines = (CONTRIB / "docker" / "Dockerfile").read_text().splitlines()
    assert "USER 10001" in lines
    assert "STOPSIGNAL SIGTERM" in lines
    assert 'ENTRYPOINT ["mailover"]' in lines
    assert any(line.startswith("HEALTHCHECK") for line in lines)


def test_the_compose_file_names_secrets_as_the_config_looks_for_them() -> None:
    text = (CONTRIB / "docker" / "compose.yaml").read_text()
    assert text.count("mailover_providers__postmark__password") == 2
    assert "read_only: true" in text


def seconds(text: str, key: str) -> float:
    found = re.search(rf"{key}[=:] ?(\d+)s?\b", text)
    assert found is not None
    return float(found[1])


def test_a_relay_has_the_time_to_finish_before_it_is_killed() -> None:
    """It stops taking mail, then stops carrying it: the two limits follow each other."""
    needed = (LimitsSettings().stopping + DeliverySettings().stopping).total_seconds()
    unit = (CONTRIB / "systemd" / "mailover.service").read_text()
    compose = (CONTRIB / "docker" / "compose.yaml").read_text()
    assert seconds(unit, "TimeoutStopSec") >= needed + 10
    assert seconds(compose, "stop_grace_period") >= needed + 10


def test_the_image_is_built_from_what_is_shipped_and_from_no_config_or_secret() -> None:
    lines = (CONTRIB / "docker" / "Dockerfile.dockerignore").read_text().splitlines()
    assert "*" in lines
    project = tomllib.loads((CONTRIB.parent / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert let_in == {*packages, "pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
