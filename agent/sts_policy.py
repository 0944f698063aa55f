"""Getting the policy file of MTA-STS (RFC 8461 section 3.3).

What stands in the file is judged by `dns_checks.tls_policies`.
"""

from dns_checks.tls_policies import Fetch, Fetched
from mailover.fetching import PATIENCE, NotFetchedError, getting
from mailover.resolve import Resolver


def fetching(resolver: Resolver, *, port: int = 443, deadline: float = PATIENCE, ca_file: str | None = None) -> Fetch:
    """Somebody who fetches policy files within `deadline` seconds each."""
    get = getting(resolver, port=port, deadline=deadline, ca_file=ca_file)

    async def fetch(domain: str) -> Fetched:
        try:
            file = await get(f"mta-sts.{domain}", "/.well-known/mta-sts.txt")
        except NotFetchedError as error:
            return Fetched(text=None, because=str(error))
        return Fetched(text=file.decode("utf-8", "replace"))

    return fetch
