"""The interrupt: what strikes while our code runs, and is no failure of it.

Where code of others runs for our purposes (a hook, a property of an exception, a
handler of `logging`), whatever it raises is a failure of ours: ``SystemExit`` and
``CancelledError`` as well, else somebody's ``__str__`` would end the program or the
task. So the guards there say ``except BaseException``, and ask here what is not theirs.
"""

from __future__ import annotations

from types import FunctionType, MethodType
from typing import Final

_get_traceback: Final = BaseException.__dict__["__traceback__"].__get__


def let_through(problem: BaseException) -> None:
    """Raise what comes from outside: Ctrl-C, and whatever a signal handler raised.

    A time limit, a worker told to stop: any line of any program has to expect it, and
    the user is waiting for it.
    """
    if issubclass(type(problem), KeyboardInterrupt) or _is_from_signal(problem):
        raise problem


def _is_from_signal(problem: BaseException) -> bool:
    """Say whether the traceback goes through a function that handles a signal."""
    import signal  # not before something fails

    handlers = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()}
    traceback = _get_traceback(problem)
    while traceback is not None:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False


def _code_of(handler: object) -> object:
    if type(handler) is MethodType:
        handler = handler.__func__
    return handler.__code__ if type(handler) is FunctionType else None
