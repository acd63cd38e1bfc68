"""A network between program and server that fails in every way, at random."""

from __future__ import annotations

import collections
import contextlib
import random
import socket
import threading
import time

FATES = ("as it is",) * 5 + ("cut before", "cut within", "cut after", "late", "twice")
_BYTES = 1 << 16


class Network:
    """Passes bytes on to a port; of what is sent, and of what comes back, some is lost.

    Attributes:
        port: Where it listens.
        happened: How often each thing happened.
        is_fine: Set to have it fail no more.
    """

    def __init__(self, target, seed):
        self._target = target
        self._chance = random.Random(seed)  # noqa: S311 - to be repeated
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listening.getsockname()[1]
        self.happened = collections.Counter()
        self.is_fine = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listening.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client):
        with contextlib.suppress(OSError):
            server = socket.create_connection(("127.0.0.1", self._target), timeout=10)
            server.settimeout(None)
            back = threading.Thread(
                target=self._pass, args=(server, client, ()), daemon=True
            )
            back.start()
            self._pass(client, server, ("twice",))
            return
        client.close()

    def _pass(self, one, other, more):
        """Pass on what comes from one end until something happens."""
        with contextlib.suppress(OSError):
            while data := one.recv(_BYTES):
                fate = "as it is" if self.is_fine.is_set() else self._choose(more)
                if fate == "late":
                    time.sleep(0.3)
                if fate == "cut before":
                    break
                other.sendall(data[: len(data) // 2] if fate == "cut within" else data)
                if fate == "twice":
                    self._send_again(data)
                if fate.startswith("cut"):
                    break
        for end in (one, other):
            with contextlib.suppress(OSError):  # its peer may have gone
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _choose(self, more):
        fate = self._chance.choice(FATES)
        if fate == "as it is" or (fate == "twice" and not more):
            return "as it is"
        self.happened[fate] += 1
        return fate

    def _send_again(self, data):
        """Bring the same bytes a second time, on a way of their own."""
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self._target), timeout=1) as again,
        ):
            again.sendall(data)
            again.recv(_BYTES)
