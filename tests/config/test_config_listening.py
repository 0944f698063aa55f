"""A place to listen that cannot be had is refused with its key, the address and the cure."""

import errno
import os
import socket

import pytest

from mailover.config.fields import Address
from mailover.config.listening import not_listening

HERE = Address(host="127.0.0.1", port=8587)


def refused(error: OSError) -> str:
    [problem] = not_listening("server.listen", HERE, error).problems
    return problem


def test_a_port_that_is_taken_names_the_likely_culprit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use") as caught:
        socket.create_server(taken.getsockname())
    said = refused(caught.value)
    assert said.startswith("server.listen: 127.0.0.1:8587 cannot be used: Address already in use; another program")


@pytest.mark.parametrize(
    ("number", "cure"), [(errno.EACCES, "CAP_NET_BIND_SERVICE"), (errno.EADDRNOTAVAIL, "no address of this machine")]
)
def test_what_is_not_allowed_or_not_ours_has_its_cure(number: int, cure: str) -> None:
    assert cure in refused(OSError(number, os.strerror(number)))


def test_an_error_without_a_number_is_told_as_it_is() -> None:
    assert refused(OSError("a name that nothing has")).endswith("cannot be used: a name that nothing has")
