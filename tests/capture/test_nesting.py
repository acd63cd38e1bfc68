"""Nesting: whose child is which log, in functions, tasks and threads."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from promptscribe import current_log, log_context, log_prompt, record_log, start_log
from promptscribe.testing import captured_logs


@log_prompt
def leaf(name):
    return name


@log_prompt
async def async_leaf(name):
    await asyncio.sleep(0)
    return name


def parents(logs):
    """Return each log's name with the name of its parent."""
    by_id = {log.log_id: log for log in logs}
    return {name_of(log): name_of(by_id.get(log.trace_parent_id)) for log in logs}


def name_of(log):
    if log is None:
        return None
    return (log.inputs or {}).get("name") or log.path.rpartition("/")[2]


def test_calls_inside_a_call_are_its_children():
    """Three levels, each the parent of the next, in one trace."""

    @log_prompt
    def middle(name):
        return leaf("inner")

    @log_prompt
    def outer(name):
        return middle("middle")

    with captured_logs() as logs:
        outer("outer")

    assert parents(logs) == {"inner": "middle", "middle": "outer", "outer": None}
    assert len({log.log_id[:36] for log in logs}) == 1


def test_after_a_call_nothing_is_current():
    """The next call begins a trace of its own, also after an exception."""

    @log_prompt
    def fail(name):
        raise ValueError(name)

    with captured_logs() as logs:
        leaf("first")
        with pytest.raises(ValueError, match="bad"):
            fail("bad")
        leaf("second")

    assert parents(logs) == {"first": None, "bad": None, "second": None}
    assert len({log.log_id[:36] for log in logs}) == 3


async def test_concurrent_tasks_are_children_of_who_started_them():
    """`asyncio.gather` of 200 under 20 parents: every parent is right."""

    @log_prompt
    async def parent(name):
        await asyncio.gather(*(async_leaf(f"{name}.{n}") for n in range(10)))

    with captured_logs() as logs:
        await asyncio.gather(*(parent(f"p{n}") for n in range(20)))

    found = parents(logs)
    assert len(found) == 220
    assert all(found[name] == (name.rpartition(".")[0] or None) for name in found)


def test_threads_take_the_parent_along_in_a_copied_context():
    """`contextvars.copy_context` is all that it takes."""

    @log_prompt
    def parent(name):
        with ThreadPoolExecutor(4) as pool:
            for n in range(8):
                pool.submit(contextvars.copy_context().run, leaf, f"{name}.{n}")

    with captured_logs() as logs:
        parent("p")

    assert parents(logs) == {"p": None} | {f"p.{n}": "p" for n in range(8)}


def test_a_plain_thread_begins_a_trace_of_its_own():
    """Nothing leaks into threads that were not given a context."""

    @log_prompt
    def parent(name):
        thread = threading.Thread(target=leaf, args=("alone",))
        thread.start()
        thread.join()

    with captured_logs() as logs:
        parent("p")

    assert parents(logs) == {"p": None, "alone": None}


async def test_asyncio_to_thread_keeps_the_parent():
    """It copies the context by itself."""

    @log_prompt
    async def parent(name):
        return await asyncio.to_thread(leaf, "in thread")

    with captured_logs() as logs:
        await parent("p")

    assert parents(logs) == {"in thread": "p", "p": None}


def test_blocks_nest_with_functions():
    """A block is a parent, and a child."""
    with captured_logs() as logs:  # noqa: SIM117 - the list is there first
        with log_prompt("a/outer"):
            leaf("one")
            with log_prompt("a/inner") as log:
                assert current_log() is log
                leaf("two")

    assert parents(logs) == {
        "one": "outer",
        "two": "inner",
        "inner": "outer",
        "outer": None,
    }


async def test_async_blocks_nest_in_tasks():
    """One object, entered in many tasks at once."""
    block = log_prompt("a/block")

    async def work(n):
        async with block:
            await async_leaf(f"leaf{n}")

    with captured_logs() as logs:
        await asyncio.gather(*(work(n) for n in range(20)))

    by_id = {log.log_id: log for log in logs}
    leaves = [log for log in logs if log.inputs]
    assert len(leaves) == 20
    assert len({log.trace_parent_id for log in leaves}) == 20
    assert all(by_id[log.trace_parent_id].path == "a/block" for log in leaves)


def test_a_started_log_is_a_child_and_no_parent():
    """`start_log` hangs under what is current and does not become current."""
    with captured_logs() as logs:  # noqa: SIM117
        with log_prompt("a/outer"):
            started = start_log("a/started", inputs={"name": "s"})
            leaf("other")
            started.end("done")
            started.end("twice")

    assert parents(logs) == {"other": "outer", "s": "outer", "outer": None}
    assert logs[1].output == "done"


def test_a_recorded_log_is_a_child_of_what_is_current():
    """`record_log` takes the place that the call would have had."""
    with captured_logs() as logs:  # noqa: SIM117
        with log_prompt("a/outer") as outer:
            log_id = record_log("a/done", output="x")

    assert logs[0].log_id == log_id
    assert logs[0].trace_parent_id == outer.id


def test_a_log_without_a_path_has_one_that_servers_take():
    """Be it a block or a call that already happened; an id stands for a path."""
    with captured_logs() as logs:
        with log_prompt(inputs={}):
            pass
        record_log(output="x")
        record_log(id="pr_1", output="x")

    assert [log.path for log in logs] == ["log", "log", None]


def test_context_members_reach_every_log_inside():
    """Blocks add up, the inner one wins, the decorator wins, metadata is merged."""

    @log_prompt(path="a/f", environment="own", metadata={"decorator": 1})
    def decorated():
        return ""

    with captured_logs() as logs:
        with log_context(user="u", environment="ctx", metadata={"outer": 1, "x": 1}):
            with log_context(source="s", metadata={"x": 2}):
                decorated()
            leaf("after")
        leaf("outside")

    first, second, third = logs
    assert (first.user, first.source, first.environment) == ("u", "s", "own")
    assert first.metadata == {"outer": 1, "x": 2, "decorator": 1}
    assert (second.user, second.source, second.environment) == ("u", None, "ctx")
    assert (third.user, third.metadata) == (None, None)


def test_what_a_program_has_at_hand_is_taken_or_named():
    """A number becomes text, as of a database's key; what cannot be text is told."""
    members = {"user": 5, "batch_id": ["b"], "metadata": {"plan": "pro"}}
    with captured_logs() as logs, log_context(**members):
        leaf("inside")

    assert (logs[0].user, logs[0].batch_id) == ("5", None)
    assert logs[0].metadata == {"plan": "pro", "not_recorded": {"batch_id": "a list"}}


async def test_context_members_stay_in_their_task():
    """200 interleaved requests: no log has another request's user."""

    async def request(n):
        async with log_context(user=f"u{n}"):
            await async_leaf(f"leaf {n}")
            await async_leaf(f"leaf {n}")

    with captured_logs() as logs:
        await asyncio.gather(*(request(n) for n in range(200)))

    assert len(logs) == 400
    assert all(log.inputs["name"] == f"leaf {log.user[1:]}" for log in logs)


def test_outside_of_any_log_updates_are_forgotten():
    """No caller has to ask first whether something is being recorded."""
    log = current_log()

    log.update(user="nobody")
    log.record({"choices": []})
    log.record_request({"model": "x"})

    assert not log
    assert log.id is None
    assert log.trace_id is None
