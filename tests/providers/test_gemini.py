"""What is special in Gemini's content."""

import pytest

from promptscribe import log_prompt
from promptscribe._providers.pricing import price
from promptscribe._providers.registry import interpret
from promptscribe.testing import captured_logs

FLEXIBLE = "gemini-3.8-flash-lite-tts"
"""A model for which the list has a price of that tier."""


def gemini(*parts, **more):
    """Build a response of Gemini's."""
    content = {"role": "model", "parts": list(parts)}
    return {"candidates": [{"content": content, "finishReason": "STOP"}]} | more


def test_a_prompt_that_gemini_blocked_says_so():
    """Without a candidate, the reason of the block is the reason."""
    facts = interpret({"promptFeedback": {"blockReason": "SAFETY"}})

    assert facts.finish_reason == "SAFETY"
    assert facts.output_message is None


def test_geminis_media_are_content():
    """Pictures become data URLs, other media keep their kind and place."""
    parts = [
        {"inlineData": {"mimeType": "image/png", "data": "a-_k"}},
        {"inline_data": {"mime_type": "audio/wav", "data": b"hi"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/i.png"}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/d.pdf"}},
        {"executableCode": {"code": "1 + 1", "language": "PYTHON"}},
        {"inlineData": {"mimeType": "image/png"}},
        {"text": ""},
        {},
    ]

    content = interpret(gemini(*parts)).output_message["content"]

    blob = {"type": "blob", "content": "aGk=", "mime_type": "audio/wav"}
    uri = {"type": "uri", "uri": "gs://b/d.pdf", "mime_type": "application/pdf"}
    code = {"code": "1 + 1", "language": "PYTHON"}
    assert content == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,a+/k"}},
        blob | {"modality": "audio"},
        {"type": "image_url", "image_url": {"url": "gs://b/i.png"}},
        uri,
        {"type": "executableCode", "executableCode": code},
    ]


def test_geminis_counts_may_be_text():
    """Protobuf's JSON writes large integers as text."""
    usage = {"promptTokenCount": "7", "candidatesTokenCount": 3.0}

    read = interpret(gemini({"text": "hi"}, usageMetadata=usage)).usage

    assert (read.prompt_tokens, read.output_tokens) == (7, 3)


def test_geminis_modalities_are_counted_apart():
    """Sound and pictures have prices of their own."""
    usage = {
        "promptTokenCount": 10,
        "candidatesTokenCount": 9,
        "cachedContentTokenCount": 4,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 6}],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 2}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 8}],
    }

    read = interpret(gemini({"text": "hi"}, usageMetadata=usage)).usage

    assert (read.input_audio_tokens, read.cache_audio_read_tokens) == (6, 2)
    assert (read.output_image_tokens, read.output_audio_tokens) == (8, None)


@pytest.mark.parametrize(
    ("told", "tier"),
    [
        ({"trafficType": "ON_DEMAND_FLEX"}, "flex"),
        ({"traffic_type": "ON_DEMAND_PRIORITY", "serviceTier": None}, "priority"),
        ({"trafficType": "ON_DEMAND"}, None),
        ({"serviceTier": "FLEX"}, "flex"),
        ({"service_tier": "standard"}, "standard"),
        ({"serviceTier": 1, "trafficType": [1]}, None),
    ],
)
def test_geminis_tier_sets_the_price(told, tier):
    """The Gemini API names it, Vertex tells it by the traffic."""
    counts = {"promptTokenCount": 1000, "candidatesTokenCount": 100}

    facts = interpret(gemini({"text": "hi"}, usageMetadata=counts | told))

    assert facts.service_tier == tier


def test_a_flexible_call_of_geminis_costs_half():
    """As the list of prices has it."""
    pytest.importorskip("genai_prices")
    counts = {"promptTokenCount": 1000, "candidatesTokenCount": 100}
    answer = gemini({"text": "hi"}, usageMetadata=counts, modelVersion=FLEXIBLE)
    flexible = gemini(
        {"text": "hi"},
        usageMetadata=counts | {"trafficType": "ON_DEMAND_FLEX"},
        modelVersion=FLEXIBLE,
    )

    usual, cheap = price(interpret(answer)), price(interpret(flexible))

    assert cheap.prompt_cost == pytest.approx(usual.prompt_cost / 2, abs=1e-12)
    assert cheap.output_cost == pytest.approx(usual.output_cost / 2, abs=1e-12)


def test_an_id_that_is_none_costs_no_log():
    """A program's own chunks may have anything under that name."""

    @log_prompt
    def stream():
        yield from (gemini({"text": text}, responseId={"n": text}) for text in "ab")

    with captured_logs() as logs:
        list(stream())

    assert [log.output for log in logs] == ["ab"]
