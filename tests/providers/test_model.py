import pytest

from promptscribe._providers.model import maker_of, provider_name, split_model


@pytest.mark.parametrize(
    ("name", "provider", "model"),
    [
        ("gpt-4o", None, "gpt-4o"),
        ("gpt-4o-2024-08-06", None, "gpt-4o"),
        ("azure/gpt-4o", "openai_azure", "gpt-4o"),
        ("openai/gpt-4o-2024-08-06", "openai", "gpt-4o"),
        ("ft:gpt-4o-mini-2024-07-18:org::id", "openai", "gpt-4o-mini"),
        ("anthropic/claude-3.5-sonnet", "anthropic", "claude-3.5-sonnet"),
        ("claude-sonnet-4-5-20250929", None, "claude-sonnet-4-5"),
        ("claude-3-5-sonnet-latest", None, "claude-3-5-sonnet"),
        ("vertex_ai/claude-sonnet-4@20250514", "google", "claude-sonnet-4"),
        ("models/gemini-2.5-flash", None, "gemini-2.5-flash"),
        ("gemini/gemini-2.5-pro", "google", "gemini-2.5-pro"),
        (
            "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
            "bedrock",
            "claude-3-5-sonnet",
        ),
        ("anthropic.claude-3-haiku-20240307-v1:0", "bedrock", "claude-3-haiku"),
        ("bedrock/eu.amazon.nova-lite-v1:0", "bedrock", "nova-lite"),
        ("amazon.nova-lite-v1:0", "bedrock", "nova-lite"),
        ("openrouter/openai/gpt-4o:free", "openrouter", "openai/gpt-4o"),
        ("groq/openai/gpt-oss-120b", "groq", "openai/gpt-oss-120b"),
        ("meta-llama/Llama-3.3-70B", None, "meta-llama/Llama-3.3-70B"),
        ("llama3.2:3b", None, "llama3.2:3b"),
        ("", None, ""),
        ("/", None, "/"),
        ("azure/", None, "azure/"),
    ],
)
def test_a_name_is_split_into_provider_and_model(name, provider, model):
    """Prefix, region, version, tuning and date go; the model stays."""
    assert split_model(name) == (provider, model)


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("openai", "openai"),
        ("OpenAI", "openai"),
        ("azure.ai.openai", "openai_azure"),
        ("az.ai.inference", "openai_azure"),
        ("AWS", "bedrock"),
        ("aws.bedrock", "bedrock"),
        ("gcp.vertex_ai", "google"),
        ("Google", "google"),
        ("Replicate", "replicate"),
        ("mistral_ai", "mistral"),
        ("xai", "x_ai"),
        ("SomeoneNew", "someonenew"),
        ("", None),
        (None, None),
    ],
)
def test_a_provider_has_one_name(name, provider):
    """Every spelling leads to the contract's name; a new one passes through."""
    assert provider_name(name) == provider


@pytest.mark.parametrize(
    ("model", "maker"),
    [
        ("o3-mini", "openai"),
        ("chatgpt-4o-latest", "openai"),
        ("gpt-oss-20b", None),
        ("claude-opus-4", "anthropic"),
        ("learnlm-2.0", "google"),
        ("command-r", "cohere"),
        ("deepseek-chat", "deepseek"),
        ("deepseek-r1:8b", None),
        ("octo-7b", None),
        (None, None),
    ],
)
def test_a_maker_is_named_where_no_one_else_serves_the_model(model, maker):
    """Open weights are served by anyone: their name says nothing."""
    assert maker_of(model) == maker
