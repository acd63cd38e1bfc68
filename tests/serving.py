"""A receiver in a process of its own, for tests that kill, limit or measure it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

_SERVE = """
import sys
from promptscribe.receiver.server import Receiver, serve
serve(Receiver(port=0, db=sys.argv[1], announce=lambda url: print(url, flush=True)))
"""


class Serving(subprocess.Popen[str]):
    """A receiver's process; `url` is where it listens."""

    def __init__(self, db: str | os.PathLike[str]) -> None:
        command = [sys.executable, "-c", _SERVE, db]
        super().__init__(command, stdout=subprocess.PIPE, text=True)
        assert self.stdout is not None
        self.url = self.stdout.readline().strip()


@contextmanager
def serving(db: str | os.PathLike[str]) -> Iterator[Serving]:
    """Run a receiver on a file; it is killed in the end, if it still runs."""
    process = Serving(db)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
