"""The shapes of responses, and which one a value has.

Its law: pure and total: any plain value is either read or not known, and none
raises. A shape more is a file more and a line in `SHAPES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from promptscribe._providers import (
    anthropic,
    bedrock,
    bedrock_body,
    cohere,
    embedding,
    gemini,
    gemini_interaction,
    langchain,
    mistral_agents,
    ollama,
    openai_chat,
    openai_images,
    openai_responses,
    plain,
    transcription,
)
from promptscribe._providers.model import provider_name
from promptscribe._providers.stream import ANSWERS
from promptscribe._providers.value import at, rows, table, tables

if TYPE_CHECKING:
    from promptscribe._providers.facts import ResponseFacts, Usage
    from promptscribe.schema import JSONObject, JSONValue


class Shape(Protocol):
    """One file of this room: a response's shape."""

    def detect(self, response: JSONValue, /) -> bool:
        """Say whether *response* is a whole response of this shape."""
        ...

    def is_chunk(self, chunk: JSONValue, /) -> bool:
        """Say whether *chunk* is a piece of a stream of this shape."""
        ...

    def interpret(self, response: JSONValue, /) -> ResponseFacts:
        """Read a whole response."""
        ...

    def join(self, chunks: list[JSONValue], /) -> JSONValue:
        """Join the pieces of a stream into a whole response."""
        ...


SHAPES: Final[tuple[Shape, ...]] = (
    openai_chat,
    openai_responses,
    langchain,  # before Gemini: it has a usage_metadata, too
    anthropic,
    bedrock,
    ollama,
    cohere,
    gemini,
    gemini_interaction,
    mistral_agents,
    embedding,
    openai_images,
    transcription,
    bedrock_body,
    plain,  # last: a message is what is left when nothing else is there
)
"""Tried in this order; the first that knows a value reads it."""

PACKAGES: Final = {
    "groq": "groq",
    "mistralai": "mistral",
    "cohere": "cohere",
    "ollama": "ollama",
    "together": "together",
    "cerebras": "cerebras",
    "perplexity": "perplexity",
    "xai_sdk": "x_ai",
}
"""SDKs that talk to one provider, by the package of their types. The SDKs of
OpenAI and Anthropic are no evidence: half of the other providers are called by
them (Azure, DeepSeek, vLLM; Bedrock, Vertex)."""

ENVELOPES: Final = (
    frozenset({"raw", "delta", "additional_kwargs"}),
    frozenset({"raw", "token_usage", "role"}),
)
"""What LlamaIndex's and smolagents' answers have: the provider's own is ``raw``."""

USAGES: Final = ("usage", *gemini.USAGE)
"""Where a response says what it used."""

LOOKED_AT: Final = 8
"""Chunks looked at to know a stream; the first may be empty of marks (Azure's)."""


def interpret(
    response: JSONValue, type_name: str | None = None
) -> ResponseFacts | None:
    """Say what a response means.

    Args:
        response: Plain data: a response object as its JSON, or the list of a
            stream's chunks.
        type_name: Module and name of the object's class
            (``openai.types.chat.chat_completion.ChatCompletion``), None for data
            that was plain from the start.

    Returns:
        The facts; None when no shape is known.
    """
    if not isinstance(response, (dict, list)):
        return None
    if type_name is None and type(response) is dict:
        facts = openai_chat.read_usual(response)
        if facts is not None:
            return facts  # as below, in a third of the time
    if isinstance(response, list) and not _holds_wholes(response):
        response = join(response)
    for inner in (_opened(response), openai_responses.carried(response)):
        if inner is not response and any(shape.detect(inner) for shape in SHAPES):
            response = inner
    for shape in SHAPES:
        if shape.detect(response):
            facts = shape.interpret(response)
            package = (type_name or "").partition(".")[0]
            facts.provider = PACKAGES.get(package) or provider_name(facts.provider)
            if facts.usage is not None and facts.shares is None:
                facts.shares = _shares(shape, table(response), facts.model)
            return facts
    return None


def _shares(
    shape: Shape, response: JSONObject, model: str | None
) -> list[tuple[str | None, Usage]] | None:
    """Split a sum of several answers' tokens: long prompts are dearer, many are not."""
    for name in USAGES:
        answers = rows(at(response, name, ANSWERS))
        if answers:
            told = (shape.interpret({"model": model, name: one}) for one in answers)
            used = [facts.usage for facts in told if facts.usage is not None]
            return [(model, one) for one in used] if len(used) == len(answers) else None
    return None


def _opened(answer: JSONValue) -> JSONValue:
    """Return the provider's own answer, or piece of one, out of a framework's."""
    raw = table(answer).get("raw")
    if isinstance(raw, dict) and any(names <= answer.keys() for names in ENVELOPES):
        return raw
    return answer


def _holds_wholes(items: list[JSONValue]) -> bool:
    """Say whether a list is answers, one beside the other, and no stream."""
    return any(shape.detect(item) for shape in SHAPES for item in items[:LOOKED_AT])


def join(chunks: list[JSONValue]) -> JSONValue:
    """Join the chunks of a stream into one response.

    Args:
        chunks: What the stream gave, in order, each as plain data.

    Returns:
        The response in its provider's full shape, so that `interpret` reads it;
        text where all chunks are text; the chunks where they are not known.
        A stream that was cut gives what there was, without a finish reason or
        tokens that nobody sent.
    """
    given = chunks
    chunks = bedrock_body.unpacked([_opened(chunk) for chunk in chunks])
    for shape in SHAPES:
        if any(shape.is_chunk(chunk) for chunk in chunks[:LOOKED_AT]):
            whole = shape.join(chunks)
            is_its_own = shape.is_chunk(chunks[0]) or _says_something(shape, whole)
            return whole if is_its_own else given
    if chunks and all(map(anthropic.detect, chunks)):
        return anthropic.add_up(tables(chunks))  # its tool runner gives them
    return given


def _says_something(shape: Shape, whole: JSONValue) -> bool:
    """Say whether there is an answer in a stream that began with something else.

    A program's own stream may have a provider's usage in one of its chunks; if it was
    taken for that one's, all that it said would be lost.
    """
    said = table(shape.interpret(whole).output_message)
    return any(value for name, value in said.items() if name != "role")
