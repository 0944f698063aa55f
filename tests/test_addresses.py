"""Where a request to somebody else's URL may go, and where never."""

from ipaddress import ip_network

import pytest

from mailover.addresses import Reach, reach_of

OURS = Reach(private=True)
SOME = Reach(allow=(ip_network("10.1.0.0/16"), ip_network("fd00::/8")))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_a_public_address_is_dialled_by_https_only(address: str) -> None:
    assert Reach().refusal(address, encrypted=True) is None
    assert "use https" in str(Reach().refusal(address, encrypted=False))
    assert "use https" in str(OURS.refusal(address, encrypted=False))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "not an address",
    ],
)
def test_an_address_that_is_not_public_is_never_dialled(address: str) -> None:
    assert Reach().refusal(address, encrypted=True) is not None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "fd12::1", "::ffff:127.0.0.1"])
def test_private_opens_what_is_ours_by_plain_http_too(address: str) -> None:
    assert OURS.refusal(address, encrypted=False) is None


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "::ffff:169.254.169.254"])
def test_private_never_opens_a_clouds_metadata(address: str) -> None:
    assert OURS.refusal(address, encrypted=True) is not None


def test_an_allowed_network_opens_itself_and_nothing_else() -> None:
    assert [SOME.refusal(each, encrypted=False) for each in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::7")] == [None] * 3
    assert SOME.refusal("10.2.0.1", encrypted=True) is not None


@pytest.mark.parametrize(
    "url",
    [
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://0/",
        "https://127.0.0.0x1./",
        "https://[::ffff:127.0.0.1]/",
        "https://a:b@tool.example/",
        "https://tool.example:0/",
        "https://tool.example:70000/",
        "https://[::1/",
        "https:///nowhere",
        "https://tool.example/a b",
        "https://tool.example/\r\nX: y",
        "https://münchen.example/",
        "https://tool.example/büro",
        "file:///etc/passwd",
        "gopher://tool.example/",
        "http://tool.example/",
        "",
    ],
)
def test_a_url_in_disguise_is_refused_before_any_name_is_asked(url: str) -> None:
    assert Reach().complaint(url) is not None


@pytest.mark.parametrize(
    "url", ["https://tool.example/hook?token=1", "https://93.184.216.34:8443/", "HTTPS://Tool.Example"]
)
def test_a_plain_https_url_is_fine(url: str) -> None:
    assert Reach().complaint(url) is None


def test_plain_http_to_a_name_waits_for_its_address_where_some_are_allowed() -> None:
    assert SOME.complaint("http://n8n.internal:5678/webhook/x") is None
    assert SOME.complaint("http://10.2.0.1/") is not None


def test_an_address_of_our_own_in_the_config_is_meant_and_opens_itself_alone() -> None:
    for url in ("http://127.0.0.1:5678/x", "http://10.1.2.3/", "http://[fd12::1]/", "http://localhost:5678/"):
        assert reach_of(url, private=False).complaint(url) is None, url
    reach = reach_of("http://10.1.2.3/", private=False)
    assert reach.refusal("10.1.2.3", encrypted=False) is None
    assert reach.refusal("10.1.2.4", encrypted=True) is not None
    for url in ("http://169.254.169.254/", "http://n8n.internal/", "https://0.0.0.0/", "https://127.1/"):
        assert reach_of(url, private=False).complaint(url) is not None, url
    assert reach_of("https://n8n.internal/", private=False).refusal("10.1.2.3", encrypted=True) is not None
