"""The fork: it waits for what no process may be copied in the middle of.

A forked child has one thread. What another one held at that moment, a lock or a module
that it was importing, is held in the child for ever, and whoever wants it waits for
ever: a call of the user's, if that was its first.

Its law: a fork waits, but not for ever. Somebody else's hook may hold what is waited
for (that of `logging`, its lock); a child at risk is better than two threads for sure.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Final

_LONGEST: Final = 2.0
"""Seconds that a fork waits: what is imported at the first call takes 0.1 on a quiet
machine."""
_POLL: Final = 0.001
_OURS: Final = __name__.partition(".")[0] + "."


class ForkLock:
    """A re-entrant lock that is free in every forked child.

    Attributes:
        mutex: The lock itself, to be entered: a ``with`` that runs Python leaves it
            locked where a signal's handler raises just as it is entered.
        is_torn: Whether this process is the child of one that had it locked all the
            while that the fork waited: what it guards may be half done.
    """

    def __init__(self) -> None:
        self.is_torn = False
        self.mutex = threading.RLock()
        self._forking: list[int] = []
        """Threads that have it locked for a fork; twice, if a signal's handler forks
        in the middle of that."""
        os.register_at_fork(
            before=self._before_fork,
            after_in_parent=self._after_in_parent,
            after_in_child=self._after_in_child,
        )

    def _before_fork(self) -> None:
        if self.mutex.acquire(timeout=_LONGEST):
            self._forking.append(threading.get_ident())

    def _after_in_parent(self) -> None:
        if threading.get_ident() in self._forking:
            self._forking.remove(threading.get_ident())
            self.mutex.release()

    def _after_in_child(self) -> None:
        self.is_torn = threading.get_ident() not in self._forking
        if self.is_torn:
            self._forking.clear()
            self.mutex = threading.RLock()
        else:  # nobody else has it, and what a signal interrupted goes on here, too
            self._after_in_parent()


def is_fork_server() -> bool:
    """Say whether this is uWSGI's master, which has nothing to do but to fork workers.

    In C, and without the interpreter lock: where another thread has it just then, the
    worker waits for it for ever (uwsgi ``python_plugin.c``, ``master_fixup``).
    """
    master = getattr(sys.modules.get("uwsgi"), "masterpid", None)
    return master is not None and master() == os.getpid()


def await_imports() -> None:
    """Wait until no thread is importing a module of ours.

    Between this and the fork other hooks may let a thread in: microseconds, not the
    0.1 s of an import.
    """
    until = time.monotonic() + _LONGEST
    while _is_importing() and time.monotonic() < until:
        time.sleep(_POLL)


def _is_importing() -> bool:
    """Say whether another thread looks for a module of ours, or has one half made.

    A module that is looked for shows only in the import system's table of locks, which
    is its own affair (``importlib/_bootstrap.py``, ``_module_locks``), and so does who
    imports it: a thread that forks in the middle of an import need not wait for itself.
    """
    locks = getattr(sys.modules.get("_frozen_importlib"), "_module_locks", {})
    own = set()
    for name, lock in tuple(locks.items()):
        if name.startswith(_OURS):
            if getattr(lock(), "owner", None) != threading.get_ident():
                return True
            own.add(name)
    for name, module in tuple(sys.modules.items()):
        if name.startswith(_OURS) and name not in own:
            spec = getattr(module, "__spec__", None)
            if getattr(spec, "_initializing", False):
                return True
    return False


os.register_at_fork(before=await_imports)
