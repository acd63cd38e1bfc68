"""POST /import/otel/v1/traces: what the hosted service's decorators send."""

import json

import pytest

from promptscribe.receiver.span import tuple_items


def span(**changes):
    attributes = {
        "humanloop.file.type": "prompt",
        "humanloop.file.path": "deco/p",
        **changes.pop("attributes", {}),
    }
    return {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "name": "x",
        "kind": 3,
        "startTimeUnixNano": 1_795_396_979_817_703_000,
        "endTimeUnixNano": 1_795_396_979_821_058_400,
        "attributes": [
            {"key": key, "value": {"stringValue": value}}
            for key, value in attributes.items()
        ],
        **changes,
    }


def upload(*spans):
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def test_recorded_decorators_make_a_whole_trace(client, wire):
    """A flow, the provider's call in it and a tool, as a real SDK posted them."""
    requests = wire("decorator_flow_prompt_tool")["requests"]
    flow, *spans = requests
    flow_id = client.post(flow["path"], json=flow["json"]).json()["id"]

    answers = [
        client.post(
            each["path"],
            content=json.dumps(each["json"]).replace("log_xJyT4PJSbnUfxPsB", flow_id),
            headers=each["headers"],
        )
        for each in spans
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[2].json() == {"records": [flow_id]}
    trace = client.get(f"/logs/{flow_id}").json()
    assert trace["output"] == "echo: nested6.0"
    assert trace["log_status"] == "complete"
    assert trace["inputs"] == {"q": "nested"}
    assert trace["flow"]["attributes"] == {"v": 2}
    prompt, tool = trace["trace_children"]
    assert prompt["id"] == answers[0].json()["records"][0]
    assert prompt["prompt"]["model"] == "gpt-4o-mini"
    assert prompt["prompt"]["max_tokens"] == 50
    assert (prompt["prompt_tokens"], prompt["output_tokens"]) == (11, 5)
    assert prompt["messages"][1] == {"role": "user", "content": "nested"}
    assert prompt["output"] == "echo: nested"
    assert prompt["finish_reason"] == "stop"
    assert prompt["start_time"] == "2026-11-23T01:22:59.817703Z"
    assert tool["inputs"] == {"a": "3", "b": "2.0"}
    assert tool["output"] == "6.0"
    function = tool["tool"]["function"]
    assert function["strict"] is True
    assert function["parameters"]["required"] == ["a", "b"]
    assert function["parameters"]["additionalProperties"] is False


def test_a_span_that_comes_twice_is_one_log(client):
    """The log's id follows from the span's ids, hexadecimal or base64."""
    other = span(traceId="CvdlGRbNQ92ESOshHIAxnA==", spanId="t61rcWkgMzE=")

    answers = [
        client.post("/v5/import/otel/v1/traces", json=upload(each)).json()
        for each in (span(), span(), other)
    ]

    log_id = "log_0af7651916cd43dd8448eb211c80319cb7ad6b7169203331"
    assert answers == [{"records": [log_id]}] * 3
    assert client.get("/logs").json()["total"] == 1


def test_the_old_instrumentation_is_read_as_well(client):
    """Messages one attribute at a time, and tokens by their old names."""
    old = span(
        attributes={
            "gen_ai.system": "OpenAI",
            "gen_ai.request.model": "gpt-4",
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "be kind",
            "gen_ai.prompt.1.content": "hi",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "hello",
            "gen_ai.usage.prompt_tokens": "7",
            "gen_ai.usage.completion_tokens": "2",
            "humanloop.log.messages.0.role": "user",
            "humanloop.log.messages.0.content": "rewritten",
            "error.type": "TimeoutError",
        }
    )

    answer = client.post("/import/otel/v1/traces", json=upload(old))

    record = client.get(f"/logs/{answer.json()['records'][0]}").json()
    assert record["prompt"]["provider"] == "openai"
    assert record["output_message"] == {"role": "assistant", "content": "hello"}
    assert record["messages"] == [{"role": "user", "content": "rewritten"}]
    assert record["error"] == "TimeoutError"
    assert (record["prompt_tokens"], record["output_tokens"]) == (7, 2)


def test_a_call_is_read_as_in_any_other_span(client):
    """Though every value went through ``str()``: numbers, tuples, messages."""
    said = [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {
            "role": "user",
            "parts": [{"type": "tool_call_response", "id": "c", "response": [1]}],
        },
    ]
    told = [
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "Ho"},
                {"type": "tool_call", "id": "d", "name": "f", "arguments": {"a": 1}},
            ],
        }
    ]
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "OpenAI",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.temperature": "0.3",
        "gen_ai.request.max_tokens": "5.0",
        "gen_ai.request.top_p": "inf",
        "gen_ai.request.stop_sequences": "('a', 'b')",
        "gen_ai.response.finish_reasons": "('stop',)",
        "gen_ai.usage.input_tokens": "1000",
        "gen_ai.usage.output_tokens": "x",
        "gen_ai.input.messages": json.dumps(said),
        "gen_ai.output.messages": json.dumps(told),
        "humanloop.log.source": "mine",
    }

    answer = client.post(
        "/import/otel/v1/traces", json=upload(span(attributes=attributes))
    )

    log = client.get(f"/logs/{answer.json()['records'][0]}").json()
    prompt = log["prompt"]
    assert (prompt["model"], prompt["provider"]) == ("gpt-4o-mini", "openai")
    assert (prompt["temperature"], prompt["max_tokens"]) == (0.3, 5)
    assert prompt["top_p"] == 1  # the default: what was said is no number
    assert prompt["stop"] == ["a", "b"]
    assert (log["finish_reason"], log["source"]) == ("stop", "mine")
    assert (log["prompt_tokens"], log.get("output_tokens")) == (1000, None)
    assert [m["role"] for m in log["messages"]] == ["system", "tool"]
    assert (log["messages"][1]["tool_call_id"], log["messages"][1]["content"]) == (
        "c",
        "[1]",
    )
    assert log["output"] == "Ho"
    assert log["output_message"]["tool_calls"] == [
        {
            "id": "d",
            "type": "function",
            "function": {"name": "f", "arguments": '{"a":1}'},
        }
    ]
    assert "otel" not in (log.get("metadata") or {})


def test_what_is_no_message_is_left_out(client):
    """A broken attribute costs its member and nothing else."""
    attributes = {
        "gen_ai.request.model": "m",
        "gen_ai.input.messages": "{",
        "gen_ai.response.finish_reasons": "[]",
        "gen_ai.usage.input_tokens": "(broken",
        "humanloop.log.output": "yes",
    }

    answer = client.post(
        "/import/otel/v1/traces", json=upload(span(attributes=attributes))
    )

    log = client.get(f"/logs/{answer.json()['records'][0]}").json()
    assert log["output"] == "yes"
    assert log["prompt"]["model"] == "m"
    assert log.get("messages") is None


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("('stop',)", ["stop"]),
        ("(1, 2.5)", [1, 2.5]),
        ("()", []),
        ("(broken", "(broken"),
        ("(print(1),)", "(print(1),)"),
        ("([1],)", "([1],)"),
    ],
)
def test_tuples_went_through_str(text, items):
    """Only plain values are taken back, nothing is run."""
    assert tuple_items(text) == items


def test_a_form_type_passes_with_a_key(client):
    """Node's SDK names a media type that is wrong; its own header vouches for it."""
    headers = {"content-type": "application/x-www-form-urlencoded", "x-api-key": "k"}

    answer = client.post(
        "/import/otel/v1/traces", content=json.dumps(upload(span())), headers=headers
    )

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 200),
        ([], 200),
        ({"resourceSpans": [{"scopeSpans": [{"spans": [1, {}]}]}]}, 200),
        (upload(span(attributes={"humanloop.file.type": "dream"})), 200),
        (upload(span(attributes={"humanloop.file.path": "../x"})), 422),
        (upload(span(startTimeUnixNano="soon", traceId=1)), 200),
        (upload(span(attributes={"humanloop.log.output.x.y": "z"})), 422),
        (upload(span(attributes={"gen_ai.input.messages": "[[[["})), 200),
        (upload(span(attributes={"gen_ai.usage.input_tokens": "nan"})), 200),
    ],
)
def test_any_upload_is_answered(client, body, status):
    """Whatever is in it, there is an answer, and it is no 500."""
    answer = client.post("/import/otel/v1/traces", json=body)

    assert answer.status_code == status, answer.text
