"""Tools offered in a request, and the choice among them, in the contract's form.

Its law: pure and total; a tool that the provider runs itself keeps its name only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._providers.value import (
    at,
    first,
    flag,
    kept,
    rows,
    table,
    tables,
    text,
    word,
)

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject, JSONValue

CHOICES: Final = {
    "auto": "auto",
    "none": "none",
    "required": "required",
    "any": "required",
    "validated": "auto",
}
"""The choice in one word: OpenAI, Anthropic, Gemini's modes, Mistral, Cohere."""

SCHEMAS: Final = (
    "parameters",
    "input_schema",
    "inputSchema",
    "parameters_json_schema",
    "parametersJsonSchema",
    "parameter_definitions",
)
"""Where the JSON Schema of a tool's arguments stands; in turn: OpenAI, Anthropic,
Bedrock, Gemini in Python and REST, Cohere's first API."""


def read_tools(body: JSONObject, settings: JSONObject) -> list[JSONObject]:
    """Read the tools of a request as the contract's ToolFunctions."""
    offered = rows(first(settings, "tools")) or rows(at(body, "toolConfig", "tools"))
    offered = offered or rows(body.get("functions"))
    tools: list[JSONObject] = []
    for tool in tables(offered):
        declared = first(tool, "functionDeclarations", "function_declarations")
        for one in tables(declared) if isinstance(declared, list) else [tool]:
            read = _tool(one)
            if read is not None:
                tools.append(read)
    return tools


def _tool(tool: JSONObject) -> JSONObject | None:
    inner = first(tool, "function", "toolSpec", "custom")
    spec = inner if isinstance(inner, dict) else tool
    name = word(spec.get("name")) or word(tool.get("type"))
    if name is None:  # Gemini: {"googleSearch": {}}
        name = next((word(key) for key, value in tool.items() if value == {}), None)
    if name is None:
        return None
    schema = first(spec, *SCHEMAS)
    if "inputSchema" in spec:
        schema = table(schema).get("json", schema)
    return {
        "name": name,
        "description": text(spec.get("description")) or "",
        **kept(
            strict=flag(spec.get("strict")),
            parameters=schema if isinstance(schema, dict) else None,
        ),
    }


def read_tool_choice(body: JSONObject, settings: JSONObject) -> str | JSONObject | None:
    """Read the tool choice: one of three words, or the one function to call."""
    named = first(body, "tool_choice", "function_call") or at(
        body, "toolConfig", "toolChoice"
    )
    if named is not None:
        return _choice(named)
    config = first(settings, "toolConfig", "tool_config")
    calling = table(first(config, "functionCallingConfig", "function_calling_config"))
    allowed = rows(first(calling, "allowedFunctionNames", "allowed_function_names"))
    if len(allowed) == 1 and isinstance(allowed[0], str):
        return _function(allowed[0])
    return _word(calling.get("mode"))


def _choice(named: JSONValue) -> str | JSONObject | None:
    if isinstance(named, str):
        return _word(named)
    name = word(at(named, "function", "name")) or word(at(named, "name"))
    name = name or word(at(named, "tool", "name"))  # Bedrock
    if name is not None:
        return _function(name)
    kind = _word(at(named, "type"))
    return kind or next(
        (CHOICES[key] for key in ("auto", "any") if key in table(named)), None
    )


def _word(value: JSONValue) -> str | None:
    return CHOICES.get(value.lower()) if isinstance(value, str) else None


def _function(name: str) -> JSONObject:
    return {"type": "function", "function": {"name": name}}
