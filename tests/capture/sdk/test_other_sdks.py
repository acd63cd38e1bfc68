"""The other providers' SDKs: each stream that they return is one log of all it said.

Each needs its SDK (``pip install promptscribe[sdks]``); without it, it is skipped.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys

import pytest

from promptscribe import log_prompt
from promptscribe.testing import captured_logs

pytestmark = [
    pytest.mark.slow,  # importing one of these takes up to two seconds
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

ASK = [{"role": "user", "content": "Weather?"}]
CLAUDE = {"model": "claude-sonnet-5", "max_tokens": 99, "messages": ASK}
GPT = {"model": "gpt-5-mini", "messages": ASK}
GEMINI = {"model": "gemini-2.5-flash", "contents": "Weather?"}
BEDROCK = {
    "modelId": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "messages": [{"role": "user", "content": [{"text": "Weather?"}]}],
}
LOOK = "Let me look."
ANTHROPIC_FACTS = (LOOK, "tool_use", 2009, 393)
OPENAI_FACTS = (LOOK, "tool_calls", 2006, 300)
GEMINI_FACTS = (LOOK, "STOP", 1034, 160)
INTERACT = {"model": "gemini-3-flash-preview", "input": "Weather?"}
INTERACTION_FACTS = (LOOK, "requires_action", 1034, 160)
RESPONSE_FACTS = (LOOK, "completed", 328, 152)
COHERE_FACTS = (LOOK, "TOOL_CALL", 17, 12)


kept = []


def sdk(name):
    """Import an SDK, or skip the test that needs it."""
    return pytest.importorskip(name)


def openai(base):
    return sdk("openai").OpenAI(base_url=f"{base}/v1").chat.completions


def anthropic(base):
    return sdk("anthropic").Anthropic(base_url=base, max_retries=0).messages


def anthropic_async(base):
    return sdk("anthropic").AsyncAnthropic(base_url=base, max_retries=0).messages


def groq(base):
    return sdk("groq").Groq(api_key="none", base_url=base).chat.completions


def gemini(base):
    genai = sdk("google.genai")
    options = genai.types.HttpOptions(base_url=base)
    client = genai.Client(api_key="none", http_options=options)
    kept.append(client)  # it closes its connections when nobody refers to it
    return client


def mistral(base):
    client = sdk("mistralai.client")
    return client.Mistral(api_key="none", server_url=f"{base}/mistral").chat


def cohere(base):
    return sdk("cohere").ClientV2(api_key="none", base_url=base)


def cohere_first(base):
    return sdk("cohere").Client(api_key="none", base_url=base)


def hugging_face(base):
    client = sdk("huggingface_hub").InferenceClient(base_url=f"{base}/v1", api_key="-")
    kept.append(client)  # as Gemini's
    return client.chat_completion


def perplexity(base):
    return sdk("perplexity").Perplexity(api_key="none", base_url=base).chat.completions


def bedrock(base):
    return sdk("boto3").client("bedrock-runtime", endpoint_url=base)


def langchain(base):
    chat = sdk("langchain_openai").ChatOpenAI
    return chat(model="gpt-5-mini", base_url=f"{base}/v1", stream_usage=True)


def litellm(base):
    module = sdk("litellm")
    usage = {"include_usage": True}
    asked = {"api_base": f"{base}/v1", "stream": True, "stream_options": usage}
    whole = {"api_base": f"{base}/v1"}

    def complete(**ask):
        return module.completion(**ask, **(whole if "stream" in ask else asked))

    return complete


def litellm_response(base):
    asked = {"model": "openai/gpt-5-mini", "input": "Weather?", "api_key": "none"}
    return asked | {"api_base": f"{base}/v1"}


def litellm_text(base):
    asked = {"model": "text-completion-openai/gpt-3.5-turbo-instruct", "prompt": "x"}
    return asked | {"api_base": f"{base}/v1", "api_key": "none"}


def entered(manager):
    with manager as stream:
        return list(stream)


def texts(manager):
    with manager as stream:
        assert stream.text_stream is stream.text_stream
        assert "".join(stream.text_stream) == LOOK
        assert stream.current_message_snapshot.usage.output_tokens == 393


def final(manager):
    with manager as stream:
        assert stream.get_final_text() == LOOK
        assert stream.get_final_message().usage.output_tokens == 393


async def read_async(stream):
    return [chunk async for chunk in stream]


async def texts_async(manager):
    async with manager as stream:
        assert "".join([text async for text in stream.text_stream]) == LOOK


async def final_async(manager):
    async with manager as stream:
        assert (await stream.get_final_message()).usage.output_tokens == 393


def parsed_inside(manager):
    with manager as response:
        return list(response.parse())


async def parsed_async(raw):
    return [event async for event in await raw.parse()]


STREAMS = {
    "anthropic stream": (
        lambda b: anthropic(b).create(**CLAUDE, stream=True),
        list,
        ANTHROPIC_FACTS,
    ),
    "anthropic raw stream": (
        lambda b: anthropic(b).with_raw_response.create(**CLAUDE, stream=True),
        lambda raw: list(raw.parse()),
        ANTHROPIC_FACTS,
    ),
    "anthropic helper": (
        lambda b: anthropic(b).stream(**CLAUDE),
        entered,
        ANTHROPIC_FACTS,
    ),
    "anthropic texts": (
        lambda b: anthropic(b).stream(**CLAUDE),
        texts,
        ANTHROPIC_FACTS,
    ),
    "anthropic final": (
        lambda b: anthropic(b).stream(**CLAUDE),
        final,
        ANTHROPIC_FACTS,
    ),
    "anthropic async": (
        lambda b: anthropic_async(b).create(**CLAUDE, stream=True),
        read_async,
        ANTHROPIC_FACTS,
    ),
    "anthropic async texts": (
        lambda b: anthropic_async(b).stream(**CLAUDE),
        texts_async,
        ANTHROPIC_FACTS,
    ),
    "anthropic async final": (
        lambda b: anthropic_async(b).stream(**CLAUDE),
        final_async,
        ANTHROPIC_FACTS,
    ),
    "groq": (lambda b: groq(b).create(**GPT, stream=True), list, OPENAI_FACTS),
    "groq raw": (
        lambda b: groq(b).with_raw_response.create(**GPT, stream=True),
        lambda raw: list(raw.parse()),
        OPENAI_FACTS,
    ),
    "gemini": (
        lambda b: gemini(b).models.generate_content_stream(**GEMINI),
        list,
        GEMINI_FACTS,
    ),
    "gemini async": (
        lambda b: gemini(b).aio.models.generate_content_stream(**GEMINI),
        read_async,
        GEMINI_FACTS,
    ),
    "gemini interaction": (
        lambda b: gemini(b).interactions.create(**INTERACT, stream=True),
        list,
        INTERACTION_FACTS,
    ),
    "gemini interaction async": (
        lambda b: gemini(b).aio.interactions.create(**INTERACT, stream=True),
        read_async,
        INTERACTION_FACTS,
    ),
    "gemini interaction raw": (
        lambda b: gemini(b).interactions.with_raw_response.create(
            **INTERACT, stream=True
        ),
        lambda raw: list(raw.parse()),
        INTERACTION_FACTS,
    ),
    "gemini interaction raw async": (
        lambda b: gemini(b).aio.interactions.with_raw_response.create(
            **INTERACT, stream=True
        ),
        parsed_async,
        INTERACTION_FACTS,
    ),
    "gemini interaction streaming": (
        lambda b: gemini(b).interactions.with_streaming_response.create(
            **INTERACT, stream=True
        ),
        parsed_inside,
        INTERACTION_FACTS,
    ),
    "mistral": (
        lambda b: mistral(b).stream(model="magistral-medium-latest", messages=ASK),
        list,
        ("Rain.", "stop", 16, 34),
    ),
    "cohere": (
        lambda b: cohere(b).chat_stream(model="command-a-03-2025", messages=ASK),
        list,
        COHERE_FACTS,
    ),
    "cohere, first API": (
        lambda b: cohere_first(b).chat_stream(message="Weather?"),
        list,
        (LOOK, "COMPLETE", 17, 12),
    ),
    "ollama": (
        lambda b: sdk("ollama").Client(b).chat("qwen3:4b", ASK, stream=True),
        list,
        (LOOK, "stop", 26, 298),
    ),
    "hugging face": (
        lambda b: hugging_face(b)(ASK, model="gpt-5-mini", stream=True),
        list,
        OPENAI_FACTS,
    ),
    "bedrock": (
        lambda b: bedrock(b).converse_stream(**BEDROCK),
        lambda answer: list(answer["stream"]),
        ANTHROPIC_FACTS,
    ),
    "perplexity": (
        lambda b: perplexity(b).create(**GPT, stream=True),
        list,
        OPENAI_FACTS,
    ),
    "langchain": (lambda b: langchain(b).stream("Weather?"), list, OPENAI_FACTS),
    "langchain async": (
        lambda b: langchain(b).astream("Weather?"),
        read_async,
        OPENAI_FACTS,
    ),
    "litellm": (
        lambda b: litellm(b)(model="openai/gpt-5-mini", messages=ASK),
        list,
        OPENAI_FACTS,
    ),
    "litellm responses": (
        lambda b: sdk("litellm").responses(**litellm_response(b), stream=True),
        list,
        RESPONSE_FACTS,
    ),
    "litellm responses async": (
        lambda b: sdk("litellm").aresponses(**litellm_response(b), stream=True),
        read_async,
        RESPONSE_FACTS,
    ),
    "litellm text": (
        lambda b: sdk("litellm").text_completion(**litellm_text(b), stream=True),
        list,
        ("This is a test", "length", None, None),
    ),
}


@pytest.mark.parametrize(("ask", "read", "facts"), STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_a_stream_is_one_log_of_all_it_said(provider, ask, read, facts, times):
    """Output, reason, tokens, chunk count and time to first token.

    Of a function that hands on what a decorated one returned, another one.
    """
    for _ in range(times):
        ask = log_prompt(ask)

    async def read_later(answer):
        answer = await answer if inspect.iscoroutine(answer) else answer
        answer = read(answer)
        return await answer if inspect.iscoroutine(answer) else answer

    async def main():
        return await read_later(ask(provider))

    with captured_logs() as logs:
        if inspect.iscoroutinefunction(read):
            asyncio.run(main())
        else:
            read(ask(provider))

    assert len(logs) == times
    for log in logs:
        assert facts == (
            log.output, log.finish_reason, log.prompt_tokens, log.output_tokens
        )  # fmt: skip
        assert log.metadata["chunks"] > 1
        assert 0 < log.metadata["time_to_first_token"] <= log.provider_latency
        assert "stream" not in log.metadata
        assert log.error is None


RUNS = {
    "read": (lambda run: len(list(run)), None),
    "until done": (lambda run: run.until_done() and 2, None),
    "left": (lambda run: len([next(iter(run)), run.close()]) - 1, "closed early"),
}


@pytest.mark.parametrize(("read", "ending"), RUNS.values(), ids=RUNS)
def test_a_tool_runner_is_one_log_of_all_its_turns(provider, read, ending):
    """Anthropic's loop over tools, returned from a plain function and read outside."""
    called = []

    @sdk("anthropic").beta_tool
    def weather(city: str = "") -> str:
        """Look up."""
        called.append(city)
        return "Rain"

    messages = sdk("anthropic").Anthropic(base_url=provider).beta.messages
    ask = CLAUDE | {"tools": [weather], "max_iterations": 2}

    with captured_logs() as logs:
        run = log_prompt(messages.tool_runner)(**ask)
        assert isinstance(run, sdk("anthropic").lib.tools.BetaToolRunner)
        turns = read(run)

    (log,) = logs
    assert log.output == LOOK * turns
    assert (log.prompt_tokens, log.output_tokens) == (2009 * turns, 393 * turns)
    assert log.metadata["chunks"] == turns
    assert log.metadata.get("stream") == ending
    assert len(called) >= turns - 1
    assert log.error is None


METHODS = {
    "openai": (lambda b: openai(b).create, GPT),
    "anthropic": (lambda b: anthropic(b).create, CLAUDE),
    "groq": (lambda b: groq(b).create, GPT),
    "mistral": (
        lambda b: mistral(b).complete,
        {"model": "magistral-medium-latest", "messages": ASK},
    ),
}


@pytest.mark.parametrize(("method", "asked"), METHODS.values(), ids=METHODS)
def test_what_a_method_was_not_given_is_no_argument(provider, method, asked):
    """Each has some forty parameters, and something of its own for "not given"."""
    with captured_logs() as logs:
        log_prompt(method(provider))(**asked)

    (log,) = logs
    known = {name for name, value in log.inputs.items() if value is not None}
    assert known - {"stream"} == asked.keys() - {"messages"}
    assert log.messages == ASK


WHOLE = {
    "anthropic": (lambda b: anthropic(b).create(**CLAUDE), ANTHROPIC_FACTS),
    "anthropic raw": (
        lambda b: anthropic(b).with_raw_response.create(**CLAUDE),
        ANTHROPIC_FACTS,
    ),
    "groq": (lambda b: groq(b).create(**GPT), OPENAI_FACTS),
    "groq raw": (lambda b: groq(b).with_raw_response.create(**GPT), OPENAI_FACTS),
    "gemini": (lambda b: gemini(b).models.generate_content(**GEMINI), GEMINI_FACTS),
    "gemini interaction": (
        lambda b: gemini(b).interactions.create(**INTERACT),
        INTERACTION_FACTS,
    ),
    "gemini interaction raw": (
        lambda b: gemini(b).interactions.with_raw_response.create(**INTERACT),
        INTERACTION_FACTS,
    ),
    "mistral": (
        lambda b: mistral(b).complete(model="magistral-medium-latest", messages=ASK),
        ("Rain.", "stop", 16, 34),
    ),
    "cohere": (
        lambda b: cohere(b).chat(model="command-a-03-2025", messages=ASK),
        COHERE_FACTS,
    ),
    "cohere raw": (
        lambda b: cohere(b).with_raw_response.chat(
            model="command-a-03-2025", messages=ASK
        ),
        COHERE_FACTS,
    ),
    "cohere, first API": (
        lambda b: cohere_first(b).chat(message="Weather?"),
        (LOOK, "COMPLETE", 17, 12),
    ),
    "ollama": (
        lambda b: sdk("ollama").Client(b).chat("qwen3:4b", ASK),
        (LOOK, "stop", 26, 298),
    ),
    "hugging face": (
        lambda b: hugging_face(b)(ASK, model="gpt-5-mini"),
        OPENAI_FACTS,
    ),
    "bedrock": (lambda b: bedrock(b).converse(**BEDROCK), ANTHROPIC_FACTS),
    "langchain": (lambda b: langchain(b).invoke("Weather?"), OPENAI_FACTS),
    "litellm": (
        lambda b: litellm(b)(model="openai/gpt-5-mini", messages=ASK, stream=False),
        OPENAI_FACTS,
    ),
}


@pytest.mark.parametrize(("ask", "facts"), WHOLE.values(), ids=WHOLE)
def test_a_whole_response_is_handed_on_as_itself(provider, ask, facts):
    """Each SDK's answer is logged by what it says; raw ones by what they hold."""
    with captured_logs() as logs:
        answer = log_prompt(ask)(provider)

    log = logs[0]
    assert not type(answer).__module__.startswith("promptscribe")
    assert facts == (
        log.output, log.finish_reason, log.prompt_tokens, log.output_tokens
    )  # fmt: skip


TOKENS = {
    "mistral": (
        lambda b: (
            sdk("mistralai.client")
            .Mistral(api_key="none", server_url=f"{b}/mistral")
            .embeddings.create(model="mistral-embed", inputs=["why?"])
        ),
        15,
    ),
    "cohere": (
        lambda b: cohere(b).embed(
            model="embed-v4.0",
            texts=["why?"],
            input_type="search_query",
            embedding_types=["float"],
        ),
        2,
    ),
    "gemini": (
        lambda b: gemini(b).models.embed_content(
            model="gemini-embedding-001", contents="why?"
        ),
        7,
    ),
    "ollama": (lambda b: sdk("ollama").Client(b).embed("all-minilm", "why?"), 8),
    "litellm": (
        lambda b: sdk("litellm").embedding(
            model="openai/text-embedding-3-small", input=["why?"], api_base=f"{b}/v1"
        ),
        8,
    ),
}


@pytest.mark.parametrize(("embed", "tokens"), TOKENS.values(), ids=TOKENS)
def test_an_embedding_has_the_tokens_of_its_texts(provider, embed, tokens):
    """Vectors are no output, and cost what was read to make them."""
    with captured_logs() as logs:
        log_prompt(path="p")(embed)(provider)

    (log,) = logs
    assert (log.prompt_tokens, log.output_tokens, log.output) == (tokens, None, None)
    assert log.output_cost is None
    assert log.provider_response


def test_a_parsed_answer_of_mistrals_is_logged_as_any(provider):
    """Its classes have serializers of their own, which only leave out what is unset."""
    pydantic = sdk("pydantic")
    base = f"{provider}/structured"
    chat = sdk("mistralai.client").Mistral(api_key="none", server_url=base).chat
    weather = pydantic.create_model("Weather", city=(str, ...))
    ask = {"model": "mistral-large-latest", "messages": ASK, "response_format": weather}

    with captured_logs() as logs:
        answer = log_prompt(chat.parse)(**ask)

    (log,) = logs
    assert answer.choices[0].message.parsed.city == "Paris"
    assert (log.output, log.finish_reason) == ('{"city":"Paris"}', "stop")
    assert (log.prompt_tokens, log.output_tokens) == (10, 5)


def test_a_conversation_of_mistrals_is_logged_whole_and_streamed(provider):
    """Agents answer with entries, one of which is the message."""
    client = sdk("mistralai.client").Mistral(api_key="none", server_url=provider)
    ask = {"model": "mistral-medium-latest", "inputs": "why?"}

    with captured_logs() as logs:
        log_prompt(client.beta.conversations.start)(**ask)
        list(log_prompt(client.beta.conversations.start_stream)(**ask))

    facts = [(log.output, log.prompt_tokens, log.output_tokens) for log in logs]
    assert facts == [("Hello", 7300, 55)] * 2
    assert logs[1].metadata["chunks"] == 6


def test_a_response_of_an_asynchronous_raw_client_is_logged(provider):
    """Anthropic's ``parse`` is a coroutine there; the body has been read already."""
    create = anthropic_async(provider).with_raw_response.create

    async def main():
        raw = await log_prompt(create)(**CLAUDE)
        return await raw.parse()

    with captured_logs() as logs:
        message = asyncio.run(main())

    assert message.usage.output_tokens == logs[0].output_tokens == 393


def test_a_stream_of_a_models_own_body_is_recorded(provider):
    """Each of its events is JSON in bytes; the program reads these as before."""
    ask = {"modelId": "amazon.nova-lite-v1:0", "body": "{}"}

    with captured_logs() as logs, log_prompt("p") as log:
        answer = bedrock(provider).invoke_model_with_response_stream(**ask)
        events = [json.loads(e["chunk"]["bytes"]) for e in log.record(answer)["body"]]

    (log,) = logs
    assert (log.output, log.finish_reason) == (LOOK, "tool_use")
    assert (log.prompt_tokens, log.output_tokens) == (2009, 393)
    assert log.metadata["chunks"] == len(events) > 1


def test_a_stream_of_a_models_own_body_is_recorded_as_a_result(provider):
    """A decorated function may hand on the whole answer of the SDK, stream and all."""
    ask = {"modelId": "amazon.nova-lite-v1:0", "body": "{}"}

    @log_prompt
    async def later():
        return bedrock(provider).invoke_model_with_response_stream(**ask)

    with captured_logs() as logs:
        now = log_prompt(bedrock(provider).invoke_model_with_response_stream)(**ask)
        counts = [len(list(now["body"])), len(list(asyncio.run(later())["body"]))]

    assert [(log.output, log.output_tokens) for log in logs] == [(LOOK, 393)] * 2
    assert [log.metadata["chunks"] for log in logs] == counts


def test_a_stream_of_aiobotocores_is_read_as_asynchronously_as_it_was(provider):
    """It is botocore's in all but that: it could not be read any more."""
    eventstream = sdk("botocore.eventstream")

    class AioEventStream(eventstream.EventStream):  # aiobotocore 2.25, eventstream.py
        def __init__(self, stream):
            self._events = iter(stream)

        def __iter__(self):
            raise NotImplementedError("Use async-for instead")

        def __aiter__(self):
            return self.__anext__()

        async def __anext__(self):
            for event in self._events:
                yield event

    AioEventStream.__module__ = "aiobotocore.eventstream"

    @log_prompt
    async def ask():
        answer = bedrock(provider).converse_stream(**BEDROCK)
        return answer | {"stream": AioEventStream(answer["stream"])}

    async def main():
        stream = (await ask())["stream"]
        assert isinstance(stream, AioEventStream)
        return [event async for event in stream]

    with captured_logs() as logs:
        events = asyncio.run(main())

    (log,) = logs
    assert (log.output, log.output_tokens) == (LOOK, 393)
    assert log.metadata["chunks"] == len(events) > 1


def test_an_event_of_an_interaction_is_written_by_no_code_of_its_own(
    provider, monkeypatch
):
    """It takes 100 µs; after the first of a kind, it is written field by field."""
    record = sdk("record")
    events = sdk("documented_interaction").INTERACTION_STREAM
    longer = [*events[:9], *[events[8]] * 50, *events[9:]]
    monkeypatch.setattr(record, "ROUTES", [
        (end, whole, longer if end == "/interactions" else stream, form)
        for end, whole, stream, form in record.ROUTES
    ])  # fmt: skip
    written = []
    package = "google.genai._gaos.types.interactions"
    module = pytest.importorskip(f"{package}.stepdelta")
    theirs = module.serialize_with_info
    monkeypatch.setattr(
        module,
        "serialize_with_info",
        lambda *given: written.append(1) or theirs(*given),
    )

    with captured_logs() as logs:
        list(log_prompt(gemini(provider).interactions.create)(**INTERACT, stream=True))

    (log,) = logs
    assert log.output == "Let me " * 51 + "look."
    assert log.output_message["tool_calls"][0]["function"]["name"] == "weather"
    assert log.metadata["chunks"] == 66
    assert len(written) < 10


def test_nothing_is_imported_to_know_a_stream():
    """The table goes by names; an SDK that is not used is not loaded."""
    import promptscribe._capture.stream_kind as table

    for package in table._CLASSES:
        assert not hasattr(table, package)
    assert "cerebras" not in sys.modules
