"""Names of models and providers: the many spellings and the contract's one.

Its law: a name that is not known passes through as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

PROVIDERS: Final = {
    "openai": "openai",
    "openai_azure": "openai_azure",
    "azure": "openai_azure",
    "azure_openai": "openai_azure",
    "azure_ai": "openai_azure",
    "azure.ai.openai": "openai_azure",
    "az.ai.openai": "openai_azure",
    "azure.ai.inference": "openai_azure",
    "az.ai.inference": "openai_azure",
    "anthropic": "anthropic",
    "bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "amazon_bedrock": "bedrock",
    "aws": "bedrock",
    "aws.bedrock": "bedrock",
    "aws_bedrock": "bedrock",
    "amazon": "bedrock",
    "google": "google",
    "gemini": "google",
    "google_genai": "google",
    "google_vertexai": "google",
    "google_anthropic_vertex": "google",
    "vertex_ai": "google",
    "vertex_ai_beta": "google",
    "gcp.gen_ai": "google",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "groq": "groq",
    "deepseek": "deepseek",
    "replicate": "replicate",
    "mock": "mock",
    "mistral": "mistral",
    "mistralai": "mistral",
    "mistral_ai": "mistral",
    "xai": "x_ai",
    "x-ai": "x_ai",
    "x_ai": "x_ai",
    "perplexity": "perplexity",
    "ollama": "ollama",
    "ollama_chat": "ollama",
    "openrouter": "openrouter",
    "together": "together",
    "together_ai": "together",
    "fireworks": "fireworks",
    "fireworks_ai": "fireworks",
    "cerebras": "cerebras",
    "moonshot": "moonshot_ai",
    "moonshotai": "moonshot_ai",
    "moonshot_ai": "moonshot_ai",
    "huggingface": "huggingface",
    "databricks": "databricks",
    "ibm.watsonx.ai": "ibm.watsonx.ai",
    "watsonx": "ibm.watsonx.ai",
}
"""Spellings of providers, lower-case, and the contract's name.

The contract names ten (``ModelProvider``); others are open and take the name of
OpenTelemetry's ``gen_ai.provider.name``. Prefixes with an underscore are LiteLLM's
(https://docs.litellm.ai/docs/providers) and LangChain's ``model_provider``.
"""

_FAMILIES: Final = (
    (re.compile(r"(ft:)?(gpt-(?!oss)|chatgpt-|o[134](-|$)|davinci|babbage)"), "openai"),
    (re.compile(r"text-embedding-(3-|ada-)|dall-e-|whisper-1$"), "openai"),
    (re.compile(r"claude"), "anthropic"),
    (re.compile(r"(models/)?(gemini|learnlm)-"), "google"),
    (re.compile(r"grok-"), "x_ai"),
    (re.compile(r"sonar(-|$)"), "perplexity"),
    (re.compile(r"deepseek-(chat|reasoner)$"), "deepseek"),
    (re.compile(r"command-"), "cohere"),
)
"""Models that only their maker names so; open weights are served by anyone."""

_REGION: Final = re.compile(r"^(?:[a-z]{2}(?:-gov)?|apac|amer|global)\.(?=[a-z0-9]+\.)")
_BEDROCK: Final = re.compile(
    r"^(?:anthropic|amazon|meta|mistral|cohere|ai21|deepseek|openai|qwen|stability"
    r"|writer|twelvelabs|luma)\.(?P<model>[\w.\-]+?)(?:-v\d+)?(?::\d+)?(?::\w+)?$"
)
"""A Bedrock model id: ``maker.model-vN:M``, maybe behind a region's prefix
(https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html)."""

_DATE: Final = re.compile(
    r"[-@](?:20\d{2}-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])|latest)$"
)
_FINE_TUNED: Final = re.compile(r"^ft:(?P<model>[^:]+)(?::.*)?$")
_VARIANT: Final = re.compile(r":(?:free|extended|nitro|floor|online|exacto|thinking)$")
_PATH: Final = ("models/", "publishers/google/models/", "accounts/fireworks/models/")


_OPEN: Final = re.compile(
    r"gpt-oss|llama|(?:open-)?mi[sx]tral-(?:7b|8x|nemo)|mixtral|ministral|devstral"
    r"|pixtral|deepseek-(?:r1|v\d|coder)|qwen|gemma|phi-?\d|kimi|glm-|minimax"
)
"""Models whose weights are open: anybody may serve them, at any price or none."""
_SOLD: Final = re.compile(r"-(?:latest|preview|\d{4})$")
"""How their makers name them where they sell them (``devstral-small-2507``)."""
_MAKERS: Final = frozenset({"deepseek", "google", "mistralai", "moonshotai", "openai"})
"""Prefixes that name who made a model: Hugging Face's, and LM Studio's and vLLM's."""


NAMES: Final = 256
"""Names that are remembered: a program uses few of them."""


def provider_name(name: str | None) -> str | None:
    """Give the contract's name of a provider.

    Args:
        name: Any spelling (``azure``, ``gcp.gemini``, ``AWS``); None is none.

    Returns:
        The contract's name; an unknown name in lower case; None for nothing.
    """
    if not name:
        return None
    lower = name.strip().lower()
    return PROVIDERS.get(lower, lower) or None


@lru_cache(NAMES)
def maker_of(model: str | None) -> str | None:
    """Give the provider of a model that its maker alone serves under this name."""
    lower = (model or "").lower()
    return next((who for known, who in _FAMILIES if known.match(lower)), None)


@lru_cache(NAMES)
def is_anyones(name: str) -> bool:
    """Say whether a name leaves open who serves the model: it has open weights.

    Ollama's ``deepseek-r1:8b`` and LM Studio's ``openai/gpt-oss-20b`` cost nothing;
    ``groq/…``, ``mistral/…`` and a Bedrock id name the seller.
    """
    prefix, slash, _ = name.lower().partition("/")
    is_makers = prefix in _MAKERS or prefix not in PROVIDERS
    if name.startswith(_PATH) or (slash and not is_makers):
        return False
    bare = name.lower().rpartition("/")[2]
    return bool(_OPEN.match(bare)) and (bool(slash) or not _SOLD.search(bare))


def split_model(name: str) -> tuple[str | None, str]:
    """Split a decorated model name into its provider and the bare model.

    Args:
        name: As given to or by a provider: ``azure/gpt-4o``,
            ``ft:gpt-4o-mini:org::id``, ``us.anthropic.claude-3-5-sonnet-v2:0``,
            ``gpt-4o-2024-08-06``.

    Returns:
        The contract's provider, None where the name does not tell; and the model
        without provider, region, version, fine-tuning and date.
    """
    provider, model = split_provider(name)
    tuned = _FINE_TUNED.match(model)
    if tuned:
        provider, model = provider or "openai", tuned["model"]
    for prefix in _PATH:
        model = model.removeprefix(prefix)
    return provider, _DATE.sub("", _VARIANT.sub("", model))


@lru_cache(NAMES)
def split_provider(name: str) -> tuple[str | None, str]:
    """Split off what names the provider only; the model keeps tuning and date."""
    name = name.strip()
    provider = None
    prefix, slash, rest = name.partition("/")
    known = PROVIDERS.get(prefix.lower()) if slash and rest else None
    if known is not None:
        provider, name = known, rest  # "openrouter/openai/gpt-4o" keeps its maker
    local = _REGION.sub("", name)
    hosted = _BEDROCK.match(local)
    if hosted:
        return provider or "bedrock", hosted["model"]
    return provider, name
