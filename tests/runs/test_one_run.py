import socket

import pytest

from nokenlab.runs.one_run import receive, send

RECORD = {"status": "failed", "error": "PK is in no way a sign of success\n"}


def said(record, files):
    """The bytes that `send` sends."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send(ours, record, files)
        return theirs.recv(1 << 16)


def received(data):
    """What `receive` makes of `data` and then the end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)
        return receive(theirs)


@pytest.mark.parametrize("files", [b"", b"PK\n\x00\n"])
def test_a_reply_comes_as_it_was_sent(files):
    assert received(said(RECORD, files)) == (RECORD, files)


def test_a_reply_that_breaks_off_anywhere_is_none():
    whole = said(RECORD, b"PK\n\x00")
    for end in range(len(whole)):
        with pytest.raises(EOFError):
            received(whole[:end])
