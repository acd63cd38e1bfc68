"""What a request to a provider says: messages, prompt details, tool choice.

Its law: pure and total, and no secret passes: members are taken by name, and of
the rest only single values that are neither credentials nor addresses.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from promptscribe._providers.dialogue import read_messages
from promptscribe._providers.facts import RequestFacts
from promptscribe._providers.model import is_anyones, maker_of, split_provider
from promptscribe._providers.tool import read_tool_choice, read_tools
from promptscribe._providers.value import (
    at,
    count,
    first,
    is_scalar,
    kept,
    number,
    strings,
    table,
    word,
)

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject, JSONValue

NESTED: Final = (
    "config",  # google-genai
    "generationConfig",  # Gemini's REST
    "generation_config",  # google-generativeai
    "inferenceConfig",  # Bedrock Converse
    "options",  # Ollama
)
"""Members that hold the sampling parameters one level down."""

NAMES: Final = {
    "temperature": ("temperature",),
    "top_p": ("top_p", "topP", "p"),
    "presence_penalty": ("presence_penalty", "presencePenalty"),
    "frequency_penalty": ("frequency_penalty", "frequencyPenalty"),
}
"""The contract's numbers and the names that providers give them."""

LIMITS: Final = (
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "maxTokens",
    "maxOutputTokens",
    "max_tokens_to_sample",
    "num_predict",
)
STOPS: Final = ("stop", "stop_sequences", "stopSequences")
SEEDS: Final = ("seed", "random_seed")
SYSTEMS: Final = (
    "system",
    "instructions",
    "preamble",
    "systemInstruction",
    "system_instruction",
)
GEMINI_SCHEMAS: Final = (
    "response_json_schema",
    "responseJsonSchema",
    "response_schema",
    "responseSchema",
)
USERS: Final = ("safety_identifier", "user")

READ: Final = frozenset(
    {"model", "modelId", "model_id", "messages", "contents", "input", "prompt"}
    | {"message", "chat_history", "thinking", "tools", "toolConfig", "tool_config"}
    | {"tool_choice", "functions", "function_call", "response_format", "format", "text"}
    | {"reasoning", "reasoning_effort", "engine", "seed", "random_seed"}
    | {"thinking_level"}
    | {*LIMITS, *STOPS, *SEEDS, *USERS, *SYSTEMS, *NESTED}
    | {name for names in NAMES.values() for name in names}
)
"""Members that have a place of their own."""

DROPPED: Final = re.compile(
    r"api_?key|secret|passw|auth|credential|cookie|bearer|headers?$|_token$|^token$"
    r"|timeout|client|retries|base_url|api_base|endpoint|^url$|proxy|proxies"
    r"|organization|extra_|metadata|^stream|^store$|session|conversation|cache_key|idempoten"
    r"|previous_|background|callbacks?$|request_id|trace|^user|_id$|^id$",
    re.IGNORECASE,
)
"""Members that are never copied: credentials, addresses, and what belongs to this
one call and would make a new version of the prompt each time."""


def read_request(request: JSONObject) -> RequestFacts:
    """Say what a request means.

    Args:
        request: Keyword arguments of an SDK's call, or the JSON body of a request:
            OpenAI (chat, responses, completions), Anthropic, Gemini, Bedrock
            Converse, Cohere, Ollama.

    Returns:
        Messages, prompt details and tool choice; what is not there is None.
    """
    body = table(request)
    settings = _settings(body)
    prompt = kept(
        model=word(first(body, "model", "modelId", "model_id", "engine")),
        provider=_provider(body),
        **_sampling(settings),
        response_format=_response_format(body, settings),
        reasoning_effort=_effort(body, settings),
        tools=read_tools(body, settings) or None,
        other=_other(settings) or None,
    )
    if prompt:
        prompt["endpoint"] = "complete" if _is_completion(body) else "chat"
    return RequestFacts(
        messages=_messages(body, settings) or None,
        prompt=prompt or None,
        tool_choice=read_tool_choice(body, settings),
    )


def _settings(body: JSONObject) -> JSONObject:
    """Lay the nested sampling parameters beside those on top."""
    settings = {str(name): value for name, value in body.items()}
    for name in NESTED:
        nested = table(body.get(name))
        settings |= {str(key): value for key, value in nested.items()}
    return settings


def _provider(body: JSONObject) -> str | None:
    model = word(first(body, "model", "modelId", "model_id")) or ""
    if "modelId" in body or "inferenceConfig" in body:
        return "bedrock"
    if "contents" in body:
        return "google"
    return None if is_anyones(model) else split_provider(model)[0] or maker_of(model)


def _is_completion(body: JSONObject) -> bool:
    chat = ("messages", "contents", "input", "message", "modelId")
    return "prompt" in body and not any(name in body for name in chat)


def _sampling(settings: JSONObject) -> JSONObject:
    stop = first(settings, *STOPS)
    if isinstance(stop, list):
        stop = strings(stop)
    limit = number(first(settings, *LIMITS))
    seed = number(first(settings, *SEEDS))
    return {
        "max_tokens": None if limit is None else int(limit),
        "stop": (stop or None) if isinstance(stop, str | list) else None,
        "seed": None if seed is None else int(seed),
    } | {name: number(first(settings, *names)) for name, names in NAMES.items()}


def _response_format(body: JSONObject, settings: JSONObject) -> JSONObject | None:
    # OpenAI's responses: text.format; Ollama: format; Gemini: response_mime_type.
    asked = first(body, "response_format", "format") or at(body, "text", "format")
    if word(asked) == "json":
        return {"type": "json_object"}
    kind = word(at(asked, "type"))
    schema = first(asked, "json_schema", "schema")
    if kind == "json_schema" or (kind == "json_object" and isinstance(schema, dict)):
        flat = schema is None or "schema" not in table(asked)
        members = {name: v for name, v in table(asked).items() if name != "type"}
        return {"type": "json_schema", "json_schema": schema if flat else members}
    if kind == "json_object":
        return {"type": "json_object"}
    if isinstance(asked, dict) and ("properties" in asked or kind == "object"):
        return {"type": "json_schema", "json_schema": {"schema": asked}}
    mime_type = first(settings, "response_mime_type", "responseMimeType")
    if word(mime_type) == "application/json":
        gemini = first(settings, *GEMINI_SCHEMAS)
        if isinstance(gemini, dict):
            return {"type": "json_schema", "json_schema": {"schema": gemini}}
        return {"type": "json_object"}
    return None


def _effort(body: JSONObject, settings: JSONObject) -> str | int | None:
    """Give the effort (OpenAI, Gemini) or the budget in tokens (Anthropic, Gemini)."""
    said = word(body.get("reasoning_effort")) or word(at(body, "reasoning", "effort"))
    if said is not None:
        return said
    thinking = table(
        first(settings, "thinking", "thinking_config", "thinkingConfig", "reasoning")
    )
    names = ("budget_tokens", "thinking_budget", "thinkingBudget", "token_budget")
    budget = count(first(thinking, *names, "max_tokens"))
    if budget is not None:
        return budget
    level = word(first(thinking, "thinking_level", "thinkingLevel"))
    level = level or word(settings.get("thinking_level"))  # Gemini's interactions
    return level or word(at(body, "output_config", "effort"))


def _other(settings: JSONObject) -> JSONObject:
    return {
        name: value
        for name, value in settings.items()
        if name not in READ and is_scalar(value) and not DROPPED.search(name)
    }


def _messages(body: JSONObject, settings: JSONObject) -> list[JSONObject]:
    messages = [
        message | {"role": "system"}
        for message in read_messages(_system(first(settings, *SYSTEMS)))
    ]
    messages += read_messages(body.get("chat_history"))  # Cohere's first API
    said = first(body, "messages", "contents", "input", "message", "prompt")
    if isinstance(said, list) and first(body, "contents") is said:
        said = _gemini_turns(said)
    return messages + read_messages(said)


def _system(value: JSONValue) -> JSONValue:
    """Give a system prompt as one message: text, parts, or Gemini's content."""
    if not value:
        return None  # langchain-aws sends an empty list for none
    if isinstance(value, list) or (isinstance(value, dict) and "text" in value):
        return {"role": "system", "content": value}
    return value


def _gemini_turns(contents: list[JSONValue]) -> JSONValue:
    """Make one turn of the user from parts that stand without one."""
    if any(isinstance(item, dict) and "parts" in item for item in contents):
        return contents
    return {"role": "user", "parts": contents}
