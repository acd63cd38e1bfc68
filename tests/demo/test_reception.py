import contextlib
import random
import socket

import pytest

from promptscribe.demo.fetch import read_trace
from promptscribe.demo.reception import open_reception
from promptscribe.demo.trouble import Trouble
from promptscribe.receiver.server import start_in_thread


@pytest.fixture
def ten_taken_ports():
    """Hold ten ports in a row, without listening on them."""
    for _ in range(100):
        first = random.randrange(20_000, 30_000)  # noqa: S311 - no secret
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + 10):
                    held = stack.enter_context(socket.socket())
                    held.bind(("127.0.0.1", port))
            except OSError:
                continue
            yield first
            return


def test_ten_ports_that_are_taken_end_the_search(ten_taken_ports, tmp_path):
    """Each is named, and then it is enough."""
    said = []
    with pytest.raises(Trouble, match="are all in use"):
        open_reception(
            "127.0.0.1", ten_taken_ports, tmp_path / "logs.db", None, said.append
        )

    assert len(said) == 10


@pytest.mark.parametrize(
    ("host", "port", "problem"),
    [
        ("127.0.0.1", 70_000, "70000 is no port"),
        ("0.0.0.0", 0, "reachable from outside"),  # noqa: S104 - refused
        ("192.0.2.1", 0, "for this machine: leave --host out"),
        ("", 0, "Each address is reachable from outside"),
        ("none.localhost.", 0, "reachable from outside"),
        ("localhost:80", 0, "leave --host out"),
        ("[::1]", 0, "leave --host out"),
    ],
)
def test_an_address_that_cannot_be_is_told(host, port, problem, tmp_path):
    """In a sentence."""
    with pytest.raises(Trouble, match=problem):
        open_reception(host, port, tmp_path / "logs.db", None, print)


def test_a_receiver_that_runs_already_is_used(tmp_path):
    """By whatever name of this machine, and whatever port of it."""
    running = start_in_thread("::1", db=tmp_path / "logs.db")
    port = int(running.url.rpartition(":")[2])
    said = []

    reception = open_reception("::1", port, tmp_path / "other.db", None, said.append)
    running.stop()

    assert (reception.url, reception.receiver, said) == (running.url, None, [])


def test_the_note_says_where_logs_are_kept(tmp_path):
    """Outside of the home the path is whole."""
    reception = open_reception("127.0.0.1", 0, tmp_path / "logs.db", None, print)
    reception.receiver.stop()

    assert reception.note == f"started here, logs in {tmp_path / 'logs.db'}"


def test_a_trace_that_is_not_there_is_told(tmp_path):
    """With the receiver's answer; and so is a receiver that has gone."""
    receiver = start_in_thread(db=tmp_path / "logs.db")
    with pytest.raises(Trouble, match="GET /logs/log_1 answers 404"):
        read_trace(receiver.url, "log_1", None)
    receiver.stop()

    with pytest.raises(Trouble, match="stopped answering"):
        read_trace(receiver.url, "log_1", None)
