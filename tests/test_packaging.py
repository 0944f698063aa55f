"""What is shipped: exactly four packages, with the data that they read, and nobody else claims their names."""

import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]
PACKAGES = {"agent", "dns_checks", "mailover", "webhooks"}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names in the wheel."""
    builder = WheelBuilder(str(ROOT))
    wheel = next(builder.build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"]))
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_holds_exactly_four_packages(shipped: list[str]) -> None:
    tops = {name.partition("/")[0] for name in shipped}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES


def test_the_wheel_holds_the_data_that_the_code_reads(shipped: list[str]) -> None:
    assert "dns_checks/providers.toml" in shipped
    assert "mailover/storage/migrations/env.py" in shipped
    assert any(name.startswith("mailover/storage/migrations/versions/r0001") for name in shipped)
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(shipped)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in shipped)


def test_no_other_distribution_claims_the_names() -> None:
    claimed = packages_distributions()
    for package in PACKAGES:
        assert set(claimed.get(package, ["mailover"])) == {"mailover"}
