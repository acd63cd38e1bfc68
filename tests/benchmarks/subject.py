"""One subject of the benchmark in a process of its own: times calls, prints JSON.

Run by ``overhead.py``: ``subject.py VARIANT SCENARIO PORT``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

MESSAGES = [{"role": "user", "content": "x" * 500} for _ in range(4)]
LONG_MESSAGES = [{"role": "user", "content": "x" * 16_000} for _ in range(4)]
RESPONSE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o-mini",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "y" * 800},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 500, "completion_tokens": 200, "total_tokens": 700},
}


def answer(question, messages):
    return RESPONSE


async def answer_async(question, messages):
    return RESPONSE


def undecorated(function, _port):
    return function


def wrapt_empty(function, _port):
    import wrapt

    return wrapt.FunctionWrapper(function, lambda w, _i, args, kw: w(*args, **kw))


def promptscribe(function, port):
    import promptscribe

    promptscribe.configure(
        base_url=f"http://127.0.0.1:{port}", journal_dir=tempfile.mkdtemp()
    )
    return promptscribe.log_prompt(
        path="bench/answer", prompt={"model": "gpt-4o-mini"}
    )(function)


def otel(function, _port):
    """The raw SDK with content captured by hand; its exporter drops at once."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import (
        BatchSpanProcessor,
        SpanExporter,
        SpanExportResult,
    )

    class Drop(SpanExporter):
        def export(self, spans):
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Drop()))
    start = provider.get_tracer("bench").start_as_current_span

    def describe(span, question, messages):
        span.set_attribute("gen_ai.operation.name", "chat")
        span.set_attribute("gen_ai.request.model", "gpt-4o-mini")
        span.set_attribute("gen_ai.prompt.variable.question", question)
        span.set_attribute("gen_ai.input.messages", json.dumps(messages))

    def record(span, response):
        usage = response["usage"]
        span.set_attribute("gen_ai.output.messages", json.dumps(response["choices"]))
        span.set_attribute("gen_ai.usage.input_tokens", usage["prompt_tokens"])
        span.set_attribute("gen_ai.usage.output_tokens", usage["completion_tokens"])
        return response

    if asyncio.iscoroutinefunction(function):

        async def traced_async(question, messages):
            with start("chat gpt-4o-mini") as span:
                describe(span, question, messages)
                return record(span, await function(question, messages))

        return traced_async

    def traced(question, messages):
        with start("chat gpt-4o-mini") as span:
            describe(span, question, messages)
            return record(span, function(question, messages))

    return traced


def burst(decorate, port, *, messages=MESSAGES, calls=4_000):
    return timed(decorate(answer, port), messages, calls)


def long_messages(decorate, port):
    return burst(decorate, port, messages=LONG_MESSAGES, calls=1_000)


def timed(function, messages, calls):
    clock, times = time.perf_counter_ns, []
    for _ in range(calls):
        before = clock()
        function("why?", messages)
        times.append(clock() - before)
    return times


def burst_async(decorate, port):
    function = decorate(answer_async, port)

    async def run():
        clock, times = time.perf_counter_ns, []
        for _ in range(4_000):
            before = clock()
            await function("why?", MESSAGES)
            times.append(clock() - before)
        return times

    return asyncio.run(run())


def paced(decorate, port):
    function = decorate(answer, port)
    clock, times = time.perf_counter_ns, []
    for _ in range(400):
        time.sleep(0.005)  # the pace is what is measured: caches are cold
        before = clock()
        function("why?", MESSAGES)
        times.append(clock() - before)
    return times


def nested(decorate, port):
    inner = decorate(answer, port)

    def call_inner(question, messages):
        return inner(question, messages)

    middle = decorate(call_inner, port)

    def call_middle(question, messages):
        return middle(question, messages)

    return timed(decorate(call_middle, port), MESSAGES, 2_000)


def beside_busy_thread(decorate, port):
    function = decorate(answer, port)
    stop = threading.Event()

    def spin():
        n = 0
        while not stop.is_set():
            n += 1

    spinner = threading.Thread(target=spin, daemon=True)
    spinner.start()
    try:
        return timed(function, MESSAGES, 10_000)
    finally:
        stop.set()
        spinner.join()


def threads(decorate, port):
    function = decorate(answer, port)
    with ThreadPoolExecutor(8) as pool:
        parts = pool.map(lambda _: timed(function, MESSAGES, 1_000), range(8))
        return [t for part in parts for t in part]


VARIANTS = {
    "undecorated": undecorated,
    "wrapt": wrapt_empty,
    "promptscribe": promptscribe,
    "otel": otel,
}
SCENARIOS = {
    "burst": burst,
    "async burst": burst_async,
    "nested x3": nested,
    "64 KB": long_messages,
    "8 threads": threads,
    "busy thread": beside_busy_thread,
    "paced 200/s": paced,
}


if __name__ == "__main__":
    variant, scenario, port = sys.argv[1:]
    times = sorted(SCENARIOS[scenario](VARIANTS[variant], int(port)))
    percentile = {p: times[int(len(times) * p / 100)] / 1e3 for p in (50, 99)}
    print(json.dumps(percentile), flush=True)
    import os

    os._exit(0)  # the exit is not what is measured
