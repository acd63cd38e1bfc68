"""Where the CPU of a log goes, by what the process does for it.

``python tests/benchmarks/parts.py [KIND [CALLS]]``, KIND as in ``export.py``. Each part
is the CPU time of its thread, taken around a step that is done for some hundred logs
at a time, so that looking costs nothing; the parts add up to what the process used.
What each costs depends on what the others leave in the caches: to see what a change
is worth, compare whole runs of ``export.py``.
"""

from __future__ import annotations

import collections
import functools
import gc
import os
import pathlib
import shutil
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
import export  # noqa: E402
from subject import MESSAGES  # noqa: E402

from promptscribe._delivery import desk, exporter, route, sender, transport, tray  # noqa: E402
from promptscribe._runtime import pipeline  # noqa: E402

STEPS = (
    (pipeline.Pipeline, "prepare", "segments made ready, a backlog let go of"),
    (pipeline.Pipeline, "take", "frames read and joined"),
    (tray.Tray, "_load", "logs rendered"),
    (tray.Tray, "next", "a batch put together"),
    (route.Bulk, "_request", "bodies joined"),
    (transport.HttpTransport, "send", "sent"),
    (route.Bulk, "_read", "the answer read"),
    (desk.Desk, "_settle", "logs marked, segments removed"),
    (exporter.Exporter, "_run", "the rest of the exporter's thread"),
    (sender.Senders, "_run", "the rest of a sender's thread"),
)

used: collections.Counter[str] = collections.Counter()
_inner = threading.local()


def watch(owner: type, name: str, part: str) -> None:
    """Have a method's CPU time added to a part, without that of others in it."""
    method = getattr(owner, name)

    @functools.wraps(method)
    def watched(*args: object, **kwargs: object) -> object:
        before, _inner.seconds = getattr(_inner, "seconds", 0.0), 0.0
        begun = time.thread_time()
        try:
            return method(*args, **kwargs)
        finally:
            took = time.thread_time() - begun
            used[part] += took - _inner.seconds
            _inner.seconds = before + took

    setattr(owner, name, watched)


def watch_collector() -> None:
    """Have the garbage collector's time told as well; it is a part of the others."""
    begun = 0.0

    def collecting(phase: str, _info: dict[str, int]) -> None:
        nonlocal begun
        if phase == "start":
            begun = time.thread_time()
        else:
            used["(of these, the garbage collector)"] += time.thread_time() - begun

    gc.callbacks.append(collecting)


def main(kind: str, calls: int) -> None:
    """Record and deliver; print the parts in µs a log."""
    for step in STEPS:
        watch(*step)
    watch_collector()
    sink, port = export.start_sink("bulk")
    folder = tempfile.mkdtemp()
    ask, promptscribe = export.decorated(kind, int(port), journal_dir=folder)
    for _ in range(300):
        ask("why?", MESSAGES)
    promptscribe.force_flush(60)
    used.clear()
    begun, mine = export.cpu(), time.thread_time()
    for _ in range(calls):
        ask("why?", MESSAGES)
    used["the calls themselves"] = time.thread_time() - mine
    result = promptscribe.force_flush(600)
    whole = export.cpu() - begun
    assert result.delivered == calls + 300, result
    for part, seconds in used.most_common():
        print(f"{part:<42} {seconds / calls * 1e6:>6.2f} µs")
    print(f"{'in all':<42} {whole / calls * 1e6:>6.2f} µs", flush=True)
    sink.kill()
    sink.wait()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)  # the exit is not what is measured


if __name__ == "__main__":
    main(
        sys.argv[1] if len(sys.argv) > 1 else "plain",
        int(sys.argv[2]) if len(sys.argv) > 2 else 20_000,
    )
