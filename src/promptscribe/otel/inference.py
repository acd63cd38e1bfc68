"""The inference context: OpenTelemetry's own instrumentations report to our log.

Its law: an option (``otel_context``), since it has a price: the instrumentation makes
no span of its own then, and the application's monitoring misses the call. Of several
calls inside one log the last one stays. It works without any provider.
Source: opentelemetry-util-genai 1.3b0, ``_inference_invocation.py``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context

from promptscribe._capture.report import Report
from promptscribe._dialects import gen_ai
from promptscribe._dialects.span import Span
from promptscribe.otel.attached import Attached
from promptscribe.otel.filling import update_for
from promptscribe.otel.reading import plain

if TYPE_CHECKING:
    from promptscribe._capture.recording import Recording

KEY: Final = "opentelemetry.genai.client.inference.context"
"""``CLIENT_INFERENCE_CONTEXT_KEY``."""

_NAMES: Final = {
    "operation_name": gen_ai.OPERATION,
    "provider_name": "gen_ai.provider.name",
    "request_model": gen_ai.REQUEST_MODEL,
    "request_temperature": "gen_ai.request.temperature",
    "request_top_p": "gen_ai.request.top_p",
    "request_top_k": "gen_ai.request.top_k",
    "request_max_tokens": "gen_ai.request.max_tokens",
    "request_seed": "gen_ai.request.seed",
    "request_choice_count": "gen_ai.request.choice.count",
    "request_frequency_penalty": "gen_ai.request.frequency_penalty",
    "request_presence_penalty": "gen_ai.request.presence_penalty",
    "request_reasoning_level": "gen_ai.request.reasoning.level",
    "request_stop_sequences": "gen_ai.request.stop_sequences",
    "request_stream": "gen_ai.request.stream",
    "response_finish_reasons": gen_ai.FINISH_REASONS,
    "response_id": gen_ai.RESPONSE_ID,
    "response_model": "gen_ai.response.model",
    "response_time_to_first_chunk": "gen_ai.response.time_to_first_chunk",
    "usage_input_tokens": "gen_ai.usage.input_tokens",
    "usage_output_tokens": "gen_ai.usage.output_tokens",
    "usage_reasoning_output_tokens": "gen_ai.usage.reasoning.output_tokens",
    "usage_cache_read_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "usage_cache_write_input_tokens": "gen_ai.usage.cache_write.input_tokens",
    "system_instructions": gen_ai.SYSTEM,
    "input_messages": gen_ai.INPUT,
    "output_messages": gen_ai.OUTPUT,
    "tool_definitions": gen_ai.TOOLS,
}
"""Fields of ``InferenceData``, and the attributes that the same facts have."""


class Inference:
    """Has the calls inside one log report to it."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self._attached = Attached()

    def enter(self) -> None:
        """Have calls that begin now report here."""
        self._attached.enter(otel_context.set_value(KEY, self._data))

    def leave(self) -> None:
        """Have later ones report to whom they did before."""
        self._attached.leave()

    def tell(self, recording: Recording) -> None:
        """Fill the log with what was reported."""
        attributes = {
            name: plain(value)
            for field, name in _NAMES.items()
            if (value := getattr(self._data, field, None)) not in (None, [], ())
        }
        if gen_ai.REQUEST_MODEL in attributes or gen_ai.OUTPUT in attributes:
            span = Span(trace_id="0" * 32, span_id="0" * 16, attributes=attributes)
            Report(recording, update_for(recording, span))


def open_context() -> Inference | None:
    """Return a place for reports; None where nobody could report to it."""
    try:  # by name: it is a beta that moves, and most applications do without
        invocation = import_module("opentelemetry.util.genai.invocation")
        data = invocation.InferenceData(capture_content=True, upload_completion=False)
    except (ImportError, AttributeError, TypeError):
        return None
    return Inference(data)
