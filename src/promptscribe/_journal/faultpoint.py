"""Fault points: named places where a test has the process die.

Its law: without ``PROMPTSCRIBE_FAULT_POINT`` in the environment when this module is
loaded, nothing here does anything. With ``name`` or ``name:3`` the process kills
itself the first, or third, time that it passes the point: by SIGKILL, so that no
handler, ``finally`` or ``atexit`` has a say, as when the machine takes its memory.

With ``name:1!`` it lives on: the main thread is interrupted there, as by Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Final, NoReturn

NAMES: Final = (
    "lane-made",
    "lane-locked",
    "lane-named",
    "segment-made",
    "segment-allocated",
    "segment-mapped",
    "append-reserved",
    "append-stored",
    "append-committed",
    "sealing",
    "sealed",
    "adopted",
    "taken",
    "sent",
    "answered",
    "acknowledged",
    "buried",
    "unlinked",
    "lane-emptied",
)
"""In the order in which a log passes them."""

_wanted, _, _times = os.environ.get("PROMPTSCRIBE_FAULT_POINT", "").partition(":")
_interrupts = _times.endswith("!")
_left = int(_times.rstrip("!") or 1)


def is_armed(prefix: str) -> bool:
    """Say whether the process is to die at a point whose name begins like that."""
    return bool(_wanted) and _wanted.startswith(prefix)


def reach(name: str) -> None:
    """Pass the point *name*: die there if that is what the test wants.

    Raises:
        KeyboardInterrupt: That is what it wants instead.
    """
    global _left  # noqa: PLW0603 - a countdown of the whole process
    if name == _wanted:
        if _interrupts and threading.current_thread() is not threading.main_thread():
            return
        _left -= 1
        if _interrupts and not _left:
            raise KeyboardInterrupt
        if _left <= 0 and not _interrupts:
            die()


def die() -> NoReturn:
    """End this process at once."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a process cannot survive SIGKILL")
