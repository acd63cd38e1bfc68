"""The tee: what is written to stdout, stderr and `logging`, while somebody asks for it.

Its law: text goes where it would have gone, first, through the same object and with
the same result; only then is it offered to whoever is interested. The streams are
replaced while there is somebody, and are the same objects again afterwards.

Log records come from ``Logger.callHandlers``, as Sentry's SDK takes them (its
``integrations/logging.py``), and not from a handler on the root logger: one there,
even for a while, would silence ``logging.lastResort``, make of a ``basicConfig`` inside
the call nothing at all, and see each line twice that another handler prints.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

import wrapt

from promptscribe._capture import failure
from promptscribe._capture.generator import hide_frame
from promptscribe._interrupt import let_through

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Hashable, Iterable

_STREAMS: Final = ("stdout", "stderr")
_OURS: Final = "promptscribe"

_MOST_KEPT: Final = 8
"""Stand-ins that are kept for the streams that were replaced last, see `Stage`."""


class _Here(threading.local):
    """What this thread is doing."""

    passes = False
    """Whether what is written now has been offered already, or will be."""


_here: Final = _Here()


class Tee(wrapt.ObjectProxy):  # type: ignore[type-arg] # 1.x: not generic
    """A stream in all but name; what is written to it is offered as well."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._self_offer: Callable[[str], None] | None = None

    def write(self, text: str) -> Any:
        """Write to the stream, and then offer what was written."""
        before, _here.passes = _here.passes, True
        try:
            result = self.__wrapped__.write(text)
        except BaseException as error:
            hide_frame(error)
            raise
        finally:
            _here.passes = before
        if not before:
            self._self_pass_on(text)
        return result

    def writelines(self, lines: Iterable[str]) -> Any:
        """Write to the stream, and then offer what was written."""
        lines = list(lines)
        before, _here.passes = _here.passes, True
        try:
            result = self.__wrapped__.writelines(lines)
        except BaseException as error:
            hide_frame(error)
            raise
        finally:
            _here.passes = before
        if not before:
            self._self_pass_on("".join(lines))
        return result

    def set_offer(self, offer: Callable[[str], None] | None) -> None:
        """Offer from now on, or only pass through: somebody may hold on to this."""
        self._self_offer = offer

    def _self_pass_on(self, text: str) -> None:
        offer = self._self_offer
        if offer is not None:
            _offer(offer, text)
            return
        for name in _STREAMS:  # put back by a `redirect_stdout` that outlived a call
            if getattr(sys, name, None) is self:
                setattr(sys, name, self.__wrapped__)


class Stage:
    """Keeps the tees in place while there is an audience.

    Each of the audience is anything hashable.

    A stand-in that is taken away must not die: before Python 3.14, ``print`` only
    borrows ``sys.stdout``, and a thread that is in there would crash
    (python/cpython#130163). So the last ones are kept, and used again for the same
    streams.

    Attributes:
        lock: Guards all that is here, and what the audience makes of what is offered.
    """

    def __init__(self, offer: Callable[[str], None]) -> None:
        self.lock = threading.RLock()
        self._offer = offer
        self._audience: set[Hashable] = set()
        self._kept: list[Tee] = []
        self._tap: _Tap | None = None
        os.register_at_fork(after_in_child=self._after_fork)

    def enter(self, who: Hashable) -> None:
        """Put the tees in place, where they are not.

        A stream that is none, as a proxy outside of what it stands for, is left alone.
        """
        problem: BaseException | None = None
        with self.lock:
            self._audience.add(who)
            for name in _STREAMS:
                stream = getattr(sys, name, None)
                if type(stream) is Tee:
                    stream.set_offer(self._offer)
                elif stream is not None:  # pythonw has none
                    try:
                        setattr(sys, name, self._stand_in(stream))
                    except BaseException as raised:  # noqa: BLE001 - told below
                        problem = raised
            if self._tap is None:
                self._tap = _Tap(self._offer)
        if problem is not None:  # without the lock: whose handlers log may wait for it
            failure.note("stdout_failed", problem)

    def leave(self, who: Hashable) -> None:
        """Take the tees away with the last of the audience."""
        with self.lock:
            self._audience.discard(who)
            if self._audience or self._tap is None:
                return
            for name in _STREAMS:
                stream = getattr(sys, name, None)
                if type(stream) is Tee:  # else somebody else has replaced it
                    setattr(sys, name, stream.__wrapped__)
            for tee in self._kept:
                tee.set_offer(None)
            self._tap.close()
            self._tap = None

    def _stand_in(self, stream: Any) -> Tee:
        found = next((t for t in self._kept if t.__wrapped__ is stream), None)
        tee = found or Tee(stream)
        if found is not None:
            self._kept.remove(found)
        self._kept.append(tee)
        del self._kept[:-_MOST_KEPT]
        tee.set_offer(self._offer)
        return tee

    def _after_fork(self) -> None:
        self.lock = threading.RLock()  # another thread may have held it


class _Tap:
    """Stands in for ``Logger.callHandlers`` and offers the records it is given."""

    def __init__(self, offer: Callable[[str], None]) -> None:
        import logging  # not before somebody captures

        self._logger = logging.Logger
        self._offer: Callable[[str], None] | None = offer
        self._format_exception = logging.Formatter().formatException
        self._before = before = logging.Logger.callHandlers

        def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
            passed = _here.passes
            _here.passes = passed or self._offer is not None
            try:
                before(logger, record)
            except BaseException as error:
                hide_frame(error)
                raise
            finally:
                _here.passes = passed
            self._take(record)

        self._call = call_handlers
        logging.Logger.callHandlers = call_handlers  # type: ignore[assignment,method-assign]

    def close(self) -> None:
        """Only pass through from now on, and go out of the way if nothing is on top."""
        self._offer = None
        if self._logger.callHandlers is self._call:
            self._logger.callHandlers = self._before  # type: ignore[method-assign]

    def _take(self, record: logging.LogRecord) -> None:
        offer = self._offer
        if offer is None or record.name.partition(".")[0] == _OURS:
            return
        try:  # by hand: `Formatter.format` leaves its marks on the record
            text = f"{record.levelname} {record.name}: {record.getMessage()}\n"
            if record.exc_info and record.exc_info[0] is not None:
                text += f"{self._format_exception(record.exc_info)}\n"
        except BaseException as problem:  # noqa: BLE001 - odd arguments
            let_through(problem)
            text = f"{record.levelname} {record.name}: <arguments do not fit>\n"
        _offer(offer, text)


def _offer(offer: Callable[[str], None], text: str) -> None:
    try:
        offer(text)
    except BaseException as problem:  # noqa: BLE001 - who prints is not to be bothered
        failure.note("stdout_failed", problem)
