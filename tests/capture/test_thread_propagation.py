"""With ``propagate_threads``, threads and tasks of thread pools go on in the log."""

from __future__ import annotations

import asyncio
import contextvars
import os
import subprocess
import sys
import textwrap
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.dummy import Process
from multiprocessing.pool import ThreadPool

import pytest

import promptscribe
from promptscribe import current_log, log_prompt, propagate
from promptscribe.testing import captured_logs

OTHER = contextvars.ContextVar("other", default="default")

METHODS = [
    (threading.Thread, "start"),
    (threading.Timer, "start"),
    (ThreadPoolExecutor, "submit"),
    *((ThreadPool, n) for n in ("apply_async", "_map_async", "imap", "imap_unordered")),
]


def methods():
    return [vars(owner).get(name) for owner, name in METHODS]


@pytest.fixture
def asked():
    promptscribe.configure(propagate_threads=True)


def see(number=0):
    """Make a log, and return what is current without it."""
    around = current_log().id
    with log_prompt("leaf"):
        return around, OTHER.get()


def in_thread(kind):
    def run():
        seen = []
        thread = kind(lambda: seen.append(see()))
        thread.start()
        thread.join()
        return seen

    return run


class Subclass(threading.Thread):
    def __init__(self, work):
        super().__init__()
        self.work = work

    def run(self):
        self.work()


def in_pool(give):
    def run():
        with ThreadPoolExecutor(1) as pool:
            return give(pool)

    return run


def in_thread_pool(give):
    def run():
        with ThreadPool(1) as pool:
            return list(give(pool))

    return run


async def in_executor():
    return [await asyncio.get_running_loop().run_in_executor(None, see)]


WAYS = {
    "Thread": in_thread(lambda work: threading.Thread(target=work)),
    "a subclass": in_thread(Subclass),
    "Timer": in_thread(lambda work: threading.Timer(0, work)),
    "multiprocessing.dummy": in_thread(lambda work: Process(target=work)),
    "submit": in_pool(lambda pool: [pool.submit(see).result()]),
    "map": in_pool(lambda pool: list(pool.map(see, [1, 2]))),
    "run_in_executor": lambda: asyncio.run(in_executor()),
    "apply": in_thread_pool(lambda pool: [pool.apply(see)]),
    "apply_async": in_thread_pool(lambda pool: [pool.apply_async(func=see).get()]),
    "pool.map": in_thread_pool(lambda pool: pool.map(see, [1, 2])),
    "starmap": in_thread_pool(lambda pool: pool.starmap(see, [(1,), (2,)])),
    "imap": in_thread_pool(lambda pool: pool.imap(see, [1, 2])),
    "imap_unordered": in_thread_pool(lambda pool: pool.imap_unordered(see, [1])),
}
each_way = pytest.mark.parametrize("run", WAYS.values(), ids=WAYS)


@each_way
def test_what_is_made_in_a_thread_is_a_child_of_the_log_around(asked, run):
    """And no other context variable goes along."""
    OTHER.set("here")
    with captured_logs() as logs, log_prompt("around") as log:
        seen = run()

    *leaves, _ = logs
    assert {leaf.trace_parent_id for leaf in leaves} == {log.id}
    assert {around for around, _ in seen} == {log.id}
    assert {other for _, other in seen} == {"default"}


@each_way
def test_without_being_asked_nothing_goes_along(run):
    """The default; and again after it was asked for, and taken back."""
    before = methods()
    with captured_logs() as logs, log_prompt("around"):
        run()
    promptscribe.configure(propagate_threads=True)
    promptscribe.configure(propagate_threads=False)
    with captured_logs() as later, log_prompt("around"):
        run()

    for leaf in logs[:-1] + later[:-1]:
        assert leaf.trace_parent_id is None
    assert methods() == before


def test_a_pool_that_grew_inside_a_log_does_not_keep_it(asked):
    """What is submitted later, outside of any log, has none around."""
    with captured_logs(), ThreadPoolExecutor(1) as pool, ThreadPool(1) as other:
        with log_prompt("around"):
            pool.submit(see).result()
            other.apply(see)

        assert [pool.submit(see).result()[0], other.apply(see)[0]] == [None, None]


def test_each_task_has_the_log_of_its_own_submission(asked):
    """One worker, two logs."""
    with captured_logs(), ThreadPoolExecutor(1) as pool:
        with log_prompt("one") as one:
            first = pool.submit(see)
        with log_prompt("two") as two:
            second = pool.submit(see)

        assert [first.result()[0], second.result()[0]] == [one.id, two.id]


def test_a_thread_is_as_before_to_whoever_looks(asked):
    """Its own ``run`` is there again, errors look the same, and it starts once."""
    raised = []

    def fail():
        raise ValueError("no")

    thread = threading.Thread(target=fail)
    hook, threading.excepthook = threading.excepthook, raised.append
    try:
        with captured_logs(), log_prompt("around"):
            thread.start()
            thread.join()
            with pytest.raises(RuntimeError, match="once") as caught:
                thread.start()
    finally:
        threading.excepthook = hook

    assert "run" not in vars(thread)
    names = [f.name for f in traceback.extract_tb(raised[0].exc_traceback)]
    assert names == ["_bootstrap_inner", "run", "fail"]
    assert [f.name for f in traceback.extract_tb(caught.value.__traceback__)][1:] == [
        "start"
    ]


def test_a_thread_that_refuses_starts_as_it_is(asked):
    """Nothing of ours keeps it from running."""

    class Closed(threading.Thread):
        def __setattr__(self, name, value):
            if name == "run":
                raise SystemExit("no")
            super().__setattr__(name, value)

    seen = []
    with captured_logs(), log_prompt("around"):
        thread = Closed(target=lambda: seen.append(see()))
        thread.start()
        thread.join()

    assert seen == [(None, "default")]


def test_another_that_wraps_the_same_methods_is_left_alone(asked):
    """Taken back in the other order, theirs stays and ours only passes on."""
    ours = threading.Thread.start
    called = []

    def theirs(thread):
        called.append(thread)
        return ours(thread)

    threading.Thread.start = theirs
    try:
        promptscribe.configure(propagate_threads=False)
        with captured_logs(), log_prompt("around") as log:
            off = in_thread(Subclass)()
            promptscribe.configure(propagate_threads=True)
            on = in_thread(Subclass)()
    finally:
        threading.Thread.start = ours
        promptscribe.configure(propagate_threads=False)

    assert len(called) == 2
    assert [off[0][0], on[0][0]] == [None, log.id]
    assert threading.Thread.start is not ours


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_thread_that_could_not_start_goes_on_where_it_does(is_wrapped, monkeypatch):
    """The log that was current the first time is not that of the second."""

    def refuse(*_, **__):
        raise RuntimeError("can't start new thread")

    if is_wrapped:
        monkeypatch.setattr(threading.Thread, "start", _as_sentry())
    promptscribe.configure(propagate_threads=True)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(see()))
    with captured_logs():
        with log_prompt("one"), monkeypatch.context() as patch:
            patch.setattr(threading, "_start_new_thread", refuse, raising=False)
            patch.setattr(threading, "_start_joinable_thread", refuse, raising=False)
            with pytest.raises(RuntimeError, match="new thread"):
                thread.start()
        with log_prompt("two") as two:
            thread.start()
            thread.join()
    promptscribe.configure(propagate_threads=False)

    assert seen == [(two.id, "default")]


def _as_sentry():
    """Return a ``Thread.start`` that is wrapped as Sentry's SDK wraps it."""
    start = threading.Thread.start

    def sentry_start(thread):
        before = getattr(thread.run, "__func__", thread.run)
        thread.run = lambda: before(threading.current_thread())
        return start(thread)

    return sentry_start


SENTRY = """
    import sys, threading
    import promptscribe, sentry_sdk
    from promptscribe import log_prompt
    from promptscribe.testing import captured_logs
    from sentry_sdk.integrations.threading import ThreadingIntegration

    class Subclass(threading.Thread):
        def run(self):
            leaf()

    @log_prompt(path="leaf")
    def leaf():
        seen.append(sentry_sdk.get_isolation_scope()._tags.get("tag"))

    def go():
        with captured_logs() as logs, log_prompt("around") as log:
            sentry_sdk.set_tag("tag", "set")
            for thread in (
                threading.Thread(target=leaf), Subclass(), threading.Timer(0, leaf)
            ):
                thread.start()
                thread.join()
        return [leaf.trace_parent_id == log.id for leaf in logs[:-1]]

    def theirs():
        sentry_sdk.init(
            dsn="http://key@127.0.0.1:9/1",
            default_integrations=False,
            integrations=[ThreadingIntegration(propagate_scope=True)],
        )

    steps = {
        "theirs": theirs,
        "ours": lambda: promptscribe.configure(propagate_threads=True),
        "no more": lambda: promptscribe.configure(propagate_threads=False),
    }
    for step in sys.argv[1:]:
        seen = []
        steps[step]()
        print(step, go(), seen)
"""
NO, YES, SET = [False] * 3, [True] * 3, ["set"] * 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps", "goes_along"),
    [
        (["theirs", "ours", "no more", "ours"], [NO, YES, NO, YES]),
        (["ours", "theirs", "no more", "ours"], [YES, YES, NO, YES]),
        (["ours", "no more", "theirs", "ours"], [YES, NO, NO, YES]),
    ],
)
def test_it_goes_together_with_sentrys_sdk(steps, goes_along):
    """The real one: whichever is there first, and when ours is taken back."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SENTRY), *steps],
        capture_output=True,
        text=True,
        check=True,
    )

    scopes = [SET if "theirs" in steps[: n + 1] else None for n in range(len(steps))]
    lines = done.stdout.splitlines()
    for line, step, along, scope in zip(lines, steps, goes_along, scopes, strict=True):
        assert line.startswith(f"{step} {along} "), done.stderr
        assert scope is None or line.endswith(f" {scope}")


def test_what_is_bound_by_hand_goes_first(asked):
    """`propagate` says more exactly where a function belongs."""
    with captured_logs(), ThreadPoolExecutor(1) as pool:
        with log_prompt("one") as one:
            bound = propagate(see)
        with log_prompt("two"):
            assert pool.submit(bound).result()[0] == one.id


PROGRAM = """
    import os, threading
    from promptscribe import log_prompt
    from promptscribe.testing import captured_logs

    kept = threading.Thread.start
    with captured_logs() as logs, log_prompt("around") as log:
        thread = threading.Thread(target=log_prompt(path="leaf")(print))
        thread.start()
        thread.join()
    print(logs[0].trace_parent_id == log.id, threading.Thread.start is kept)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("value", "said"), [("true", "True"), ("", "False")])
def test_the_environment_asks_for_it_as_well(value, said):
    """And who did not ask finds the standard library as it was."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)],
        env=os.environ | {"PROMPTSCRIBE_PROPAGATE_THREADS": value},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == [said, str(said == "False")], done.stderr
