"""The completion hook: whole typed messages, also where spans may not carry content.

Its law: the official instrumentations call it once for each call of a model, streams
and failures included, while the span is still open and knows all but its end.
``OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK=promptscribe`` is all that it takes.
Source: opentelemetry-util-genai 1.3b0, ``completion_hook.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe import _clock
from promptscribe._capture import failure
from promptscribe._capture.beginning import new_key
from promptscribe._dialects import gen_ai
from promptscribe._runtime.state import runtime
from promptscribe.otel.intake import intake
from promptscribe.otel.reading import plain, read_attributes, read_span

if TYPE_CHECKING:
    from promptscribe._dialects.span import Span

_CHAT: Final = "chat"


class PromptscribeCompletionHook:
    """Logs the completions of OpenTelemetry's own instrumentations."""

    def __init__(self) -> None:
        intake.is_exporting = True

    def on_completion(
        self,
        *,
        inputs: Any = (),
        outputs: Any = (),
        system_instruction: Any = (),
        tool_definitions: Any = None,
        span: Any = None,
        log_record: Any = None,
        **_: Any,
    ) -> None:
        """Log one call of a model."""
        try:
            said = {
                gen_ai.INPUT: plain(inputs),
                gen_ai.OUTPUT: plain(outputs),
                gen_ai.SYSTEM: plain(system_instruction),
                gen_ai.TOOLS: plain(tool_definitions),
            }
            content = {name: value for name, value in said.items() if value}
            intake.take(_call(content, span, log_record))
        except BaseException as problem:  # noqa: BLE001 - the call belongs to the user
            failure.note("otel_failed", problem)


def _call(content: dict[str, Any], span: Any, log_record: Any) -> Span:
    known = read_attributes(getattr(log_record, "attributes", None))
    read = read_span(span)
    attributes = {**known, **read.attributes, **content}
    now = runtime.wall_ns()
    if not read.has_ids or not read.began:
        # No provider, or a span that is not sampled: it has no attributes and maybe
        # no ids, but what was said is here.
        trace_id, span_id = _clock.new_trace(now).hex(), f"{new_key():016x}"
        read = msgspec.structs.replace(
            read, trace_id=trace_id, span_id=span_id, began=now
        )
        attributes.setdefault(gen_ai.OPERATION, _CHAT)
    return msgspec.structs.replace(read, attributes=attributes, ended=now)
