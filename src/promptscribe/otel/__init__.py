"""The OpenTelemetry plug-in, both ways: spans become prompt logs, logs become spans.

Its law: the only room that imports ``opentelemetry``. No global provider is set or
replaced, no exception leaves, and the application's own spans stay as they are.
"""

from promptscribe.otel.exporter import PromptscribeSpanExporter
from promptscribe.otel.hook import PromptscribeCompletionHook
from promptscribe.otel.installation import install
from promptscribe.otel.processor import PromptscribeSpanProcessor

__all__ = [
    "PromptscribeCompletionHook",
    "PromptscribeSpanExporter",
    "PromptscribeSpanProcessor",
    "install",
]
