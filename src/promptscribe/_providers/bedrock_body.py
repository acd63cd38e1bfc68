"""Bodies of Bedrock's InvokeModel that are nobody else's: Titan's and Llama's.

Its law: pure. Those of Claude, Nova and others are read by the shapes that these have
elsewhere. Source:
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

import msgspec

from promptscribe._providers.facts import Usage
from promptscribe._providers.message import answered
from promptscribe._providers.value import (
    at,
    base64_text,
    count,
    first,
    table,
    tables,
    word,
)

if TYPE_CHECKING:
    from promptscribe._providers.facts import ResponseFacts
    from promptscribe.schema import JSONObject, JSONValue

TEXTS: Final = {"outputText": "inputTextTokenCount", "generation": "prompt_token_count"}
"""What holds the text, and the count that stands beside it."""
ANSWERS: Final = ("tokenCount", "totalOutputTextTokenCount", "generation_token_count")
REASONS: Final = ("completionReason", "stop_reason")


def detect(response: JSONValue) -> bool:
    """Say whether *response* is such a body, whole or an event of its stream."""
    body = _flat(response)
    return any(
        isinstance(body.get(name), str) and prompt in body
        for name, prompt in TEXTS.items()
    )


def _flat(response: JSONValue) -> JSONObject:
    """Titan's whole body has its one answer in a list; all others are flat."""
    body = table(response)
    results = tables(body.get("results"))
    return body | results[0] if results else body


is_chunk = detect


def interpret(response: JSONValue) -> ResponseFacts:
    """Read a body; it does not name its model."""
    body = _flat(response)
    prompt = count(first(body, *TEXTS.values()))
    output = count(first(body, *ANSWERS))
    return answered(
        [{"role": "assistant", "content": first(body, *TEXTS)}],
        finish_reason=word(first(body, *REASONS)),
        usage=Usage(prompt_tokens=prompt, output_tokens=output),
        provider="bedrock",
    )


def join(chunks: list[JSONValue]) -> JSONValue:
    """Join the events of a stream."""
    whole: JSONObject = {}
    pieces: list[str] = []
    for event in filter(is_chunk, chunks):
        said = next(name for name in TEXTS if name in event)
        pieces.append(event[said])
        whole |= {name: value for name, value in event.items() if value is not None}
        whole[said] = ""
    return whole | {name: "".join(pieces) for name in TEXTS if name in whole}


def unpacked(chunks: list[JSONValue]) -> list[JSONValue]:
    """Give the events of InvokeModelWithResponseStream, each in a ``chunk`` as JSON."""
    if not chunks or at(chunks[0], "chunk", "bytes") is None:
        return chunks
    return list(map(_unpacked, chunks))


def _unpacked(chunk: JSONValue) -> JSONValue:
    packed = base64_text(at(chunk, "chunk", "bytes"))
    try:
        return msgspec.json.decode(base64.b64decode(packed or ""))
    except (ValueError, RecursionError):
        return chunk
