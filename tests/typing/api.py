"""The public API as type checkers must see it; never run, only checked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, assert_type

import promptscribe
from promptscribe import (
    FlushResult,
    PromptLog,
    Recording,
    current_log,
    extract,
    inject,
    log_context,
    log_prompt,
    propagate,
    record_log,
    start_log,
)
from promptscribe.testing import captured_logs


@log_prompt
def bare(question: str, style: str = "short") -> int:
    return len(question + style)


@log_prompt(path="a/b", prompt={"model": "m"}, metadata={"a": 1}, user="u")
def called(question: str, *, style: str = "short") -> int:
    return len(question + style)


@log_prompt("a/b", save=False)
async def coroutine(question: str) -> int:
    return len(question)


def prompt_for(question: str) -> dict[str, Any]:
    return {"model": question}


@log_prompt(
    prompt=prompt_for,
    include=["question"],
    exclude={"style"},
    capture="metadata",
    redact=str.upper,
    sample_rate=0.5,
    output_transform=len,
)
def controlled(question: str) -> str:
    return question


@log_prompt
def generator(count: int) -> Iterator[str]:
    yield str(count)


@log_prompt
async def async_generator(count: int) -> AsyncIterator[str]:
    yield str(count)


class Bot:
    @log_prompt
    def method(self, question: str) -> int:
        return len(question)

    @log_prompt(path="x")
    async def async_method(self, question: str) -> int:
        return len(question)

    @classmethod
    @log_prompt
    def make(cls, name: str) -> Bot:
        return cls()

    @staticmethod
    @log_prompt
    def static(question: str) -> int:
        return len(question)


assert_type(bare("a"), int)
assert_type(called("a", style="b"), int)
assert_type(controlled("a"), str)
assert_type(generator(1), Iterator[str])
assert_type(async_generator(1), AsyncIterator[str])
assert_type(Bot().method("a"), int)
assert_type(Bot.make("a"), Bot)
assert_type(Bot.static("a"), int)
assert_type(log_prompt(len)([1]), int)


async def asynchronous() -> None:
    assert_type(await coroutine("a"), int)
    assert_type(await Bot().async_method("a"), int)
    async with log_prompt("a/b") as log:
        assert_type(log, Recording)
    async with log_context(user="u"):
        pass
    async with extract({"traceparent": ""}):
        pass
    assert_type(await propagate(coroutine)("a"), int)


def blocks(response: dict[str, Any], environ: dict[str, object]) -> None:
    with log_prompt("a/b", inputs={"q": 1}) as log:
        assert_type(log, Recording)
        assert_type(log.record(response), dict[str, Any])
        assert_type(log.id, str | None)
        assert_type(log.populate(a=1), list[dict[str, Any]])
        log.update(output="x", prompt_tokens=3)
        log.record_request({"model": "m"})
    with log_context(user="u", metadata={"a": 1}):
        assert_type(current_log(), Recording)
    headers: dict[str, str] = {}
    inject(headers)
    pairs: list[tuple[str, bytes]] = []
    inject(pairs)
    with extract(pairs), extract(environ):
        pass
    with extract(headers):
        assert_type(propagate(bare)("a", style="b"), int)
    started = start_log("a/b", messages=[{"role": "user"}])
    started.end("done")
    started.end(error=ValueError("no"))
    assert_type(record_log("a/b", output="x"), str)
    with captured_logs() as logs:
        assert_type(logs, list[PromptLog])


promptscribe.configure(base_url="https://a.example", api_key="k", export=True)
assert_type(promptscribe.force_flush(1.0), FlushResult)
assert_type(promptscribe.shutdown(timeout=1), FlushResult)
checked: Callable[[str], Coroutine[Any, Any, int]] = coroutine
