"""A selector for mailover: the cheapest provider first, and big customers always through the dedicated address."""

from typing import Any

PRICES = {"ses": 0.10, "sendgrid": 0.35, "postmark": 1.25}
BIG_CUSTOMERS = {"acme", "initech"}


def choose(asked: dict[str, Any]) -> list[str]:
    """Names of providers, best first; who is missing comes after them, as it was."""
    if asked["message"] and asked["message"]["key"] in BIG_CUSTOMERS:
        return ["postmark"]
    well = [name for name in asked["providers"] if not asked["health"][name]["degraded"]]
    return sorted(well, key=lambda name: PRICES.get(name, 1.0))
