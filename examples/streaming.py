"""Log streams: what was streamed is put together while you read it."""

from collections.abc import Iterator

import promptscribe
from promptscribe import log_prompt


def stream_chunks(text: str) -> Iterator[dict[str, object]]:
    """Stream as a provider's API does; put your client's call here."""
    for word in text.split():
        choice = {"index": 0, "delta": {"content": f"{word} "}, "finish_reason": None}
        yield {
            "object": "chat.completion.chunk",
            "model": "gpt-4o-mini",
            "choices": [choice],
        }


@log_prompt(path="streaming/words")
def words(text: str) -> Iterator[str]:
    """Yield pieces of text; the log ends when the last one was read."""
    yield from (f"{word} " for word in text.split())


@log_prompt(path="streaming/chunks")
def chunks(text: str) -> Iterator[dict[str, object]]:
    """Yield chunks of a provider, which become one response in the log."""
    yield from stream_chunks(text)


if __name__ == "__main__":
    print("".join(words("one two three")))
    print(sum(1 for _ in chunks("four five")), "chunks")
    with log_prompt("streaming/block") as log:  # where there is no function
        for _ in log.record(stream_chunks("six seven")):
            pass
    print(promptscribe.force_flush().delivered, "delivered")
