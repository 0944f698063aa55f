"""The page about adapters: every table on it is one that mailover takes, and every adapter is on it."""

import re
import tomllib
from pathlib import Path

import pytest

from mailover.config.adapters import AdaptersSettings

PAGE = (Path(__file__).parents[3] / "docs" / "adapters.md").read_text(encoding="utf-8")
TABLES = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("shown", TABLES, ids=lambda shown: shown.partition("\n")[0])
def test_a_table_on_the_page_is_one_that_mailover_takes(shown: str) -> None:
    adapters = tomllib.loads(shown)["adapters"]
    if "dns_update" in adapters:  # the key is in a file
        adapters["dns_update"]["key"] = "c2VjcmV0LWV4YW1wbGU="
    AdaptersSettings.model_validate(adapters)


def test_every_adapter_is_on_the_page() -> None:
    shown = {name for table in TABLES for name in tomllib.loads(table)["adapters"]}
    assert shown == set(AdaptersSettings.model_fields)
