"""What a streamed chunk costs, against nothing and against keeping it, no more.

``python tests/benchmarks/stream.py [ROUNDS]``. All subjects take turns in one process;
what is printed is the fastest of the rounds, per chunk, and what is left of it when
the loop that only appends and yields is taken away. The log's end, where texts are
joined, is timed apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
import tempfile
import time

import promptscribe

CHUNKS = 20_000
TEXT = "token "
DELTA = {"choices": [{"index": 0, "delta": {"content": TEXT}, "finish_reason": None}]}


def produce(chunks):
    for _ in range(chunks):
        yield TEXT


async def produce_later(chunks):
    for _ in range(chunks):
        yield TEXT


def produce_deltas(chunks):
    """Give what may change, so that it has to be encoded when it comes."""
    for _ in range(chunks):
        yield DELTA


def produce_models(chunks):
    """Give what the OpenAI client does; nothing without it."""
    try:
        from openai.types.chat import ChatCompletionChunk
    except ImportError:
        return
    named = {"id": "1", "created": 1, "model": "m", "object": "chat.completion.chunk"}
    model = ChatCompletionChunk(**named, **DELTA)
    for _ in range(chunks):
        yield model


def keeping(function):
    """Append and yield: the least that a recorded stream can cost."""

    @functools.wraps(function)
    def keep(chunks):
        kept = []
        for chunk in function(chunks):
            kept.append(chunk)
            yield chunk

    return keep


def keeping_later(function):
    @functools.wraps(function)
    async def keep(chunks):
        kept = []
        async for chunk in function(chunks):
            kept.append(chunk)
            yield chunk

    return keep


def read(make):
    """Time a stream from its second chunk to its last."""
    stream = make(CHUNKS)
    next(stream)
    before = time.perf_counter_ns()
    for _ in range(CHUNKS - 2):
        next(stream)
    after = time.perf_counter_ns()
    for _ in stream:
        pass
    return (after - before) / (CHUNKS - 2), time.perf_counter_ns() - after


def iterate(make):
    """Time a whole ``for`` loop, begin and end of the log included."""
    before = time.perf_counter_ns()
    for _ in make(CHUNKS):
        pass
    return (time.perf_counter_ns() - before) / CHUNKS, 0


def read_later(make):
    async def run():
        stream = make(CHUNKS)
        await anext(stream)
        before = time.perf_counter_ns()
        for _ in range(CHUNKS - 2):
            await anext(stream)
        after = time.perf_counter_ns()
        async for _ in stream:
            pass
        return (after - before) / (CHUNKS - 2), time.perf_counter_ns() - after

    return asyncio.run(run())


def iterate_later(make):
    async def run():
        before = time.perf_counter_ns()
        async for _ in make(CHUNKS):
            pass
        return (time.perf_counter_ns() - before) / CHUNKS, 0

    return asyncio.run(run())


class Stream:
    """As an SDK's: what iterating over it gives is another object."""

    __module__ = "openai._streaming"

    def __init__(self, chunks):
        self._iterator = produce(chunks)

    def __iter__(self):
        yield from self._iterator


class AsyncStream:
    __module__ = "openai._streaming"

    def __init__(self, chunks):
        self._iterator = produce_later(chunks)

    async def __aiter__(self):
        async for chunk in self._iterator:
            yield chunk


def make_stream(chunks):
    return Stream(chunks)


def make_stream_later(chunks):
    return AsyncStream(chunks)


def main(rounds: int) -> None:
    """Print the table."""
    promptscribe.configure(export=False, journal_dir=tempfile.mkdtemp())
    decorated = promptscribe.log_prompt(path="bench/stream")
    plain = (produce, keeping(produce), decorated(produce))
    later = (produce_later, keeping_later(produce_later), decorated(produce_later))
    table = {
        "for": (iterate, plain),
        "next": (read, plain),
        "async for": (iterate_later, later),
        "anext": (read_later, later),
        "for, in a log": (within(iterate), plain),
        "async for, in a log": (within(iterate_later), later),
        "for, deltas": (
            iterate,
            (produce_deltas, keeping(produce_deltas), decorated(produce_deltas)),
        ),
        "for, SDK's models": (
            iterate,
            (produce_models, keeping(produce_models), decorated(produce_models)),
        ),
        "for, SDK's stream": (
            iterate,
            (make_stream, keeping(make_stream), decorated(make_stream)),
        ),
        "async, SDK's stream": (
            iterate_later,
            (
                make_stream_later,
                keeping_later(make_stream_later),
                decorated(make_stream_later),
            ),
        ),
    }
    print("a chunk, ns        nothing  append+yield  promptscribe   added   end, µs")
    for name, (use, makes) in table.items():
        best = [(float("inf"), float("inf"))] * 3
        for _ in range(rounds):
            for place, make in enumerate(makes):
                best[place] = min(best[place], use(make))
        nothing, kept, ours = (chunk for chunk, _ in best)
        print(
            f"{name:<19}{nothing:>7.0f}{kept:>14.0f}{ours:>14.0f}{ours - kept:>8.0f}"
            f"{(best[2][1] - best[1][1]) / 1e3:>10.0f}"
        )


def within(use):
    """Do it inside of a log, where the context has one."""

    def run(make):
        with contextlib.ExitStack() as stack:
            stack.enter_context(promptscribe.log_prompt("bench/outer"))
            return use(make)

    return run


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
