"""The unseen: our own requests show in nobody's traces and in nobody's log.

Its law: nothing is imported for it, and nothing of others is held back.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def keep_quiet() -> None:
    """Keep our own requests out of httpx's log: it writes a line at INFO for each.

    The filter lets through whatever is not of our threads.
    """
    import logging

    for name in ("httpx", "httpx2"):
        logger = logging.getLogger(name)
        if _is_not_ours not in logger.filters:
            logger.addFilter(_is_not_ours)


def _is_not_ours(record: Any) -> bool:
    return not str(record.threadName).startswith("promptscribe-")


@contextlib.contextmanager
def uninstrumented() -> Iterator[None]:
    """Keep the application's OpenTelemetry from tracing our own requests.

    The keys are the ones that the SDK's own exporters set (opentelemetry-api,
    ``context/__init__.py``). Nothing is imported for it: without the module
    there is nobody who would trace.
    """
    context = sys.modules.get("opentelemetry.context")
    current = context and context.get_current()
    for name in ("_SUPPRESS_INSTRUMENTATION_KEY", "_SUPPRESS_HTTP_INSTRUMENTATION_KEY"):
        key = getattr(context, name, None)
        if context is not None and key is not None:
            current = context.set_value(key, True, current)
    token = context and context.attach(current)
    try:
        yield
    finally:
        if context is not None:
            context.detach(token)
