"""Single attributes of each dialect, and spans that nobody should have made."""

from __future__ import annotations

import json
import sys

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptscribe._dialects import emission, translation, usage
from promptscribe._dialects.span import Event, Span
from promptscribe.schema import PromptLog

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}


def read(span):
    return translation.read_call(span)


@pytest.mark.parametrize(
    ("attributes", "is_call"),
    [
        ({"gen_ai.operation.name": "chat"}, True),
        ({"gen_ai.operation.name": "generate_content"}, True),
        ({"gen_ai.operation.name": "text_completion"}, True),
        ({"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m"}, False),
        ({"gen_ai.operation.name": "execute_tool"}, False),
        ({"gen_ai.operation.name": "embeddings"}, False),
        ({"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 1}, True),
        ({"gen_ai.request.model": "m"}, False),
        ({"openinference.span.kind": "LLM"}, True),
        ({"openinference.span.kind": "AGENT", **CHAT}, False),
        ({"llm.request.type": "completion"}, True),
        ({"llm.request.type": "rerank"}, False),
        ({"traceloop.span.kind": "workflow"}, False),
        ({"langfuse.observation.type": "generation"}, True),
        ({"langfuse.observation.type": "span"}, False),
        ({"ai.operationId": "ai.streamObject.doStream"}, True),
        ({"ai.operationId": "ai.generateText", **CHAT}, False),
        ({"http.request.method": "POST"}, False),
        ({}, False),
        ({"gen_ai.operation.name": 3, "openinference.span.kind": []}, False),
    ],
)
def test_only_the_calls_of_models_are_logs(make_span, attributes, is_call):
    """Agents, tools, workflows and plain HTTP are not: they repeat their children."""
    assert translation.is_call(make_span(attributes)) is is_call


@pytest.mark.parametrize(
    ("attributes", "member", "value"),
    [
        ({"gen_ai.prompt.name": "support/answer"}, "path", "support/answer"),
        ({"gen_ai.prompt.variable.q": "why?"}, "inputs", {"q": "why?"}),
        ({"gen_ai.response.finish_reasons": '["stop"]'}, "finish_reason", "stop"),
        ({"gen_ai.response.finish_reasons": ["length"]}, "finish_reason", "length"),
        ({"enduser.id": "u"}, "user", "u"),
        (
            {
                "openinference.span.kind": "LLM",
                "llm.prompt_template.variables": '{"q": 1}',
            },
            "inputs",
            {"q": 1},
        ),
        (
            {"openinference.span.kind": "LLM", "llm.cost.prompt": 0.5},
            "prompt_cost",
            0.5,
        ),
        ({"traceloop.prompt.key": "a/b"}, "path", "a/b"),
        ({"traceloop.association.properties.user_id": "u"}, "user", "u"),
        (
            {
                "langfuse.observation.type": "generation",
                "langfuse.observation.output": '"yes"',
            },
            "output",
            "yes",
        ),
        (
            {
                "langfuse.observation.type": "generation",
                "langfuse.observation.cost_details": '{"input": 0.1, "output": 0.2}',
            },
            "output_cost",
            0.2,
        ),
        (
            {
                "ai.operationId": "ai.generateText.doGenerate",
                "ai.prompt.toolChoice": '{"type": "tool", "toolName": "f"}',
            },
            "tool_choice",
            {"type": "function", "function": {"name": "f"}},
        ),
    ],
)
def test_a_member_is_read_from_its_attribute(make_span, attributes, member, value):
    """One line of a dialect's table, as its documentation has it."""
    assert read(make_span({**CHAT, **attributes}))[member] == value


def test_an_event_that_no_dialect_reads_is_kept_as_it_came(make_span):
    """What somebody thinks of the answer; no key, and nothing of each chunk."""
    span = make_span(CHAT)
    said = {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": 0.9}
    span.events = [
        Event(name="llm.content.completion.chunk"),
        Event(name="gen_ai.evaluation.result", attributes={**said, "api_key": "k"}),
        Event(name="exception", attributes={"exception.message": "no"}),
    ]

    told = read(span)["metadata"]["otel"]
    assert told["events"] == [{"name": "gen_ai.evaluation.result", "attributes": said}]
    kept = translation.withhold(read(span))["metadata"]["otel"]
    assert "events" not in kept


def test_a_version_of_somebody_s_is_no_version_of_the_server_s(make_span):
    """``gen_ai.prompt.version`` goes to the metadata, and back out from there."""
    log = read(make_span({**CHAT, "gen_ai.prompt.version": "v3"}))
    assert log["metadata"]["prompt_version"] == "v3"
    assert "version_id" not in log

    told = emission.attributes_of(PromptLog(metadata=log["metadata"]), content=False)
    assert told["gen_ai.prompt.version"] == "v3"
    known = PromptLog(version_id="prv_1", metadata=log["metadata"])
    told = emission.attributes_of(known, content=False)
    assert told["gen_ai.prompt.version"] == "prv_1"


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("shop", "shop/chat"),
        ("team/shop", "team/shop/chat"),
        ("/home/ada/shop.py", "shop/chat"),
        ("/", "otel/chat"),
        ("unknown_service:python", "otel/chat"),
        (None, "otel/chat"),
    ],
)
def test_a_path_is_the_service_s_and_no_place_on_disk(make_span, service, path):
    """Traceloop calls a service by its program's place, if nobody names it."""
    assert read(make_span(CHAT, resource={"service.name": service}))["path"] == path


@pytest.mark.parametrize(
    "wrap",
    [
        lambda m: m,
        json.dumps,
        lambda m: tuple(m) and list(m),
        lambda m: [json.dumps(item) for item in m],
    ],
    ids=["structured", "text", "tuple", "texts"],
)
def test_messages_are_read_in_whatever_form_they_come(make_span, wrap):
    """Structured values, JSON text, and lists of JSON texts are all in use."""
    said = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]

    log = read(make_span({**CHAT, "gen_ai.input.messages": wrap(said)}))

    assert log["messages"] == [{"role": "user", "content": "Hi"}]


def test_every_part_of_a_message_has_its_place(make_span):
    """Images, reasoning, tool calls and their results become the contract's."""
    parts = [
        {"type": "text", "content": "look"},
        {"type": "uri", "modality": "image", "uri": "https://x/y.png"},
        {
            "type": "blob",
            "modality": "image",
            "mime_type": "image/png",
            "content": "AA",
        },
        {"type": "tool_call_response", "id": "c1", "response": {"t": 1}},
    ]
    said = [
        {"role": "user", "parts": parts},
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "hm"},
                {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}},
            ],
        },
    ]

    messages = read(make_span({**CHAT, "gen_ai.input.messages": said}))["messages"]

    result, user, assistant = messages
    assert (result["role"], result["tool_call_id"]) == ("tool", "c1")
    assert result["content"] == '{"t":1}'
    assert [part["type"] for part in user["content"]] == [
        "text",
        "image_url",
        "image_url",
    ]
    assert user["content"][2]["image_url"]["url"] == "data:image/png;base64,AA"
    assert assistant["thinking"][0]["thinking"] == "hm"
    assert assistant["tool_calls"][0]["function"]["arguments"] == '{"a":1}'


def test_content_that_came_in_events_is_read(make_span):
    """The one event of today, and the many of 2024."""
    details = Event(
        name="gen_ai.client.inference.operation.details",
        attributes={"gen_ai.input.messages": [{"role": "user", "parts": []}]},
    )
    old = [
        Event(name="gen_ai.user.message", attributes={"content": "Hi"}),
        Event(
            name="gen_ai.choice",
            attributes={"finish_reason": "stop", "message": '{"content": "Ho"}'},
        ),
    ]

    assert read(make_span(CHAT, events=[details]))["messages"][0]["role"] == "user"
    log = read(make_span(CHAT, events=old))
    assert log["messages"] == [{"role": "user", "content": "Hi"}]
    assert (log["output"], log["finish_reason"]) == ("Ho", "stop")


@pytest.mark.parametrize(
    ("usage", "whole"),
    [
        ({"input_tokens": 100, "cache_read.input_tokens": 60}, 100),
        ({"input_tokens": 10, "cache_read.input_tokens": 60}, 70),
        (
            {
                "input_tokens": 10,
                "cache_read.input_tokens": 60,
                "cache_creation.input_tokens": 5,
            },
            75,
        ),
        ({"prompt_tokens": "12"}, 12),
        ({"input_tokens": 0}, 0),
    ],
)
def test_cached_tokens_are_part_of_the_prompt_s(make_span, usage, whole):
    """Some emitters count them beside it, as Anthropic does: they are added."""
    attributes = {f"gen_ai.usage.{name}": value for name, value in usage.items()}

    log = read(make_span({**CHAT, **attributes}))

    assert log[translation.USAGE]["prompt_tokens"] == whole


def test_what_nobody_understood_is_kept(make_span):
    """Unknown attributes and cut JSON are in the metadata, as they came."""
    cut = '[{"role": "user", "par'
    log = read(make_span({**CHAT, "x.y": 1, "gen_ai.input.messages": cut}))

    kept = log["metadata"]["otel"]["attributes"]
    assert kept == {"x.y": 1, "gen_ai.input.messages": cut}
    assert "messages" not in log


def test_no_header_and_no_key_is_kept(make_span):
    """What instrumentations copy from requests may hold credentials."""
    log = read(
        make_span(
            {**CHAT, "llm.headers": "Bearer x", "http.request.header.cookie": "y"}
            | {"ai.request.headers.authorization": "z", "my.api_key": "k"}
        )
    )

    assert "attributes" not in log["metadata"]["otel"]


def test_a_limit_that_cut_attributes_out_is_told(make_span):
    """A gap in the indexes, or the SDK's own count, marks the log as incomplete."""
    gap = {
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.2.message.role": "user",
    }

    assert read(make_span(gap))["metadata"]["truncated"] is True
    assert read(make_span(CHAT, dropped=3))["metadata"]["truncated"] is True


def test_a_limit_that_cut_a_text_is_told(make_span):
    """JSON cut in half says nothing any more: it stays as it is, and is marked."""
    cut = '[{"role":"user","parts":[{"type":"text","con'

    metadata = read(make_span({**CHAT, "gen_ai.input.messages": cut}))["metadata"]

    assert metadata["truncated"] is True
    assert metadata["otel"]["attributes"]["gen_ai.input.messages"] == cut


def test_reasoning_tokens_are_read_where_pydantic_ai_puts_them(make_span):
    """Among the details of the usage, in releases of 2026."""
    details = {"gen_ai.usage.details.reasoning_tokens": 2}

    log = read(make_span({**CHAT, **details}))

    assert log[usage.USAGE] == {"reasoning_tokens": 2}
    assert "attributes" not in log["metadata"]["otel"]


def test_twice_as_many_attributes_are_twice_the_work(make_span):
    """Flattened messages by the thousand are read in one go."""

    def lines_run(number):
        attributes = {"openinference.span.kind": "LLM"}
        for index in range(number):
            attributes[f"llm.input_messages.{index}.message.role"] = "user"
            attributes[f"llm.input_messages.{index}.message.content"] = "x"
        span = make_span(attributes)
        lines = 0

        def count(_frame, event, _argument):
            nonlocal lines
            lines += event == "line"
            return count

        before = sys.gettrace()
        sys.settrace(count)
        try:
            log = read(span)
        finally:
            sys.settrace(before)
        assert len(log["messages"]) == number
        return lines

    assert lines_run(800) < 3 * lines_run(400)  # with squares of them it would be 4


NAMES = sorted(
    {name for d in translation.DIALECTS for _, _, names in d.ROWS for name in names}
    | {"gen_ai.operation.name", "openinference.span.kind", "ai.operationId"}
    | {"langfuse.observation.type", "logfire.span_type", "llm.request.type"}
    | {"gen_ai.input.messages", "gen_ai.output.messages", "request_data", "ai.prompt"}
    | {"gen_ai.prompt.0.role", "gen_ai.prompt.0", "gen_ai.completion.1.content"}
    | {"llm.input_messages.0.message.contents.0.message_content.image.image.url"}
    | {"llm.output_messages.0.message.tool_calls.0.tool_call", "input.value"}
    | {"input.mime_type", "langfuse.observation.input", "ai.response.toolCalls"}
)
WORDS = st.sampled_from(
    ["chat", "LLM", "generation", "ai.generateText.doGenerate", "application/json"]
) | st.sampled_from(["{", "[]", "[[]]", "nan", '{"role":1}', "\ud800", "1e999"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "parts", "type", "tool_calls", "message"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
ATTRIBUTES = st.dictionaries(st.sampled_from(NAMES) | st.text(), JSON, max_size=12)
EVENTS = st.builds(
    Event,
    name=st.sampled_from(
        ["exception", "gen_ai.choice", "gen_ai.tool.message", "gen_ai.content.prompt"]
    ),
    attributes=ATTRIBUTES,
)


@settings(max_examples=300, deadline=None)
@given(
    attributes=ATTRIBUTES,
    events=st.lists(EVENTS, max_size=2),
    status=st.sampled_from(["UNSET", "OK", "ERROR"]),
    began=st.integers(0, 2**63),
)
def test_no_span_is_too_odd_to_be_read(attributes, events, status, began):
    """Whatever attributes hold, reading them gives a log and no exception."""
    span = Span(
        trace_id="0" * 32,
        span_id="zz",
        attributes=attributes,
        events=events,
        status=status,
        began=began,
    )

    translation.is_call(span)
    log = read(span)

    assert log["path"]
    assert translation.withhold(log)["path"]
    assert msgspec.to_builtins(log["metadata"]["otel"]["span_id"]) == "zz"


def test_a_cost_in_all_is_kept_where_nobody_can_split_it(make_span):
    """Its model has no known price; the span says the sum."""
    said = {**CHAT, "gen_ai.request.model": "nobody's", "gen_ai.usage.cost": 0.5}
    call = read(make_span({**said, "gen_ai.usage.input_tokens": 3}))

    members = usage.settle(call)

    assert members["metadata"]["total_cost"] == 0.5
    assert "prompt_cost" not in members
