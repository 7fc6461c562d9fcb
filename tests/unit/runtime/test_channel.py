from __future__ import annotations

import os

from metaflow.runtime.channel import Channel


def test_messages_arrive_whole_and_in_order_with_their_descriptors() -> None:
    left, right = Channel.pair()
    read, write = os.pipe()
    left.send(["first", 1])
    left.send(["second"], (write,))
    os.close(write)
    assert right.receive() == (["first", 1], [])
    message, descriptors = right.receive()
    assert message == ["second"]
    os.write(descriptors[0], b"x")
    assert os.read(read, 1) == b"x"
    for fd in (read, *descriptors):
        os.close(fd)


def test_a_message_larger_than_a_packet() -> None:
    left, right = Channel.pair()
    big = ["start", ["x" * 10] * 200_000]
    read, write = os.pipe()
    left.send(big, (write,))
    message, descriptors = right.receive()
    assert message == big and len(descriptors) == 1
    for fd in (read, write, *descriptors):
        os.close(fd)


def test_the_end_of_the_other_side_is_seen() -> None:
    left, right = Channel.pair()
    left.send(["last"])
    left.close()
    assert right.receive() == (["last"], [])
    assert right.receive() is None
