"""The values that every response shape is read into.

Its law: values only. A member that is None was not in the response:
a token count is never guessed, and never 0 for "unknown".
"""

from __future__ import annotations

import msgspec

from promptscribe.schema import JSONObject  # noqa: TC001 - msgspec reads it


class Usage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Tokens of one call, in the contract's sense.

    Attributes:
        prompt_tokens: All tokens of the request, those from and into a cache
            included (Anthropic and Bedrock report them apart: they are added).
        output_tokens: All tokens of the answer, reasoning included.
        reasoning_tokens: The part of *output_tokens* spent on reasoning.
        cache_read_tokens: The part of *prompt_tokens* read from a cache.
        cache_write_tokens: The part of *prompt_tokens* written to a cache.
        cache_write_1h_tokens: The part of *cache_write_tokens* that is kept for an
            hour (Anthropic's ``ephemeral_1h``), dearer than the five minutes' one.
        cache_write_12h_tokens: The part of *cache_write_tokens* that is kept for twelve
            hours (OpenAI's ``ttl_12h``), dearer than the half hour's one.
        cache_audio_read_tokens: The part of *cache_read_tokens* that is sound.
        cache_image_read_tokens: The part of *cache_read_tokens* that is pictures.
        input_audio_tokens: The part of *prompt_tokens* that is sound.
        output_audio_tokens: The part of *output_tokens* that is sound.
        input_image_tokens: The part of *prompt_tokens* that is pictures.
        output_image_tokens: The part of *output_tokens* that is pictures.
        input_video_tokens: The part of *prompt_tokens* that is moving pictures.
        output_video_tokens: The part of *output_tokens* that is moving pictures.
        input_audio_seconds: Sound in the request, where it is charged by its length:
            beside the tokens (Mistral) or instead of them (Whisper).
        total_cost: Dollars, where the response itself says what the call cost
            (``usage.cost`` of OpenRouter and LiteLLM, Perplexity's).
        output_share: The part of *total_cost* that is the answer's, from 0 to 1, where
            the response says that, too.
    """

    prompt_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    cache_write_12h_tokens: int | None = None
    cache_audio_read_tokens: int | None = None
    cache_image_read_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    output_image_tokens: int | None = None
    input_video_tokens: int | None = None
    output_video_tokens: int | None = None
    input_audio_seconds: int | float | None = None
    total_cost: float | None = None
    output_share: float | None = None


class ResponseFacts(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one response says.

    Attributes:
        output: Text of the answer; None where there is none (only tool calls).
        output_message: The answer as the contract's ChatMessage: ``role``,
            ``content``, ``tool_calls``, ``thinking``.
        finish_reason: The provider's own word.
        usage: Tokens; None where the response has no usage at all.
        model: The model that answered.
        provider: The contract's name of the provider, where the shape tells.
        service_tier: What served the call, as it sets the price: a tier (``flex``,
            ``priority`` …), or a place that is dearer (Anthropic's ``us``).
        shares: *usage* by answer or model, where there were several: the model that
            answered first.
        choices: The answers after the first, each as a ChatMessage.
        error_code: What went wrong, in the provider's word, where it answered all the
            same (OpenAI's responses with ``status: failed``).
        error_message: The sentence to it.
        has_answer: Whether the call is one that generates something; an embedding is
            not, and costs what its request does.
        is_message: Whether it is a message alone, and no response.
    """

    output: str | None = None
    output_message: JSONObject | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str | None = None
    provider: str | None = None
    service_tier: str | None = None
    shares: list[tuple[str | None, Usage]] | None = None
    choices: list[JSONObject] | None = None
    error_code: str | None = None
    error_message: str | None = None
    has_answer: bool = True
    is_message: bool = False

    @property
    def has_failed(self) -> bool:
        """Whether the provider says that something went wrong."""
        return self.error_code is not None or self.error_message is not None


class RequestFacts(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one request to a provider says.

    Attributes:
        messages: The messages as the contract's ChatMessages, system first.
        prompt: Prompt details: ``model``, ``temperature``, ``max_tokens``,
            ``tools`` … in the contract's names, the rest under ``other``.
            Without ``model`` where the request names none (a client bound to one).
        tool_choice: ``none``, ``auto``, ``required`` or the one function.
    """

    messages: list[JSONObject] | None = None
    prompt: JSONObject | None = None
    tool_choice: str | JSONObject | None = None
