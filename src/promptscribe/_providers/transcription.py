"""Transcriptions: what was said in a sound, by OpenAI and all that speak its API.

Its law: pure; seconds are no tokens. Sources:
https://platform.openai.com/docs/api-reference/audio,
https://console.groq.com/docs/speech-to-text, and mistralai 3.7.0,
mistralai/client/models/transcriptionresponse.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._providers.facts import Usage
from promptscribe._providers.message import answered
from promptscribe._providers.model import maker_of
from promptscribe._providers.value import (
    at,
    count,
    event_data,
    first,
    number,
    table,
    tables,
    text,
    word,
)

if TYPE_CHECKING:
    from promptscribe._providers.facts import ResponseFacts
    from promptscribe.schema import JSONObject, JSONValue

DELTA: Final = ("transcript.text.delta", "transcription.text.delta")
SEGMENT: Final = ("transcript.text.segment", "transcription.segment")
DONE: Final = ("transcript.text.done", "transcription.done")
EVENTS: Final = frozenset({*DELTA, *SEGMENT, *DONE, "transcription.language"})
"""OpenAI's, and Mistral's."""

_SIGNS: Final = (
    {"usage", "languages"},  # OpenAI's, as its SDK has it
    {"text", "logprobs", "usage"},
    {"duration", "language"},  # verbose
    {"language", "segments"},  # Mistral's
    {"task", "segments"},  # with speakers
    {"x_groq"},
)
"""Members, if only as nothing, that a program's own text does not have beside it."""


def detect(response: JSONValue) -> bool:
    """Say whether *response* is a text and how it was heard."""
    if text(at(response, "text")) is None:
        return False
    usage = table(response.get("usage"))
    if (
        word(usage.get("type")) in ("tokens", "duration")
        or "prompt_audio_seconds" in usage
    ):
        return True
    return any(signs <= response.keys() for signs in _SIGNS)


def is_chunk(chunk: JSONValue) -> bool:
    """Say whether *chunk* is an event of a transcription's stream."""
    kind = at(event_data(chunk), "type")
    return isinstance(kind, str) and kind in EVENTS


def interpret(response: JSONValue) -> ResponseFacts:
    """Read the text, with the counts where there are some."""
    body = table(response)
    model = word(body.get("model"))  # OpenAI does not repeat it
    return answered(
        [{"role": "assistant", "content": text(body.get("text"))}],
        usage=read_usage(body),
        model=model,
        provider=maker_of(model) or ("groq" if "x_groq" in body else None),
    )


def read_usage(body: JSONObject) -> Usage | None:
    """Read the usage: tokens, or the seconds that are charged."""
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return None
    return Usage(
        prompt_tokens=count(first(usage, "input_tokens", "prompt_tokens")),
        output_tokens=count(first(usage, "output_tokens", "completion_tokens")),
        input_audio_tokens=count(at(usage, "input_token_details", "audio_tokens")),
        input_audio_seconds=number(first(usage, "seconds", "prompt_audio_seconds")),
    )


def join(chunks: list[JSONValue]) -> JSONValue:
    """Give the whole text: the last event carries it; a cut stream is put together."""
    pieces: list[str] = []
    segments: list[JSONValue] = []
    for event in map(event_data, chunks):
        kind = word(at(event, "type"))
        if kind in DONE:
            return {name: value for name, value in event.items() if name != "type"}
        if kind in DELTA:
            pieces.append(text(first(event, "delta", "text")) or "")
        elif kind in SEGMENT:
            segments.append(event)
    whole: JSONObject = {"text": "".join(pieces), "languages": None, "usage": None}
    if segments:
        said = (text(segment.get("text")) or "" for segment in tables(segments))
        whole |= {"text": whole["text"] or "".join(said), "segments": segments}
    return whole
