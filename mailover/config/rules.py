"""The rules across tables, checked on the merged values beside the models: a wrong port hides no unknown provider.

What has the wrong kind is passed over here: the models complain of it.
"""

from collections.abc import Iterator
from typing import Any

from mailover.config.alerting import provider_hosts
from mailover.config.fields import parse_listen
from mailover.config.problems import Problem, did_you_mean
from mailover.config.shape import KeyPath, Table
from mailover.secrets import Secret


def broken_rules(values: Table) -> Iterator[Problem]:
    """A problem for each rule that is broken."""
    yield from _unknown_providers(values)
    yield from _empty_regions(values)
    yield from _unknown_in_dns(values)
    yield from _unknown_in_adapters(values)
    yield from _several_defaults(values)
    yield from _open_without_tokens(values)
    yield from _open_relay(values)
    yield from _relay_listeners(values)
    yield from _alerts_through_a_provider(values)


def _unknown_providers(values: Table) -> Iterator[Problem]:
    known = _table(values.get("providers"))
    for name, stream in _table(values.get("streams")).items():
        stream_table = _table(stream)
        lists: list[tuple[KeyPath, Any]] = [(("streams", name, "providers"), stream_table.get("providers"))]
        for index, hours in enumerate(_list(stream_table.get("peak_hours"))):
            lists.append((("streams", name, "peak_hours", index, "providers"), _table(hours).get("providers")))
        for index, rule in enumerate(_list(stream_table.get("geography"))):
            lists.append((("streams", name, "geography", index, "providers"), _table(rule).get("providers")))
        for path, listed in lists:
            for provider in _list(listed):
                if known and isinstance(provider, str) and provider not in known:
                    yield Problem(path=path, says=f'no provider "{provider}"; {did_you_mean(provider, known)}')
        for provider in _table(stream_table.get("identity")):
            if known and provider not in known:
                path = ("streams", name, "identity", provider)
                yield Problem(path=path, says=f"no such provider; {did_you_mean(provider, known)}")


def _empty_regions(values: Table) -> Iterator[Problem]:
    """Mail that may go to a region only would wait for ever where no provider is in it."""
    accounts = _table(values.get("providers")).values()
    known = {region for each in accounts for region in _list(_table(each).get("regions")) if isinstance(region, str)}
    for name, stream in _table(values.get("streams")).items():
        for index, rule in enumerate(_list(_table(stream).get("geography"))):
            for region in _list(_table(rule).get("regions")):
                if isinstance(region, str) and region not in known:
                    says = f'no provider is in "{region}"; add regions = ["{region}"] to those that are'
                    yield Problem(path=("streams", name, "geography", index, "regions"), says=says)


def _unknown_in_dns(values: Table) -> Iterator[Problem]:
    known = _table(values.get("providers"))
    for name in _table(_table(values.get("dns")).get("providers")):
        if known and name not in known:
            yield Problem(path=("dns", "providers", name), says=f"no such provider; {did_you_mean(name, known)}")


def _unknown_in_adapters(values: Table) -> Iterator[Problem]:
    """A name that nothing has would be waited for in silence."""
    streams, providers = _table(values.get("streams")), _table(values.get("providers"))
    adapters = _table(values.get("adapters"))
    stream = _table(adapters.get("dns_update")).get("stream")
    named: list[tuple[KeyPath, str, list[Any], Table]] = [
        (("adapters", "dns_update", "stream"), "stream", [stream] if stream is not None else [], streams)
    ]
    for name, hook in _table(adapters.get("hooks")).items():
        for key, kind, known in (("streams", "stream", streams), ("providers", "provider", providers)):
            named.append((("adapters", "hooks", name, key), kind, _list(_table(hook).get(key)), known))
    for path, kind, listed, known in named:
        for each in listed:
            if known and isinstance(each, str) and each not in known:
                yield Problem(path=path, says=f'no {kind} "{each}"; {did_you_mean(each, known)}')


def _several_defaults(values: Table) -> Iterator[Problem]:
    streams = _table(values.get("streams"))
    defaults = [name for name, stream in streams.items() if str(_table(stream).get("default")).lower() == "true"]
    if len(defaults) > 1:
        yield Problem(path=("streams",), says=f"{' and '.join(defaults)} are all default; keep default = true in one")


def _open_without_tokens(values: Table) -> Iterator[Problem]:
    if _reaches_beyond_loopback(_table(values.get("server")).get("listen")) and not _table(values.get("tokens")):
        yield Problem(
            path=("server", "listen"),
            says="others than this machine can reach it; add a table such as [tokens.app], or listen on 127.0.0.1",
        )


def _open_relay(values: Table) -> Iterator[Problem]:
    relay = _table(values.get("relay"))
    tokens = _table(values.get("tokens")).values()
    for path, place in _relay_places(relay):
        if not _reaches_beyond_loopback(place.get("listen")):
            continue
        if "certificate_file" not in relay:
            yield Problem(path=path, says="others than this machine can reach it; give certificate_file and key_file")
        if not any("send" in _list(_table(token).get("scopes")) for token in tokens):
            yield Problem(path=path, says='others than this machine can reach it; give a token the scope "send"')


def _relay_listeners(values: Table) -> Iterator[Problem]:
    relay, streams = _table(values.get("relay")), _table(values.get("streams"))
    taken: dict[str, str] = {}
    for path, place in _relay_places(relay):
        stream, key = place.get("stream"), ".".join(map(str, path))
        if streams and isinstance(stream, str) and stream not in streams:
            says = f'no stream "{stream}"; {did_you_mean(stream, streams)}'
            yield Problem(path=(*path[:-1], "stream"), says=says)
        if place.get("tls") == "implicit" and "certificate_file" not in relay:
            yield Problem(path=(*path[:-1], "tls"), says="needs relay.certificate_file and relay.key_file")
        listen = str(place.get("listen", ""))
        if listen in taken and not listen.endswith(":0"):
            yield Problem(path=path, says=f"is the same as {taken[listen]}")
        taken.setdefault(listen, key)


def _relay_places(relay: Table) -> Iterator[tuple[KeyPath, Table]]:
    """Each place where the relay listens, with the path of its `listen`."""
    yield ("relay", "listen"), relay
    for name, listener in _table(relay.get("listeners")).items():
        yield ("relay", "listeners", name, "listen"), _table(listener)


def _alerts_through_a_provider(values: Table) -> Iterator[Problem]:
    """News of a failing provider must not travel through it."""
    hosts = {
        name: str(_table(provider).get("host", "")).lower()
        for name, provider in _table(values.get("providers")).items()
    }
    given = _table(values.get("alerts")).get("apprise_urls")
    listed = given.reveal().split() if isinstance(given, Secret) else _list(given)
    for url in listed:
        text = url.reveal() if isinstance(url, Secret) else url
        for place in sorted(provider_hosts(text)) if isinstance(text, str) else ():
            for name, host in hosts.items():
                if host == place or host.endswith(f".{place}") or place.endswith(f".{host}"):
                    says = f"sends mail through {name}, the very provider it may have to tell of; use another way"
                    yield Problem(path=("alerts", "apprise_urls"), says=says)


def _reaches_beyond_loopback(listen: object) -> bool:
    try:
        return listen is not None and not parse_listen(listen).loopback
    except ValueError:
        return False


def _table(value: object) -> Table:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
