"""Messages to servers that stop reading, read slowly, reset or refuse in the middle: bounded, and blamed exactly."""

from hostile.servers import HostileServer, Peer, smtp
from hostile.talking import talk

from mailover.core.observations import FailureKind, Stage

K = FailureKind
BIG = b"Subject: big\r\n\r\n" + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 200_000


def test_a_body_for_a_peer_that_stops_reading_ends_at_the_deadline() -> None:
    def stop_reading(peer: Peer) -> None:
        peer.say("354 go on")
        peer.mute()

    with HostileServer(smtp({"data": stop_reading}, offers=["PIPELINING"]), receive_buffer=4096) as server:
        heard = talk(server.port, until=Stage.END_DATA, message=BIG, deadline=1)
    failure = heard.transcript.failure
    assert failure is not None
    assert (failure.kind, failure.stage) == (K.TIMEOUT, Stage.DATA)
    assert heard.seconds < 1.5


def test_a_message_held_back_by_a_zero_window_was_surely_not_accepted() -> None:
    def stop_reading(peer: Peer) -> None:
        peer.say("354 go on")
        peer.mute()

    with HostileServer(smtp({"data": stop_reading}), receive_buffer=2048) as server:
        heard = talk(server.port, until=Stage.END_DATA, message=BIG[:30_000], deadline=1)
    failure = heard.transcript.failure
    assert failure is not None
    assert (failure.kind, failure.stage) == (K.TIMEOUT, Stage.DATA)


def test_a_peer_that_reads_slowly_ends_at_the_deadline() -> None:
    def read_slowly(peer: Peer) -> None:
        peer.say("354 go on")
        while peer.sock.recv(20_000) and not peer.stopped.wait(0.2):
            pass

    with HostileServer(smtp({"data": read_slowly}), receive_buffer=4096) as server:
        heard = talk(server.port, until=Stage.END_DATA, message=BIG, deadline=0.7)
    failure = heard.transcript.failure
    assert failure is not None
    assert (failure.kind, failure.stage) == (K.TIMEOUT, Stage.DATA)
    assert heard.seconds < 1.2


def test_a_reset_in_the_middle_of_a_message_is_safe_to_retry_elsewhere() -> None:
    def reset_mid_data(peer: Peer) -> None:
        peer.say("354 go on")
        peer.sock.recv(1000)
        peer.reset()

    with HostileServer(smtp({"data": reset_mid_data})) as server:
        failure = talk(server.port, until=Stage.END_DATA, message=BIG, deadline=3).transcript.failure
    assert failure is not None
    assert (failure.kind, failure.stage) == (K.CONNECTION, Stage.DATA)


def test_a_refusal_in_the_middle_of_a_message_is_heard() -> None:
    def refuse_mid_data(peer: Peer) -> None:
        peer.say("354 go on")
        peer.sock.recv(1000)
        peer.say("552 5.3.4 message too big")
        peer.mute()

    with HostileServer(smtp({"data": refuse_mid_data}), receive_buffer=4096) as server:
        failure = talk(server.port, until=Stage.END_DATA, message=BIG, deadline=0.7).transcript.failure
    assert failure is not None
    assert (failure.kind, failure.stage, failure.code) == (K.MESSAGE, Stage.DATA, 552)
