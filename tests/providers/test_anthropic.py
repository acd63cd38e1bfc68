"""What is special in Anthropic's messages."""

import pytest

from promptscribe import log_prompt
from promptscribe._providers.registry import interpret, join
from promptscribe.testing import captured_logs


def anthropic(*content, usage=None, **more):
    """Build a message of Anthropic's."""
    made = {"type": "message", "role": "assistant", "content": list(content)}
    return made | {"stop_reason": "end_turn", "usage": usage} | more


def test_anthropics_compaction_is_counted():
    """The tokens of a compaction stand apart and are paid for as well."""
    steps = [
        {"type": "compaction", "input_tokens": 1000, "output_tokens": 100},
        {"type": "message", "input_tokens": 50, "output_tokens": 5},
    ]
    usage = {"input_tokens": 50, "output_tokens": 5, "iterations": steps}

    read = interpret(anthropic(usage=usage)).usage

    assert (read.prompt_tokens, read.output_tokens) == (1050, 105)


ADVISED = {
    "input_tokens": 1760,
    "cache_read_input_tokens": 400,
    "output_tokens": 531,
    "iterations": [
        {"type": "message", "input_tokens": 412, "output_tokens": 89},
        {"type": "advisor_message", "model": "claude-opus-4-8", "output_tokens": 1612}
        | {"input_tokens": 823, "cache_read_input_tokens": 100},
        {"type": "message", "input_tokens": 1348, "cache_read_input_tokens": 400}
        | {"output_tokens": 442},
    ],
}
DECLINED = {
    "input_tokens": 412,
    "output_tokens": 264,
    "iterations": [
        {"type": "message", "model": "claude-opus-5", "input_tokens": 408}
        | {"output_tokens": 0},
        {"type": "message", "model": "claude-opus-4-8", "input_tokens": 410}
        | {"output_tokens": 20},
        {"type": "fallback_message", "model": "claude-sonnet-4-6"}
        | {"input_tokens": 412, "output_tokens": 264},
    ],
}


@pytest.mark.parametrize(
    ("usage", "counted", "costs"),
    [
        (
            ADVISED,
            (1760 + 400 + 823 + 100, 531 + 1612),
            (1760 * 3 + 400 * 0.3 + 823 * 5 + 100 * 0.5, 531 * 15 + 1612 * 25),
        ),
        (DECLINED, (412 + 410, 264 + 20), (412 * 3 + 410 * 5, 264 * 15 + 20 * 25)),
    ],
    ids=["advised", "declined"],
)
@pytest.mark.parametrize("capture", ["all", "metadata"])
def test_each_model_in_a_message_is_counted_by_its_own_price(
    capture, usage, counted, costs
):
    """Advisor and who declined in the middle are paid for; who said nothing is not."""
    pytest.importorskip("genai_prices")
    answer = anthropic(usage=usage, model="claude-sonnet-4-6")

    with captured_logs() as logs:
        log_prompt(path="p", capture=capture)(lambda: answer)()

    (log,) = logs
    assert (log.prompt_tokens, log.output_tokens) == counted
    spent = log.prompt_cost * 1e6, log.output_cost * 1e6
    assert spent == pytest.approx(costs, abs=1e-6)


def test_of_models_of_which_one_has_no_price_there_is_no_cost():
    """A part of it would pass for the whole."""
    pytest.importorskip("genai_prices")
    steps = [dict(step) for step in ADVISED["iterations"]]
    steps[1]["model"] = "claude-of-tomorrow"
    answer = anthropic(usage=ADVISED | {"iterations": steps}, model="claude-sonnet-4-6")

    with captured_logs() as logs:
        log_prompt(path="p", prompt={"model": "claude-sonnet-4-6"})(lambda: answer)()

    (log,) = logs
    assert log.prompt_tokens == 3083
    assert log.prompt_cost is log.output_cost is None


def test_the_model_that_went_on_is_the_one_that_answered():
    """A stream names the requested one first, and the other where it takes over."""
    start = anthropic(model="claude-opus-5", stop_reason=None, usage={})
    block = {"type": "fallback", "to": {"model": "claude-sonnet-4-6"}}
    block |= {"from": {"model": "claude-opus-5"}, "trigger": {"type": "refusal"}}
    chunks = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "message_delta", "delta": {}, "usage": DECLINED},
    ]

    facts = interpret(join(chunks))

    assert facts.model == "claude-sonnet-4-6"
    assert facts.usage.output_tokens == 284


def test_a_part_of_the_prompt_does_not_pass_for_the_whole():
    """Where the fresh tokens are missing, the cached ones alone are no count."""
    usage = {"cache_read_input_tokens": 100, "output_tokens": 5}

    read = interpret(anthropic(usage=usage)).usage

    assert read.prompt_tokens is None
    assert read.cache_read_tokens == 100


def test_anthropics_placeholder_is_no_count():
    """A stream that was cut before its end has no output tokens, not one."""
    start = anthropic(stop_reason=None, usage={"input_tokens": 9, "output_tokens": 1})
    chunks = [{"type": "message_start", "message": start}]

    read = interpret(join(chunks)).usage

    assert (read.prompt_tokens, read.output_tokens) == (9, None)


def test_a_tool_call_cut_in_its_arguments_keeps_the_text():
    """Half a JSON text is no JSON, but it is what the model wrote."""
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": '{"a":'}
    chunks = [
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
    ]

    call = interpret(join(chunks)).output_message["tool_calls"][0]

    assert call["function"]["arguments"] == '{"a":'


def test_citations_and_lost_starts_are_no_obstacle():
    """A stream entered in the middle of a block is read as far as it goes."""
    deltas = [
        {"type": "text_delta", "text": "hi"},
        {"type": "citations_delta", "citation": {"cited_text": "x"}},
    ]
    chunks = [
        {"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas
    ]

    assert interpret(join(chunks)).output == "hi"


def test_what_the_server_ran_stays_in_its_place():
    """Tools that Anthropic runs itself are content, kept as they are."""
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    text = {"type": "text", "text": "hi"}

    message = interpret(anthropic(search, text)).output_message

    assert message["content"] == [search, text]
    assert "tool_calls" not in message


def test_hidden_thoughts_are_kept_hidden():
    """Redacted thinking is kept, since the next request must repeat it."""
    part = {"type": "redacted_thinking", "data": "c2Vj"}

    assert interpret(anthropic(part)).output_message["thinking"] == [part]


@pytest.mark.parametrize(
    ("message_id", "provider"),
    [("msg_bdrk_01", "bedrock"), ("msg_vrtx_01", "google"), ("msg_01", "anthropic")],
)
def test_bedrock_and_vertex_mark_their_messages(message_id, provider):
    """The same shape comes from three providers; the id tells which."""
    assert interpret(anthropic(id=message_id)).provider == provider


def test_anthropics_fast_mode_is_a_tier():
    """Fast mode has its own price, as a tier has."""
    usage = {"input_tokens": 1, "service_tier": "standard", "speed": "fast"}

    assert interpret(anthropic(usage=usage)).service_tier == "fast"


def test_another_model_behind_the_same_api_is_not_anthropics():
    """A local server that speaks this API is not Anthropic."""
    assert interpret(anthropic(model="smollm2-135m")).provider is None
    assert interpret(anthropic(model="claude-opus-4-8")).provider == "anthropic"
