"""Requests of every provider, as the messages and prompt details they mean."""

import pytest

from promptscribe._providers.request import read_request

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
SAFE = {"model": "gpt-4o", "provider": "openai", "endpoint": "chat"}


def tool(**more):
    """Build a tool of the contract's form."""
    return {"name": "weather", "description": "Look up"} | more


@pytest.mark.parametrize(
    "name",
    [
        *("api_key", "openai_api_key", "aws_secret_access_key", "aws_session_token"),
        *("authorization", "headers", "extra_headers", "default_headers", "password"),
        *("access_token", "credentials", "cookies", "http_client", "client", "timeout"),
        *(
            "base_url",
            "api_base",
            "azure_endpoint",
            "proxy",
            "extra_body",
            "organization",
        ),
    ],
)
def test_no_secret_and_no_address_is_copied(name):
    """Credentials and addresses never reach a prompt's details, whatever they hold."""
    facts = read_request({"model": "gpt-4o", name: "s3cr3t", "n": 2})

    assert facts.prompt == SAFE | {"other": {"n": 2}}
    assert "s3cr3t" not in str(facts)


@pytest.mark.parametrize(
    "name",
    [
        *("stream", "stream_options", "store", "metadata", "session_id", "user_id"),
        *("previous_response_id", "conversation", "prompt_cache_key", "background"),
    ],
)
def test_what_belongs_to_one_call_makes_no_new_version(name):
    """A prompt's version does not change with the caller or the transport."""
    assert read_request({"model": "gpt-4o", name: "x"}).prompt == SAFE


def test_parameters_take_the_contracts_names():
    """One name for each parameter, whoever was asked."""
    expected = {"max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "stop": ["END"]}
    asked = [
        {"max_completion_tokens": 9, "temperature": 0.5, "top_p": 0.9, "stop": ["END"]},
        {"max_output_tokens": 9, "temperature": 0.5, "top_p": 0.9, "stop": ["END"]},
        {"max_tokens": 9, "temperature": 0.5, "p": 0.9, "stop_sequences": ["END"]},
        {
            "options": {
                "num_predict": 9,
                "temperature": 0.5,
                "top_p": 0.9,
                "stop": ["END"],
            }
        },
        {
            "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9}
            | {"stopSequences": ["END"]}
        },
        {
            "generationConfig": {"maxOutputTokens": 9, "temperature": 0.5, "topP": 0.9}
            | {"stopSequences": ["END"]}
        },
        {
            "config": {"max_output_tokens": 9, "temperature": 0.5, "top_p": 0.9}
            | {"stop_sequences": ["END"]}
        },
    ]

    for request in asked:
        prompt = read_request({"model": "m"} | request).prompt
        assert expected.items() <= prompt.items()
        assert "other" not in prompt


def test_penalties_and_seeds_are_read():
    """The rest of the contract's parameters is taken as it is."""
    asked = {"presence_penalty": 0.1, "frequency_penalty": 0.2, "random_seed": 7}

    prompt = read_request({"model": "m"} | asked).prompt

    assert prompt["presence_penalty"] == 0.1
    assert prompt["frequency_penalty"] == 0.2
    assert prompt["seed"] == 7


@pytest.mark.parametrize(
    ("asked", "effort"),
    [
        ({"reasoning_effort": "high"}, "high"),
        ({"reasoning": {"effort": "low"}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, 1024),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "max"),
        ({"config": {"thinking_config": {"thinking_budget": 0}}}, 0),
        ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}}, "LOW"),
        ({"reasoning": {"max_tokens": 2000}}, 2000),
    ],
)
def test_the_effort_of_reasoning_has_one_name(asked, effort):
    """A level where the provider has levels, a budget of tokens where it has that."""
    assert read_request({"model": "m"} | asked).prompt["reasoning_effort"] == effort


JSON_SCHEMA = {"name": "w", "schema": SCHEMA, "strict": True}


@pytest.mark.parametrize(
    ("asked", "schema"),
    [
        ({"response_format": {"type": "json_object"}}, None),
        (
            {"response_format": {"type": "json_schema", "json_schema": JSON_SCHEMA}},
            JSON_SCHEMA,
        ),
        ({"text": {"format": {"type": "json_schema"} | JSON_SCHEMA}}, JSON_SCHEMA),
        ({"format": "json"}, None),
        ({"format": SCHEMA}, {"schema": SCHEMA}),
        ({"response_format": {"type": "json_object", "schema": SCHEMA}}, SCHEMA),
        ({"config": {"response_mime_type": "application/json"}}, None),
        (
            {
                "generationConfig": {"responseMimeType": "application/json"}
                | {"responseSchema": SCHEMA}
            },
            {"schema": SCHEMA},
        ),
    ],
)
def test_the_form_of_the_answer_has_one_name(asked, schema):
    """JSON, with or without a schema, is asked for in six ways and logged in one."""
    form = read_request({"model": "m"} | asked).prompt["response_format"]

    assert form["type"] == ("json_schema" if schema else "json_object")
    if schema is SCHEMA:
        assert form["json_schema"]["schema"] == SCHEMA
    else:
        assert form.get("json_schema") == schema


def test_plain_text_is_no_form():
    """The default is not written down."""
    asked = {"model": "m", "response_format": {"type": "text"}}

    assert "response_format" not in read_request(asked).prompt


@pytest.mark.parametrize(
    "tools",
    [
        {"tools": [{"type": "function", "function": tool(parameters=SCHEMA)}]},
        {"tools": [{"type": "function"} | tool(parameters=SCHEMA)]},
        {"functions": [tool(parameters=SCHEMA)]},
        {"tools": [tool(input_schema=SCHEMA)]},
        {"toolConfig": {"tools": [{"toolSpec": tool(inputSchema={"json": SCHEMA})}]}},
        {"tools": [{"functionDeclarations": [tool(parameters=SCHEMA)]}]},
        {
            "config": {
                "tools": [
                    {"function_declarations": [tool(parameters_json_schema=SCHEMA)]}
                ]
            }
        },
        {"tools": [tool(parameter_definitions=SCHEMA)]},
    ],
)
def test_a_tool_has_one_form(tools):
    """Eight ways to declare a function become the contract's one."""
    read = read_request({"model": "m"} | tools).prompt["tools"]

    assert read == [tool(parameters=SCHEMA)]


def test_a_tool_of_the_provider_keeps_its_name():
    """What the provider runs itself has no schema, and maybe no name but its type."""
    tools = [
        {"type": "web_search_20250305", "name": "web_search"},
        {"type": "web_search"},
        {"googleSearch": {}},
        {"type": "function", "function": {"name": "f", "strict": True}},
        {"x": 1},
    ]

    read = read_request({"model": "m", "tools": tools}).prompt["tools"]

    names = [one["name"] for one in read]
    assert names == ["web_search", "web_search", "googleSearch", "f"]
    assert read[3]["strict"] is True


ONE = {"type": "function", "function": {"name": "weather"}}


@pytest.mark.parametrize(
    ("asked", "choice"),
    [
        ({"tool_choice": "auto"}, "auto"),
        ({"tool_choice": "any"}, "required"),
        ({"tool_choice": "REQUIRED"}, "required"),
        ({"tool_choice": ONE}, ONE),
        ({"tool_choice": {"type": "function", "name": "weather"}}, ONE),
        ({"function_call": {"name": "weather"}}, ONE),
        ({"tool_choice": {"type": "any"}}, "required"),
        ({"tool_choice": {"type": "tool", "name": "weather"}}, ONE),
        ({"toolConfig": {"toolChoice": {"any": {}}}}, "required"),
        ({"toolConfig": {"toolChoice": {"tool": {"name": "weather"}}}}, ONE),
        ({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "required"),
        (
            {
                "config": {
                    "tool_config": {
                        "function_calling_config": {
                            "mode": "ANY",
                            "allowed_function_names": ["weather"],
                        }
                    }
                }
            },
            ONE,
        ),
        ({"tool_choice": 7}, None),
        ({"tool_choice": {"type": "odd"}}, None),
        ({}, None),
    ],
)
def test_the_choice_of_a_tool_has_one_form(asked, choice):
    """None, auto, required or the one function, whatever the provider calls it."""
    assert read_request({"model": "m"} | asked).tool_choice == choice


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"model": "azure/gpt-4o"}, "openai_azure"),
        ({"model": "gpt-4o"}, "openai"),
        ({"modelId": "x"}, "bedrock"),
        ({"contents": "hi", "model": "tuned"}, "google"),
        ({"model": "llama"}, None),
    ],
)
def test_the_provider_is_named_where_it_is_known(request_, named):
    """By the model's prefix, by the shape, or by the model's maker."""
    assert read_request(request_).prompt.get("provider") == named


def test_a_request_without_anything_means_nothing():
    """An empty call has no messages, no details, no choice."""
    facts = read_request({})

    assert (facts.messages, facts.prompt, facts.tool_choice) == (None, None, None)


def test_the_end_user_makes_no_version():
    """A user's id is not the prompt's."""
    for asked in ({"user": "u1"}, {"metadata": {"user_id": "u1"}}):
        assert read_request({"model": "gpt-4o"} | asked).prompt == SAFE


def test_a_completion_is_no_chat():
    """A bare prompt goes to the endpoint for completions."""
    facts = read_request({"model": "m", "prompt": "Say it"})

    assert facts.prompt["endpoint"] == "complete"
    assert facts.messages == [{"role": "user", "content": "Say it"}]
