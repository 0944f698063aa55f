"""Which providers are no spares of each other, and the page that tells of all of them."""

import runpy
from pathlib import Path

import pytest

from dns_checks.catalogue import CatalogueEntry, find_entry
from dns_checks.kinship import kinship

DOCS = Path(__file__).parents[2] / "docs"


def entries(*ids: str) -> list[CatalogueEntry]:
    found = [find_entry(each) for each in ids]
    return [each for each in found if each is not None]


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ("mailgun-us", "mailgun-eu", "both are Mailgun"),
        ("ses", "resend", "both send from amazonses.com"),
        ("microsoft365", "azure-acs", "both send from spf.protection.outlook.com"),
    ],
)
def test_one_company_or_one_cloud_is_no_spare(one: str, other: str, why: str) -> None:
    assert [reason for _, _, reason in kinship(entries(one, other))] == [why]


def test_strangers_are_spares_of_each_other() -> None:
    assert not list(kinship(entries("postmark", "sendgrid", "ses", "mailjet")))
    assert not list(kinship(entries("ses", "ses")))


def test_the_page_of_providers_is_what_the_catalogue_says() -> None:
    made = runpy.run_path(str(DOCS / "providers.py"))["page"]()
    assert made == (DOCS / "providers.md").read_text(encoding="utf-8"), "run: python docs/providers.py"
