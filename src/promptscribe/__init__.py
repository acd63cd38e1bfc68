"""Record every LLM call, lose none."""

from __future__ import annotations

from promptscribe._capture.decorator import log_prompt
from promptscribe._capture.manual import log_context, record_log, start_log
from promptscribe._capture.recording import Recording, current_log
from promptscribe._runtime.control import (
    FlushResult,
    configure,
    force_flush,
    shutdown,
)
from promptscribe.errors import ConfigurationError, PromptscribeError
from promptscribe.schema import PromptLog

__version__ = "0.1.0"

__all__ = [
    "ConfigurationError",
    "FlushResult",
    "PromptLog",
    "PromptscribeError",
    "Recording",
    "configure",
    "current_log",
    "force_flush",
    "log_context",
    "log_prompt",
    "record_log",
    "shutdown",
    "start_log",
]
