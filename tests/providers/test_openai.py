"""What is special in chat completions, and in those who speak them."""

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from promptscribe._providers.registry import interpret, join
from promptscribe._providers.stream import merge, sealed


def completion(usage=None, model="m", message=None, **more):
    """Build a chat completion."""
    message = {"role": "assistant", "content": "hi"} | (message or {})
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    made = {"object": "chat.completion", "model": model, "choices": [choice]}
    return made | {"usage": usage} | more


def tokens(prompt, output, total=None, **more):
    """Build a usage of OpenAI's form."""
    made = {"prompt_tokens": prompt, "completion_tokens": output}
    return made | ({"total_tokens": total} if total else {}) | more


def reasoned(count):
    """Build the details that say how many tokens were reasoning."""
    return {"completion_tokens_details": {"reasoning_tokens": count}}


@pytest.mark.parametrize(
    ("usage", "output", "reasoning"),
    [
        (tokens(10, 30, 40, **reasoned(20)), 30, 20),  # OpenAI: inside
        (tokens(10, 30, 60, **reasoned(20)), 50, 20),  # xAI: beside, the total tells
        (tokens(33, 7163, 7196, reasoning_tokens=73284), 80447, 73284),  # Perplexity
        (tokens(10, 30), 30, None),
        (tokens(10, 30, 40, **reasoned(0)), 30, 0),
    ],
)
def test_reasoning_is_counted_once(usage, output, reasoning):
    """Reasoning is a part of the output's tokens, wherever the server counts it."""
    read = interpret(completion(usage)).usage

    assert (read.output_tokens, read.reasoning_tokens) == (output, reasoning)


def test_perplexitys_reasoning_is_beside_the_completion_however_little_it_is():
    """Its total leaves it out: it tells nothing."""
    usage = tokens(33, 7163, 7196, reasoning_tokens=3000)

    read = interpret(completion(usage, "sonar-deep-research")).usage

    assert (read.output_tokens, read.reasoning_tokens) == (10163, 3000)


@pytest.mark.parametrize(
    ("usage", "output", "reasoning"),
    [
        (tokens(20, 198, 623), 603, 405),
        (tokens(20, 198, 218), 198, None),
        (tokens(20, 198), 198, None),
        (tokens(21, 0, 81, **reasoned(60)), 60, 60),
    ],
)
def test_geminis_thoughts_are_found_in_the_total(usage, output, reasoning):
    """By OpenAI's API, Gemini's thoughts stand in the total and nowhere else."""
    read = interpret(completion(usage, "gemini-2.5-flash")).usage

    assert (read.output_tokens, read.reasoning_tokens) == (output, reasoning)


def test_without_a_total_the_maker_tells_where_reasoning_is_counted():
    """A Grok model counts it beside, any other inside."""
    usage = tokens(10, 30, **reasoned(20))

    assert interpret(completion(usage, "grok-4")).usage.output_tokens == 50
    assert interpret(completion(usage, "gpt-5")).usage.output_tokens == 30


@pytest.mark.parametrize(
    ("usage", "read", "write"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 4}}, 4, None),
        ({"prompt_tokens_details": {"cached_tokens": 0}, "cached_tokens": 9}, 0, None),
        ({"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6}, 4, None),
        ({"cached_tokens": 4}, 4, None),
        ({"num_cached_tokens": 4}, 4, None),
        ({"prompt_tokens_details": {"cache_write_tokens": 3}}, None, 3),
        ({"cache_creation_input_tokens": 3, "cache_read_input_tokens": 4}, 4, 3),
    ],
)
def test_cached_tokens_are_found_where_the_server_puts_them(usage, read, write):
    """OpenAI, DeepSeek, Moonshot, Mistral, OpenRouter and LiteLLM are all read."""
    found = interpret(completion(tokens(10, 5) | usage)).usage

    assert found.prompt_tokens == 10
    assert (found.cache_read_tokens, found.cache_write_tokens) == (read, write)


@pytest.mark.parametrize(
    ("more", "model", "provider"),
    [
        ({}, "gpt-4o", "openai"),
        ({}, "ft:gpt-4o-mini-2024-07-18:org::id", "openai"),
        ({"prompt_filter_results": []}, "gpt-4o", "openai_azure"),
        ({"x_groq": {"id": "req_1"}}, "llama-3.3-70b-versatile", "groq"),
        ({"usage": {"prompt_cache_hit_tokens": 0}}, "deepseek-chat", "deepseek"),
        ({"provider": "Anthropic"}, "anthropic/claude-sonnet-4", "openrouter"),
        ({}, "grok-4", "x_ai"),
        ({}, "llama-3.3-70b", None),
        ({}, "openai/gpt-oss-120b", None),
        ({}, None, None),
    ],
)
def test_a_provider_is_named_where_the_response_tells(more, model, provider):
    """Marks of the server come first, then models that only their maker serves."""
    assert interpret(completion(model=model) | more).provider == provider


def test_the_sdk_names_the_provider_where_it_talks_to_one_only():
    """A response of Groq's own SDK is Groq's, whatever the model."""
    name = "groq.types.chat.chat_completion.ChatCompletion"

    assert interpret(completion(model="llama"), name).provider == "groq"


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": 0.5}, 0.5),
        ({"cost": 0}, 0.0),
        ({"cost": {"total_cost": 0.25, "request_cost": 0.2}}, 0.25),
        (
            {
                "cost": 0.01,
                "is_byok": True,
                "cost_details": {"upstream_inference_cost": 0.2},
            },
            pytest.approx(0.21),
        ),
        ({"cost": 0.01, "is_byok": True}, None),
        ({"cost_in_usd_ticks": 232856000}, 0.0232856),
        ({"cost": -1}, None),
        ({"cost": "free"}, None),
        ({}, None),
    ],
)
def test_a_cost_that_the_response_names_is_kept(usage, cost):
    """OpenRouter and Perplexity say what a call cost; a damaged sum is no sum."""
    assert interpret(completion(tokens(1, 1) | usage)).usage.total_cost == cost


def test_groqs_streams_carry_the_usage_apart():
    """Groq puts the usage of a stream into x_groq of its last chunk."""
    chunks = [
        {"object": "chat.completion.chunk", "choices": [{"delta": {"content": "a"}}]},
        {
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
            "x_groq": {"usage": tokens(3, 4)},
        },
    ]

    assert interpret(join(chunks)).usage.prompt_tokens == 3


def test_azures_first_chunk_without_choices_is_no_obstacle():
    """The chunk with Azure's content filter comes first and is empty otherwise."""
    chunks = [
        {"choices": [], "model": "", "object": "", "prompt_filter_results": [{}]},
        {"object": "chat.completion.chunk", "choices": [{"delta": {"content": "a"}}]},
    ]

    facts = interpret(join(chunks))

    assert facts.output == "a"
    assert facts.provider == "openai_azure"


@pytest.mark.parametrize(
    "deltas",
    [
        # Gemini's OpenAI door: whole calls, all with the index 0
        [[0, "a", "f", "{}"], [0, "b", "g", "{}"]],
        # no index at all
        [[None, "a", "f", "{"], [None, None, None, "}"], [None, "b", "g", "{}"]],
        # the id again in each piece
        [[None, "a", "f", "{"], [None, "a", None, "}"], [None, "b", "g", "{}"]],
        # in turns
        [
            [0, "a", "f", "{"],
            [1, "b", "g", "{"],
            [0, None, None, "}"],
            [1, None, None, "}"],
        ],
    ],
)
def test_pieces_of_tool_calls_find_each_other(deltas):
    """However a server marks the pieces, each call gets its own."""
    chunks = []
    for index, call_id, name, arguments in deltas:
        function = {"arguments": arguments} | ({"name": name} if name else {})
        call = {"function": function} | ({"id": call_id} if call_id else {})
        call |= {} if index is None else {"index": index}
        chunks.append({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})

    calls = interpret(join(chunks)).output_message["tool_calls"]

    assert [call["id"] for call in calls] == ["a", "b"]
    assert [call["function"]["arguments"] for call in calls] == ["{}", "{}"]


def test_a_call_that_is_repeated_without_its_name_is_one_call():
    """DashScope gives each piece after the first an id and a name of "".

    As captured in github.com/anomalyco/opencode/pull/40969 and issues/37841.
    """
    deltas = [
        {"id": "call_8", "function": {"name": "calculator", "arguments": "{"}},
        {"id": "", "function": {"name": "", "arguments": '"a": '}},
        {"id": "", "function": {"arguments": "2}"}},
    ]
    chunks = [
        {"choices": [{"delta": {"tool_calls": [{"index": 0} | delta]}}]}
        for delta in deltas
    ]

    (call,) = interpret(join(chunks)).output_message["tool_calls"]

    assert call["id"] == "call_8"
    assert call["function"] == {"name": "calculator", "arguments": '{"a": 2}'}


def test_a_refusal_is_joined_and_kept():
    """The words with which a model refuses are no output, but they are kept."""
    pieces = ["I ", "can't."]
    chunks = [{"choices": [{"delta": {"refusal": piece}}]} for piece in pieces]

    facts = interpret(join(chunks))

    assert facts.output is None
    assert facts.output_message["refusal"] == "I can't."


def test_spoken_answers_give_their_transcript():
    """An answer in sound is logged by its words."""
    message = {"content": None, "audio": {"data": "UklGR", "transcript": "Hello."}}

    assert interpret(completion(message=message)).output == "Hello."


def test_the_old_function_call_is_a_tool_call():
    """What was called function_call before tools is read as well."""
    call = {"name": "f", "arguments": "{}"}
    message = {"content": None, "function_call": call}

    calls = interpret(completion(message=message)).output_message["tool_calls"]

    assert calls == [{"id": "f", "type": "function", "function": call}]


def test_generated_images_are_content():
    """OpenRouter puts generated pictures beside the content."""
    url = "data:image/png;base64,aGk="
    image = {"type": "image_url", "image_url": {"url": url}}

    message = interpret(completion(message={"images": [image]})).output_message

    assert message["content"] == [{"type": "text", "text": "hi"}, image]


def test_reasoning_by_any_name_is_thinking():
    """DeepSeek and OpenRouter name it differently; the log has one name."""
    for name in ("reasoning_content", "reasoning"):
        message = interpret(completion(message={name: "Hm."})).output_message

        assert message["thinking"][0]["thinking"] == "Hm."


def test_a_stream_is_joined_in_linear_time():
    """A stream of twenty thousand chunks is no burden."""
    part = {"type": "thinking", "thinking": [{"type": "text", "text": "x"}]}
    deltas = [{"content": [part]}] * 10_000 + [{"content": "x"}] * 10_000
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]

    facts = interpret(join(chunks))

    assert len(facts.output) == 10_000
    assert len(facts.output_message["thinking"][0]["thinking"]) == 10_000


def test_a_delta_of_senseless_depth_is_held_as_it_is():
    """Depth is bounded, so that no stream exhausts the stack."""
    delta = deep = {}
    for _ in range(5_000):
        deep["a"] = {}
        deep = deep["a"]

    held = merge(merge({}, delta), delta)

    assert "a" in sealed(held)


def test_an_empty_answer_is_an_answer():
    """A model that said nothing said "", which is not the same as no text."""
    assert interpret(completion(message={"content": ""})).output == ""


def test_a_server_that_does_not_count_has_no_usage():
    """No prompt has 0 tokens: such a usage says nothing."""
    assert interpret(completion(tokens(0, 0, 0))).usage is None


def test_the_chunks_of_a_stream_in_a_list_are_one_answer():
    """A function that collects the stream and returns it is read as well."""
    chunks = [{"choices": [{"delta": {"content": piece}}]} for piece in "hi"]

    assert interpret(chunks).output == "hi"


ODD = st.sampled_from([None, "", "x", 0, 3, True, [], {}, ["a"], {"a": 1}])
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["assistant", "user", "odd", None])},
    optional={
        "content": st.sampled_from(["hi", ""]) | ODD,
        "refusal": ODD,
        "tool_calls": ODD,
        "reasoning": ODD,
    },
)
CHOICES = st.fixed_dictionaries(
    {"index": st.just(0)},
    optional={
        "message": MESSAGES | ODD,
        "finish_reason": st.just("stop") | ODD,
        "text": ODD,
        "content_filter_results": ODD,
    },
)
USAGES = st.fixed_dictionaries(
    {},
    optional={
        "prompt_tokens": st.integers(-1, 9) | ODD,
        "completion_tokens": st.integers(-1, 9) | ODD,
        "total_tokens": st.integers(-1, 30) | ODD,
        "completion_tokens_details": ODD | st.just({"reasoning_tokens": 4}),
        "prompt_tokens_details": ODD | st.just({"cached_tokens": 2}),
        "service_tier": ODD,
        "queue_time": ODD,
    },
)
MODELS = st.sampled_from(["gpt-4o", "google/gemini-2.5-flash", "sonar", "o/x"]) | ODD


@given(
    st.fixed_dictionaries(
        {"object": st.just("chat.completion")},
        optional={
            "choices": st.lists(CHOICES | ODD, max_size=2) | ODD,
            "usage": USAGES | ODD,
            "model": MODELS,
            "service_tier": st.just("flex") | ODD,
            "provider": ODD,
        },
    )
)
@example(completion(tokens(1, 2, 3), "gpt-4o"))
@example(completion(tokens(20, 198, 623), "gemini-2.5-flash"))
def test_the_short_way_says_what_the_long_way_does(body):
    """A plain answer has a short cut; a member that nobody knows rules it out."""
    assert interpret(body) == interpret({**body, "unknown": None})


@pytest.mark.parametrize("damage", ["\ud800", ["\ud800"], {"\ud800": "\ud800"}, 1j])
@pytest.mark.parametrize("member", ["id", "model", "usage", "service_tier"])
def test_damage_in_a_usual_completion_breaks_nothing(member, damage):
    """Half of a surrogate pair, or no JSON at all: the rest is read as ever."""
    facts = interpret(completion(tokens(5, 2)) | {member: damage})

    assert facts.output == "hi"


@pytest.mark.parametrize("damage", ["\ud800", ["\ud800"], {"\ud800": "\ud800"}, 1j])
@pytest.mark.parametrize("member", ["name", "refusal", "annotations", "tool_calls"])
def test_damage_in_a_usual_message_breaks_nothing(member, damage):
    """The same in the message."""
    facts = interpret(completion(tokens(5, 2), message={member: damage}))

    assert facts.output == "hi"
