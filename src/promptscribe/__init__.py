"""Record every LLM call, lose none.

Its law: importing this costs nothing. The names below load what they stand for when
they are first used: every pytest run of whoever has promptscribe installed loads this
file (for the plug-in), and so does each start of the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptscribe._capture.binding import propagate
    from promptscribe._capture.decorator import log_prompt
    from promptscribe._capture.manual import log_context, record_log, start_log
    from promptscribe._capture.presence import current_log
    from promptscribe._capture.propagation import extract, inject
    from promptscribe._capture.recording import Recording
    from promptscribe._runtime.control import (
        FlushResult,
        configure,
        force_flush,
        shutdown,
        stats,
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
    "extract",
    "force_flush",
    "inject",
    "log_context",
    "log_prompt",
    "propagate",
    "record_log",
    "shutdown",
    "start_log",
    "stats",
]

_HOMES = {
    "ConfigurationError": "errors",
    "FlushResult": "_runtime.control",
    "PromptLog": "schema",
    "PromptscribeError": "errors",
    "Recording": "_capture.recording",
    "configure": "_runtime.control",
    "current_log": "_capture.presence",
    "extract": "_capture.propagation",
    "force_flush": "_runtime.control",
    "inject": "_capture.propagation",
    "log_context": "_capture.manual",
    "log_prompt": "_capture.decorator",
    "propagate": "_capture.binding",
    "record_log": "_capture.manual",
    "shutdown": "_runtime.control",
    "start_log": "_capture.manual",
    "stats": "_runtime.control",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    if home.startswith("_capture"):
        # So that `stats` tells of a program that by then can open no file, too.
        import_module(f"{__name__}._runtime.control")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
