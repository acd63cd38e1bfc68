"""The open streams: which are still being read when the process ends, or forks.

Its law: it holds none of them, and touches none: who reads on gets the rest.

What came of a stream is handed over while the journal is still open: afterwards its end
would stand alone, in a folder without its beginning. So it would in a forked child's:
there, a stream that was begun before is its parent's.
"""

from __future__ import annotations

import atexit
import functools
import os
from typing import TYPE_CHECKING, Final
from weakref import ref

from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptscribe._capture.tape import Tape

_open: Final[dict[int, ref[Tape]]] = {}
forget: Final = _open.pop
"""Takes the ``id`` of a tape that has ended, and a default."""


def watch(tape: Tape) -> None:
    """Have a tape end with the process, unless it has by then."""
    _watch_the_process()
    _open[id(tape)] = ref(tape)


@functools.cache
def _watch_the_process() -> None:
    """Be called at its end before the journal is closed.

    What is registered last is called first. The first log may come later than this,
    if the first stream is a test's, or is left out by sampling.
    """
    runtime.watch_exit()
    atexit.register(_end_all)
    os.register_at_fork(after_in_child=_disown_all)


def _end_all() -> None:
    for tape in _left():
        tape.abandon()


def _disown_all() -> None:
    for tape in _left():
        tape.disown()
    _open.clear()


def _left() -> Iterator[Tape]:
    for reference in list(_open.values()):
        tape = reference()
        if tape is not None:
            yield tape
