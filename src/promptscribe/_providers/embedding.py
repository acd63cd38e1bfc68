"""Embeddings, of every provider: vectors, and what the texts behind them counted.

Its law: pure. An embedding is no answer: there is no output, and its tokens are those
of the request. Sources: https://platform.openai.com/docs/api-reference/embeddings,
https://docs.cohere.com/reference/embed, https://docs.ollama.com/api/embed,
https://docs.voyageai.com/reference/embeddings-api, and google-genai 3.6.1,
google/genai/types.py (``EmbedContentResponse``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._providers import cohere, gemini, ollama, openai_usage
from promptscribe._providers.facts import Usage
from promptscribe._providers.message import answered
from promptscribe._providers.model import maker_of
from promptscribe._providers.value import (
    add,
    at,
    count,
    first,
    table,
    tables,
    word,
)

if TYPE_CHECKING:
    from promptscribe._providers.facts import ResponseFacts
    from promptscribe.schema import JSONObject, JSONValue

LOOKED_AT: Final = 4
"""Vectors looked at: there may be thousands, each like the first."""

_GEMINI: Final = frozenset(
    {"usageMetadata", "usage_metadata", "metadata", "sdk_http_response"}
)
"""What stands beside Gemini's vectors: a program's own lack all of it."""


def detect(response: JSONValue) -> bool:
    """Say whether *response* is vectors and what they counted."""
    return isinstance(response, dict) and _kind(response) is not None


def _kind(body: JSONObject) -> str | None:
    if isinstance(body.get("data"), list):
        vectors = tables(body["data"][:LOOKED_AT])
        is_told = (
            isinstance(body.get("usage"), dict) or word(body.get("object")) == "list"
        )
        has_vectors = any("embedding" in vector for vector in vectors)
        return "openai" if is_told and has_vectors else None
    held = first(body, "embeddings", "embedding")
    if not isinstance(held, dict | list):
        return None
    kind = word(body.get("response_type")) or ""
    if kind.startswith("embeddings") or at(body, "meta", "billed_units"):
        return "cohere"
    if "prompt_eval_count" in body or "total_duration" in body:
        return "ollama"
    vectors = tables(held[:LOOKED_AT] if isinstance(held, list) else [held])
    is_told = not _GEMINI.isdisjoint(body) or any("statistics" in v for v in vectors)
    return "google" if is_told and any("values" in v for v in vectors) else None


def is_chunk(chunk: JSONValue) -> bool:
    """Say that *chunk* is no piece of a stream: vectors come whole."""
    del chunk
    return False


def interpret(response: JSONValue) -> ResponseFacts:
    """Read the counts; the vectors stay in the response."""
    body = table(response)
    kind = _kind(body)
    model = word(body.get("model"))
    return answered(
        [],
        usage=read_usage(body),
        model=model,
        provider=maker_of(model) if kind == "openai" else kind,
        has_answer=False,
    )


def read_usage(body: JSONObject) -> Usage | None:
    """Read the tokens of the texts; a count of 0 for the answer is left out."""
    kind = _kind(body)
    if kind == "openai":
        usage = openai_usage.read_usage(body)
        if usage is not None and usage.prompt_tokens is None:  # Voyage has a total only
            usage.prompt_tokens = count(at(body, "usage", "total_tokens"))
    elif kind == "cohere":
        usage = cohere.read_usage(body)
        if usage is not None:
            images = at(body, "meta", "billed_units", "image_tokens")
            usage.input_image_tokens = count(images)
    elif kind == "ollama":
        usage = ollama.read_usage(body)
    else:
        usage = gemini.read_usage(body) or _read_statistics(body)
    if usage is not None:
        usage.output_tokens = usage.output_tokens or None
    return usage


def _read_statistics(body: JSONObject) -> Usage | None:
    """Add what Vertex counted of each text, if it did of all."""
    held = first(body, "embeddings", "embedding")
    vectors = held if isinstance(held, list) else [held]
    counts = [count(at(v, "statistics", "token_count")) for v in vectors]
    return None if None in counts else Usage(prompt_tokens=add(*counts))


def join(chunks: list[JSONValue]) -> JSONValue:
    """Give the chunks back: there is no stream of vectors."""
    return chunks
