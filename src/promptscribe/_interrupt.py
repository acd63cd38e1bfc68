"""The interrupt: what strikes while our code runs, and is no failure of it.

Where code of others runs for our purposes (a hook, a property of an exception, a
handler of `logging`), whatever it raises is a failure of ours: ``SystemExit`` and
``CancelledError`` as well, else somebody's ``__str__`` would end the program or the
task. So the guards there say ``except BaseException``, and ask here what is not theirs.
"""

from __future__ import annotations

import contextlib
import sys
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import TracebackType

_get_traceback: Final = BaseException.__dict__["__traceback__"].__get__


def let_through(problem: BaseException) -> None:
    """Raise what comes from outside: Ctrl-C, and whatever a signal handler raised.

    A time limit, a worker told to stop: any line of any program has to expect it, and
    the user is waiting for it.
    """
    if type(problem) is RecursionError:  # nor may there be room to ask any further
        return
    if issubclass(type(problem), KeyboardInterrupt) or _is_from_signal(problem):
        try:
            raise problem
        finally:
            del problem  # it holds this frame, and all that the call had with it


def suppress(*kinds: type[BaseException]) -> _Suppress:
    """Return `contextlib.suppress`, but for what a signal handler raised.

    A time limit is an ``OSError`` as well, if it is a ``TimeoutError``.
    """
    return _Suppress(*kinds)


class _Suppress(contextlib.suppress):
    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if not super().__exit__(kind, problem, traceback):
            return False
        return problem is None or not _is_from_signal(problem)


def note_again() -> None:
    """Have a program that ends by a Ctrl-C end by SIGINT, as its shell has to see.

    Python notes that nobody handled one, and looks at the note last of all (CPython
    ``Python/pythonrun.c`` and ``Modules/main.c``, ``unhandled_keyboard_interrupt``).
    But any source text that is run in between, by any thread, takes the note away, and
    `dataclasses` and `collections.namedtuple` run some where they are used in a module
    that is imported. It is made again as it was made: by a text that ends so.
    """
    if _is_ending_program():
        with contextlib.suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")  # noqa: S102 - our own text


def _is_ending_program() -> bool:
    """Say whether what Python told of last is a Ctrl-C that went through the program.

    A console tells of those, too, that ended one line of it.
    """
    last = getattr(sys, "last_value", None)
    if type(last) is not KeyboardInterrupt or hasattr(sys, "ps1"):
        return False
    traceback = _get_traceback(last)
    if traceback is None:
        return False
    frame = traceback.tb_frame
    name = frame.f_globals.get("__name__")
    is_line = frame.f_code.co_filename == "<console>"  # Lib/code.py
    return name == "runpy" or (name == "__main__" and not is_line)


def _is_from_signal(problem: BaseException) -> bool:
    """Say whether the traceback goes through a function that handles a signal."""
    traceback = _get_traceback(problem)
    if traceback is None or traceback.tb_next is None:
        return False  # raised where it was caught, as most odd values do: 20 µs less
    import signal  # not before something fails

    handlers = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()}
    while traceback is not None:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False


def _code_of(handler: object) -> object:
    if type(handler) is MethodType:
        handler = handler.__func__
    return handler.__code__ if type(handler) is FunctionType else None
