"""OpenAI's chat completions and all that speak them, and legacy text completions.

Its law: pure. Sources: https://platform.openai.com/docs/api-reference/chat/object,
https://platform.openai.com/docs/api-reference/chat-streaming, and where other
servers differ, the place that says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._providers import openai_usual
from promptscribe._providers.anthropic import read_tier
from promptscribe._providers.dialogue import read_answer
from promptscribe._providers.facts import ResponseFacts, Usage
from promptscribe._providers.message import answered, failure
from promptscribe._providers.model import maker_of
from promptscribe._providers.openai_usage import is_gemini, read_usage
from promptscribe._providers.stream import fused, merge, sealed, total
from promptscribe._providers.value import (
    at,
    count,
    rows,
    table,
    tables,
    text,
    word,
)

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject, JSONValue

OBJECTS: Final = ("chat.completion", "text_completion")

BESIDE_TEXT: Final = frozenset({"finish_reason", "index", "logprobs"})
"""What an answer of the completions before chat has beside its text."""


def detect(response: JSONValue) -> bool:
    """Say whether *response* is a completion: ``choices`` with messages or texts."""
    choices = at(response, "choices")
    if not isinstance(choices, list):
        return choices is None and _has_only_failed(response)
    if word(response.get("object")) in OBJECTS:
        return True
    return any(_is_answer(choice) for choice in tables(choices))


def _has_only_failed(response: JSONValue) -> bool:
    # OpenRouter answers 200 then, and OpenAI's SDK makes a completion of it.
    is_completion = isinstance(response, dict) and "choices" in response
    return is_completion and isinstance(response.get("error"), dict)


def _is_answer(choice: JSONObject) -> bool:
    # A program's own data has choices as well: a quiz, a story's next steps.
    if isinstance(choice.get("message"), dict):
        return True
    return isinstance(choice.get("text"), str) and not BESIDE_TEXT.isdisjoint(choice)


def is_chunk(chunk: JSONValue) -> bool:
    """Say whether *chunk* is a piece of a completion's stream."""
    return _is_bare(_unwrapped(chunk))


def _is_bare(chunk: JSONValue) -> bool:
    choices = at(chunk, "choices")
    if not isinstance(choices, list):
        return False
    if word(chunk.get("object")) in ("chat.completion.chunk", "text_completion"):
        return True
    return any("delta" in choice for choice in tables(choices))


def _unwrapped(chunk: JSONValue) -> JSONValue:
    # openai's .stream() helper yields {type: "chunk", chunk, snapshot} events,
    # mistralai's streams yield {data: chunk}.
    is_event = word(at(chunk, "type")) == "chunk"
    inner = at(chunk, "chunk" if is_event else "data")
    return inner if isinstance(inner, dict) else chunk


def interpret(response: JSONValue) -> ResponseFacts:
    """Read a whole completion."""
    body = table(response)
    usual = read_usual(body)
    if usual is not None:
        return usual
    choices = tables(body.get("choices"))
    # LiteLLM passes on what Anthropic's usage says.
    tier = read_tier(table(body.get("usage"))) or word(body.get("service_tier"))
    failed = body.get("error") or (choices[0].get("error") if choices else None)
    return answered(
        [_message(choice) for choice in choices],
        finish_reason=word(choices[0].get("finish_reason")) if choices else None,
        usage=read_usage(body),
        model=word(body.get("model")),
        provider=_provider(body, choices),
        service_tier=tier,
        **failure(failed),
    )


def read_usual(body: JSONObject) -> ResponseFacts | None:
    """Read a completion with one answer that is text, and no mark of any provider.

    Nearly all are like that: this takes 1.3 µs, the rest of this file 4.
    """
    whole = openai_usual.read(body)
    if whole is None:
        return None
    (choice,), model = whole.choices, whole.model
    answer, counts = choice.message, whole.usage
    if counts.is_bare() and not is_gemini(model):
        usage: Usage | None = Usage(
            prompt_tokens=counts.prompt_tokens, output_tokens=counts.completion_tokens
        )
    else:
        usage = read_usage(body)
    return ResponseFacts(
        output=answer.content,
        output_message={"role": answer.role, "content": answer.content},
        finish_reason=choice.finish_reason or None,
        usage=usage,
        model=model,
        provider=maker_of(model),
        service_tier=whole.service_tier or None,
    )


def _message(choice: JSONObject) -> JSONObject:
    message = choice.get("message")
    if not isinstance(message, dict):  # Mistral's, where its tools were called as well
        message = next(reversed(tables(choice.get("messages"))), None)
    if isinstance(message, dict):
        return read_answer(message)
    return {"role": "assistant", "content": text(choice.get("text"))}


def _provider(body: JSONObject, choices: list[JSONObject]) -> str | None:
    usage = table(body.get("usage"))
    if body.get("x_groq") is not None or usage.get("queue_time") is not None:
        return "groq"  # https://console.groq.com/docs/api-reference
    if usage.get("prompt_cache_hit_tokens") is not None:
        return "deepseek"  # https://api-docs.deepseek.com/guides/kv_cache
    if body.get("prompt_filter_results") is not None or _is_filtered(choices):
        return "openai_azure"  # learn.microsoft.com/azure/ai-services/openai/reference
    model = word(body.get("model"))
    if model is not None and "/" in model and word(body.get("provider")):
        return "openrouter"  # https://openrouter.ai/docs/api-reference/overview
    return maker_of(model)


def _is_filtered(choices: list[JSONObject]) -> bool:
    for choice in choices:
        if "content_filter_results" in choice or "content_filter_offsets" in choice:
            return True
    return False


def join(chunks: list[JSONValue]) -> JSONValue:
    """Join the chunks of a stream into one completion."""
    whole: JSONObject = {}
    choices: dict[JSONValue, JSONObject] = {}
    used: list[JSONValue] = []
    for chunk in map(_unwrapped, chunks):
        if not isinstance(at(chunk, "choices"), list):
            continue
        if _is_next(chunk, whole, choices):
            used.append(whole.pop("usage", None))
            for choice in choices.values():
                _close(choice)
        for name, value in chunk.items():
            if name != "choices" and (value is not None or name not in whole):
                whole[name] = value
        for choice in tables(chunk["choices"]):
            index = count(choice.get("index")) or 0
            _merge_choice(choices.setdefault(index, {"index": index}), choice)
    if word(whole.get("object")) != "text_completion":
        whole["object"] = "chat.completion"
    whole["usage"] = total([*used, whole.get("usage")])
    whole["choices"] = [_sealed(choices[index]) for index in sorted(choices)]
    return whole


def _is_next(
    chunk: JSONObject, held: JSONObject, choices: dict[JSONValue, JSONObject]
) -> bool:
    """Say whether a chunk begins another completion.

    A generator may ask again, once the tools have answered. Some servers give every
    chunk an id of its own: what came so far must have ended, and this say something.
    """
    if not choices or word(chunk.get("id")) in (None, word(held.get("id"))):
        return False
    deltas = [table(choice.get("delta")) for choice in tables(chunk["choices"])]
    return any(any(delta.values()) for delta in deltas) and all(
        choice.get("finish_reason") for choice in choices.values()
    )


def _close(choice: JSONObject) -> None:
    """Let go of where calls stand: those of the next answer begin anew."""
    choice["finish_reason"] = None
    for call in tables(at(choice, "message", "tool_calls")):
        call.pop("index", None)


def _merge_choice(held: JSONObject, choice: JSONObject) -> None:
    delta = choice.get("delta")
    if isinstance(delta, dict):
        merge(held.setdefault("message", {}), delta)
    rest = {name: v for name, v in choice.items() if name not in ("delta", "index")}
    merge(held, rest)


def _sealed(choice: JSONObject) -> JSONObject:
    whole: JSONObject = sealed(choice)
    message = whole.get("message")
    if isinstance(message, dict):
        message["role"] = word(message.get("role")) or "assistant"
        if isinstance(message.get("content"), list):
            message["content"] = fused(message["content"])
        for call in tables(rows(message.get("tool_calls"))):
            call.pop("index", None)
    return whole
