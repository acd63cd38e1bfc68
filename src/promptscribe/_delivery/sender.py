"""The senders: daemon threads that wait for the server, so that nobody else has to.

Its law: a sender holds no lock and keeps nothing; one that hangs for ever, or dies with
the process, has only not yet brought back what is safe in the journal.
"""

from __future__ import annotations

import collections
import queue
import threading
from typing import TYPE_CHECKING, Any

from promptscribe._journal.faultpoint import reach
from promptscribe.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promptscribe._delivery.parcel import Batch


class Background(threading.Thread):
    """A daemon thread of delivery's own, see `is_background`."""

    def __init__(self, target: Callable[..., None], name: str, *args: Any) -> None:
        super().__init__(target=target, name=name, args=args, daemon=True)


def is_background() -> bool:
    """Say whether a thread of delivery's own asks, which must not wait for delivery.

    Code of others comes there: a finalizer, wherever garbage is collected, a handler
    of `logging`, a transport. It would wait for the thread that it holds up.
    """
    return isinstance(threading.current_thread(), Background)


class Senders:
    """Takes batches to a server, several at a time.

    Used by one thread; the threads that it starts touch only the two queues. Where none
    can be started, that one thread sends, one batch at a time.

    Attributes:
        in_flight: Batches that are out.
    """

    def __init__(self, done: Callable[[], None]) -> None:
        self.in_flight = 0
        self._done = done
        self._threads = 0
        self._out: queue.SimpleQueue[Batch | Callable[[], None]]
        self._back: collections.deque[Batch] = collections.deque()

    def send(self, batch: Batch) -> bool:
        """Have a batch sent; False if there is no thread to do it.

        Where there can be none at all, it is sent here and now.
        """
        if self._threads <= self.in_flight and not self._start():
            if self.in_flight:
                return False
            # Since Python 3.12 none is started once the main thread has ended: what a
            # short program recorded would wait for the next one, which is as short.
            self.in_flight += 1
            self._take(batch)
            return True
        self.in_flight += 1
        self._out.put(batch)
        return True

    def collect(self) -> Iterator[Batch]:
        """Hand out the batches that came back, each when its turn has come."""
        while self._back:
            self.in_flight -= 1
            yield self._back.popleft()

    def stop(self, close: Callable[[], None]) -> None:
        """Have the threads end when they are done; does not wait.

        What is sent afterwards is sent by new ones.

        Args:
            close: Called at the end of the last one.
        """
        threads, self._threads = self._threads, 0
        if not threads:
            close()
        others = collections.deque(range(threads - 1))

        def end() -> None:
            try:
                others.pop()
            except IndexError:
                close()

        for _ in range(threads):
            self._out.put(end)

    def _start(self) -> bool:
        if not self._threads:
            self._out = queue.SimpleQueue()  # of the same make as the threads
        name = f"promptscribe-sender-{self._threads + 1}"
        thread = Background(self._run, name, self._out)
        try:
            thread.start()
        except RuntimeError:
            return self._threads > 0  # the interpreter shuts down, or a limit
        self._threads += 1
        return True

    def _run(self, out: queue.SimpleQueue[Batch | Callable[[], None]]) -> None:
        while not callable(asked := out.get()):
            self._take(asked)
        asked()

    def _take(self, batch: Batch) -> None:
        reach("sent")
        try:
            batch.route.send(batch)
        except BaseException as problem:  # noqa: BLE001 - a transport of the user's
            failed = Unreachable(f"the transport failed: {type(problem).__name__}")
            batch.outcomes = [failed] * len(batch.parcels)
            batch.is_whole = True
        reach("answered")
        self._back.append(batch)
        self._done()
