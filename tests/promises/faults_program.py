"""The program that the fault table runs: it logs calls, and then dies in some way.

Its arguments: what to do, and how many calls. Where it sends them, and where its
journal is, comes from the environment, as for any program.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import ctypes
import dataclasses
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import promptscribe
from promptscribe import log_prompt
from promptscribe._delivery.transport import HttpTransport
from promptscribe._runtime.state import runtime
from promptscribe.testing import MemoryTransport

TEXT = "lorem ipsum " * 16


@log_prompt(path="faults/call")
def call(mark, text=TEXT):
    return f"answer to {mark} {text}"


@log_prompt(path="faults/call")
async def acall(mark, text=TEXT):
    await asyncio.sleep(0)
    return f"answer to {mark} {text}"


def work(count, start=0):
    for mark in range(start, start + count):
        call(mark)


def tell(word):
    """Say to the driver where we are."""
    print(word, flush=True)


def wait_for_driver():
    """Wait until the driver has done what it wants to do."""
    sys.stdin.readline()


def plain(count):
    """Work, and end in the normal way."""
    work(count)


def asked(count):
    """Work, and tell what became of it when the driver says so, before the end."""
    work(count)
    tell("done")
    wait_for_driver()
    result = promptscribe.stats()
    tell(f"before the end {result.delivered} {result.pending}")
    promptscribe.shutdown(1)


def holding(count):
    """Work, and be in the middle of one more call until the driver says so."""
    work(count)

    @log_prompt(path="faults/call")
    def long_call(mark):
        tell("done")
        wait_for_driver()

    long_call(count)


def interrupted(count):
    """Work, and go on after Ctrl-C; tell each call that has returned, and wait."""
    for mark in range(count):
        try:
            call(mark)
        except KeyboardInterrupt:
            continue
        os.write(1, b"%d\n" % mark)
    tell("done")
    wait_for_driver()


def flush(count):
    work(count)
    tell(promptscribe.force_flush(60))


def flush_once(count):
    """Work, and deliver until the server has said something, however slow it is."""
    work(count)
    result = promptscribe.force_flush(0.2)
    while not (result.delivered or result.retried):
        result = promptscribe.force_flush(0.2)
    tell(result)


def other_user(count):
    """Work as another user, who has what it needs loaded: it may not read our files."""
    shared = os.environ["PROMPTSCRIBE_JOURNAL_DIR"]
    promptscribe.configure(journal_dir=tempfile.mkdtemp(), transport=MemoryTransport())
    call(0)
    promptscribe.force_flush(5)
    HttpTransport(os.environ["PROMPTSCRIBE_BASE_URL"], use_proxy=False).offer()
    os.setegid(65534)
    os.seteuid(65534)
    runtime._start_over()
    promptscribe.configure(journal_dir=shared)
    work(count, 1000)
    tell(promptscribe.force_flush(60))


def leaves_it(count):
    """Work, and say what of a delivery there is in this process."""
    seen = []
    sys.addaudithook(lambda event, _: seen.append(event) if "socket" in event else None)
    work(count)
    time.sleep(0.3)
    seen += [name for name in ("httpx", "httpx2") if name in sys.modules]
    seen += [t.name for t in threading.enumerate() if "sender" in t.name]
    tell(" ".join(seen) or "nothing of it")


def os_exit(count):
    work(count)
    os._exit(0)


def sigkill(count):
    work(count)
    os.kill(os.getpid(), signal.SIGKILL)


def sigkill_late(count):
    """As `sigkill`, with other marks."""
    work(count, 1_000)
    os.kill(os.getpid(), signal.SIGKILL)


def killed(count):
    """Work until somebody kills us."""
    for mark in range(count):
        call(mark)
        os.write(1, b"%d\n" % mark)  # only after the call has returned
    wait_for_driver()


def told(count):
    """Work, tell each call that has returned, and deliver."""
    for mark in range(count):
        call(mark)
        os.write(1, b"%d\n" % mark)
    promptscribe.force_flush(20)


def victims(count):
    """Fork children that log until they are killed at a random moment.

    Tells, for each, how many of its calls had returned.
    """
    chance = random.Random(os.environ.get("FAULTS_SEED"))  # noqa: S311 - to repeat it
    for number in range(count):
        out, into = os.pipe()
        child = os.fork()
        if child == 0:
            for mark in range(number * 1_000_000, (number + 1) * 1_000_000):
                call(mark)
                os.write(into, b"x")
                if mark % 20 == 19:
                    time.sleep(0.004)  # or the disk's cap is what is tested
        os.close(into)
        os.read(out, 1)
        time.sleep(chance.uniform(0.0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        returned = 1
        while some := os.read(out, 1 << 16):
            returned += len(some)
        os.close(out)
        tell(f"{number} {returned}")


def in_a_call(count):
    """Die in the middle of a call."""
    work(count - 1)

    @log_prompt(path="faults/call")
    def long_call(mark):
        os.kill(os.getpid(), signal.SIGKILL)

    long_call(count - 1)


def sigterm(count):
    work(count)
    os.kill(os.getpid(), signal.SIGTERM)


def unhandled(count):
    work(count)
    raise ValueError("nobody catches this")


def paced(count):
    """Work for the seconds that FAULTS_SECONDS says, evenly."""
    pause = float(os.environ["FAULTS_SECONDS"]) / count
    for mark in range(count):
        call(mark)
        time.sleep(pause)


def fork(count):
    """Parent and child log; the child ends by os._exit."""
    third = count // 3
    work(third)
    child = os.fork()
    if child == 0:
        work(third, third)
        os._exit(0)
    work(count - 2 * third, 2 * third)
    os.waitpid(child, 0)


def fork_in_c(count):
    """As `fork`, but Python's hooks are not called: uWSGI does that.

    By PyDLL, which keeps the interpreter lock, and while all other threads sleep: a
    child waits for ever for one that had, or wanted, the lock at that moment.
    """
    third = count // 3
    work(third)
    promptscribe.force_flush(10)
    time.sleep(1.5)
    child = ctypes.PyDLL(None).fork()
    if child == 0:
        work(third, third)
        os.kill(os.getpid(), signal.SIGKILL)
    work(count - 2 * third, 2 * third)
    os.waitpid(child, 0)


def prefork(count):
    """Load, fork four workers that are killed in the end, as gunicorn does."""
    share = count // 4
    workers = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            work(share, number * share)
            os.kill(os.getpid(), signal.SIGKILL)
        workers.append(child)
    for worker in workers:
        os.waitpid(worker, 0)


class SlowImport:
    """Holds up the import of one module of ours, and says when it has begun."""

    def __init__(self, name):
        self.name = name
        self.has_begun = threading.Event()

    def find_spec(self, name, path=None, target=None):
        if name == self.name:
            self.has_begun.set()
            time.sleep(0.3)


def fork_in_first_call(count):
    """Fork while another thread is in its first call, which imports what it needs."""
    share = count // 4
    for number, name in enumerate(FIRST_IMPORTS):
        child = os.fork()
        if child == 0:
            slow = SlowImport(name)
            sys.meta_path.insert(0, slow)
            first = threading.Thread(target=work, args=(share, number * 2 * share))
            first.start()
            slow.has_begun.wait(10)
            grandchild = os.fork()
            work(share if grandchild == 0 else 0, (number * 2 + 1) * share)
            if grandchild == 0:
                os._exit(0)
            first.join()
            os.waitpid(grandchild, 0)
            os._exit(0)
        os.waitpid(child, 0)


FIRST_IMPORTS = ("promptscribe._capture.controlled", "promptscribe._runtime.pipeline")


def multi(count):
    """Log in the parent and in processes of multiprocessing."""
    share = count // 4
    context = multiprocessing.get_context(os.environ["FAULTS_METHOD"])
    workers = [
        context.Process(target=work, args=(share, number * share))
        for number in range(3)
    ]
    for worker in workers:
        worker.start()
    work(count - 3 * share, 3 * share)
    for worker in workers:
        worker.join()


def threads(count):
    share = count // 16
    workers = [
        threading.Thread(target=work, args=(share, number * share))
        for number in range(16)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def gather(count):
    async def main():
        for start in range(0, count, 200):
            await asyncio.gather(*(acall(m) for m in range(start, start + 200)))

    asyncio.run(main())


def daemon_threads(count):
    """End while daemon threads go on logging; each tells how far it got."""

    def log_for_ever(number):
        mark = number * 1_000_000
        while True:
            call(mark)
            os.write(1, b"%d\n" % mark)
            mark += 1

    for number in range(4):
        threading.Thread(target=log_for_ever, args=(number,), daemon=True).start()
    work(count, 10_000_000)
    for mark in range(count):
        os.write(1, b"%d\n" % (10_000_000 + mark))


def at_exit(count):
    """Log in atexit, before and after ours, and in a ``__del__``."""

    class Late:
        def __del__(self, call=call, mark=count - 1):
            call(mark)

    atexit.register(work, 100, count - 201)
    work(count - 201)
    atexit.register(work, 100, count - 101)
    globals()["late"] = Late()


def handler(count):
    """Log in a signal handler, inside of other calls."""
    handled = iter(range(count // 2, count))

    def handle(_number, _stack):
        with contextlib.suppress(StopIteration):
            call(next(handled))

    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    for mark in range(count // 2):
        call(mark)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for mark in handled:
        call(mark)


def folder_deleted(count):
    """Somebody removes the journal while we run."""
    import shutil

    work(count // 2)
    shutil.rmtree(os.environ["PROMPTSCRIBE_JOURNAL_DIR"])
    work(count - count // 2, count // 2)
    # It ends with the process: a busy machine takes longer to send it than an exit may.
    tell(promptscribe.force_flush(60))


def clock_back(count):
    """The machine's clock is set back by an hour between two calls."""
    from promptscribe import _clock

    class Back:
        def __init__(self):
            self.hours = 0

        def wall_ns(self):
            return time.time_ns() - self.hours * 3_600_000_000_000

        monotonic_ns = staticmethod(time.monotonic_ns)

    clock = Back()
    assert isinstance(_clock.SystemClock.wall_ns(), int)
    promptscribe.configure(clock=clock)
    work(count // 2)
    clock.hours = 1
    work(count - count // 2, count // 2)


def burst(count):
    """As many calls as fast as possible; tell how much memory that took at most.

    All of it that is resident, pages of the journal's files too.
    """
    work(100, 10_000_000)
    promptscribe.force_flush(60)  # what is loaded once, a client for HTTP, is loaded
    tell("warm")
    wait_for_driver()  # it has the server be slow from now on
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    before = memory("VmRSS")
    begun = time.perf_counter()
    work(count)
    took = time.perf_counter() - begun
    tell(f"{took:.3f} {memory('VmHWM') - before}")


def memory(what):
    """Return a size from the process's status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024
    return 0


def report():
    """Tell the numbers that the library has at the very end of the process."""
    numbers = json.dumps(dataclasses.asdict(promptscribe.stats()))
    os.write(1, f"\nstats {numbers}\n".encode())  # at once: daemon threads tell, too


if __name__ == "__main__":
    atexit.register(report)  # before the library's own, so that it runs after it
    globals()[sys.argv[1]](int(sys.argv[2]))
    tell(f"worked {time.monotonic()}")
