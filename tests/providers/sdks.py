"""One function for each SDK: the calls that `record` records.

Its law: nothing but the SDK's own public calls.
"""

from __future__ import annotations

ASK = [{"role": "user", "content": "Weather?"}]
SYSTEM = {"role": "system", "content": "Be brief."}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "Look up", "parameters": SCHEMA},
}


def openai(base, save):
    """Chat, text and responses, whole, as streams and by the stream helpers."""
    from openai import OpenAI

    client = OpenAI(base_url=f"{base}/v1")
    ask = {"model": "gpt-5-mini", "messages": [SYSTEM, *ASK], "tools": [TOOL], "n": 2}
    ask |= {"tool_choice": "auto", "max_completion_tokens": 500, "user": "u1"}
    chat = client.chat.completions
    save("openai", "openai_chat", ask, chat.create(**ask), stream=False)
    usage = {"include_usage": True}
    stream = chat.create(**ask, stream=True, stream_options=usage)
    save("openai", "openai_chat_stream", ask, stream, stream=True)
    with chat.stream(**ask, stream_options=usage) as stream:
        save("openai", "openai_chat_helper", ask, stream, stream=True)
    message = chat.create(**ask).choices[0].message
    save("openai", "openai_message", ask, message, stream=False)
    ask = {"model": "gpt-3.5-turbo-instruct", "prompt": "Say it", "max_tokens": 7}
    save("openai", "openai_text", ask, client.completions.create(**ask), stream=False)
    stream = client.completions.create(**ask, stream=True)
    save("openai", "openai_text_stream", ask, stream, stream=True)
    ask = {"model": "gpt-5-mini", "input": ASK, "instructions": "Be brief."}
    ask |= {"tools": [{"type": "function", "strict": True} | TOOL["function"]]}
    ask |= {"reasoning": {"effort": "low"}, "tool_choice": "required"}
    save(
        "openai", "openai_responses", ask, client.responses.create(**ask), stream=False
    )
    stream = client.responses.create(**ask, stream=True)
    save("openai", "openai_responses_stream", ask, stream, stream=True)
    with client.responses.stream(**ask) as stream:
        save("openai", "openai_responses_helper", ask, stream, stream=True)


def anthropic(base, save):
    """Messages, whole, as a stream and by the stream helper."""
    from anthropic import Anthropic

    client = Anthropic(base_url=base)
    ask = {"model": "claude-sonnet-4-5", "max_tokens": 2048, "messages": ASK}
    ask |= {"system": "Be brief.", "thinking": {"type": "enabled"}}
    ask["thinking"]["budget_tokens"] = 1024
    ask["tools"] = [{"name": "weather", "description": "Look up"}]
    ask["tools"][0]["input_schema"] = SCHEMA
    ask["tool_choice"] = {"type": "tool", "name": "weather"}
    save("anthropic", "anthropic", ask, client.messages.create(**ask), stream=False)
    stream = client.messages.create(**ask, stream=True)
    save("anthropic", "anthropic_stream", ask, stream, stream=True)
    with client.messages.stream(**ask) as stream:
        save("anthropic", "anthropic_helper", ask, stream, stream=True)


def google(base, save):
    """Content, whole and as a stream."""
    from google import genai
    from google.genai import types

    options = types.HttpOptions(base_url=base)
    client = genai.Client(api_key="none", http_options=options)
    declared = {"name": "weather", "description": "Look up"}
    declared["parameters_json_schema"] = SCHEMA
    config = {"system_instruction": "Be brief.", "temperature": 0.5}
    config |= {
        "max_output_tokens": 500,
        "tools": [{"function_declarations": [declared]}],
    }
    config["thinking_config"] = {"thinking_budget": 1024}
    ask = {"model": "gemini-2.5-flash", "contents": "Weather?", "config": config}
    whole = client.models.generate_content(**ask)
    save("google-genai", "gemini", ask, whole, stream=False)
    stream = client.models.generate_content_stream(**ask)
    save("google-genai", "gemini_stream", ask, stream, stream=True)


def mistralai(base, save):
    """Chat with reasoning, whole and as a stream."""
    from mistralai.client import Mistral

    client = Mistral(api_key="none", server_url=f"{base}/mistral")
    ask = {"model": "magistral-medium-latest", "messages": ASK, "random_seed": 7}
    save("mistralai", "mistral", ask, client.chat.complete(**ask), stream=False)
    save("mistralai", "mistral_stream", ask, client.chat.stream(**ask), stream=True)


def cohere(base, save):
    """Chat of both APIs, whole and as streams."""
    from cohere import Client, ClientV2

    second = ClientV2(api_key="none", base_url=base)
    ask = {"model": "command-a-03-2025", "messages": [SYSTEM, *ASK], "tools": [TOOL]}
    ask |= {"p": 0.9, "stop_sequences": ["END"]}
    save("cohere", "cohere", ask, second.chat(**ask), stream=False)
    save("cohere", "cohere_stream", ask, second.chat_stream(**ask), stream=True)
    first = Client(api_key="none", base_url=base)
    ask = {"model": "command-r-08-2024", "message": "Weather?", "preamble": "Be brief."}
    save("cohere", "cohere_first", ask, first.chat(**ask), stream=False)
    save("cohere", "cohere_first_stream", ask, first.chat_stream(**ask), stream=True)


def ollama(base, save):
    """Chat and generate, whole and as streams."""
    from ollama import Client

    client = Client(host=base)
    ask = {"model": "qwen3:4b", "messages": ASK, "tools": [TOOL]}
    ask |= {"options": {"num_predict": 99, "temperature": 0.1}, "format": "json"}
    save("ollama", "ollama", ask, client.chat(**ask), stream=False)
    save("ollama", "ollama_stream", ask, client.chat(**ask, stream=True), stream=True)
    ask = {"model": "qwen3:4b", "prompt": "Weather?", "system": "Be brief."}
    save("ollama", "ollama_text", ask, client.generate(**ask), stream=False)
    stream = client.generate(**ask, stream=True)
    save("ollama", "ollama_text_stream", ask, stream, stream=True)


def boto3(base, save):
    """Converse, whole and as a stream."""
    import boto3 as sdk

    client = sdk.client("bedrock-runtime", endpoint_url=base)
    ask = {"modelId": "us.anthropic.claude-sonnet-4-5-20250929-v1:0"}
    ask["messages"] = [{"role": "user", "content": [{"text": "Weather?"}]}]
    ask["system"] = [{"text": "Be brief."}]
    ask["inferenceConfig"] = {"maxTokens": 500, "temperature": 0.5}
    save("boto3", "bedrock", ask, client.converse(**ask), stream=False)
    stream = client.converse_stream(**ask)["stream"]
    save("boto3", "bedrock_stream", ask, stream, stream=True)


def litellm(base, save):
    """OpenAI and Anthropic by one function, whole and as streams."""
    from litellm import completion

    ask = {"model": "openai/gpt-5-mini", "api_base": f"{base}/v1", "messages": ASK}
    save("litellm", "litellm_openai", ask, completion(**ask), stream=False)
    stream = completion(**ask, stream=True, stream_options={"include_usage": True})
    save("litellm", "litellm_openai_stream", ask, stream, stream=True)
    ask |= {"model": "anthropic/claude-sonnet-4-5", "api_base": base}
    save("litellm", "litellm_anthropic", ask, completion(**ask), stream=False)
    stream = completion(**ask, stream=True, stream_options={"include_usage": True})
    save("litellm", "litellm_anthropic_stream", ask, stream, stream=True)


def langchain_openai(base, save):
    """A chat model of OpenAI's, invoked and streamed."""
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="gpt-5-mini", base_url=f"{base}/v1", stream_usage=True)
    ask = {"input": "Weather?"}
    whole = model.invoke(**ask)
    save("langchain-openai", "langchain_openai", ask, whole, stream=False)
    stream = model.stream(**ask)
    save("langchain-openai", "langchain_openai_stream", ask, stream, stream=True)


def langchain_anthropic(base, save):
    """A chat model of Anthropic's, invoked and streamed."""
    from langchain_anthropic import ChatAnthropic

    model = ChatAnthropic(model="claude-sonnet-4-5", base_url=base)
    ask = {"input": "Weather?"}
    whole = model.invoke(**ask)
    save("langchain-anthropic", "langchain_anthropic", ask, whole, stream=False)
    stream = model.stream(**ask)
    save("langchain-anthropic", "langchain_anthropic_stream", ask, stream, stream=True)


def groq(base, save):
    """Chat by Groq's own SDK, whole and as a stream."""
    from groq import Groq

    client = Groq(api_key="none", base_url=base)
    ask = {"model": "openai/gpt-oss-20b", "messages": ASK}
    save("groq", "groq", ask, client.chat.completions.create(**ask), stream=False)
    stream = client.chat.completions.create(**ask, stream=True)
    save("groq", "groq_stream", ask, stream, stream=True)


def langchain_aws(base, save):
    """A chat model on Bedrock, invoked and streamed."""
    from langchain_aws import ChatBedrockConverse

    name = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    model = ChatBedrockConverse(model=name, endpoint_url=base)
    ask = {"input": "Weather?"}
    whole = model.invoke(**ask)
    save("langchain-aws", "langchain_aws", ask, whole, stream=False)
    stream = model.stream(**ask)
    save("langchain-aws", "langchain_aws_stream", ask, stream, stream=True)


def langchain_google(base, save):
    """A chat model of Gemini's, invoked and streamed."""
    from langchain_google_genai import ChatGoogleGenerativeAI

    model = ChatGoogleGenerativeAI(
        model="gemini-2.5-flash", api_key="none", base_url=base
    )
    ask = {"input": "Weather?"}
    whole = model.invoke(**ask)
    save("langchain-google-genai", "langchain_google", ask, whole, stream=False)
    stream = model.stream(**ask)
    save("langchain-google-genai", "langchain_google_stream", ask, stream, stream=True)


CALLS = {
    "groq": groq,
    "langchain-aws": langchain_aws,
    "langchain-google-genai": langchain_google,
    "openai": openai,
    "anthropic": anthropic,
    "google-genai": google,
    "mistralai": mistralai,
    "cohere": cohere,
    "ollama": ollama,
    "boto3": boto3,
    "litellm": litellm,
    "langchain-openai": langchain_openai,
    "langchain-anthropic": langchain_anthropic,
}
